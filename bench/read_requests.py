"""Requests of a first load of 10,000 contacts, and of a run without changes.

They are compared with the bar, and with singer-io's tap 1.3.1, which took 929 requests for
less.
"""

from __future__ import annotations

from .figures import Figure, Found, but_for, run_script
from .measuring import CONTACT_STREAMS, Tap, account, log_of, temp_folder

CONTACTS = 10_000
SHAPE = ("--contacts", str(CONTACTS), "--accounts", "1000", "--contact-fields", "8")


def measure(*, short: bool) -> Found:  # noqa: ARG001 - whole, it takes seconds
    """Load once, and once more."""
    with (
        temp_folder() as folder,
        account(folder, *SHAPE, "--values-per-contact", "8", "--requests-per-second", "0") as url,
    ):
        tap = Tap(folder, url, CONTACT_STREAMS)
        before = log_of(url)["requests"]
        first = tap.run()
        middle = log_of(url)["requests"]
        second = tap.run(tap.state)
        after = log_of(url)["requests"]
    return Found(
        f"Requests, {CONTACTS:,} contacts with 8 fields, tags, memberships and accounts",
        (
            Figure(
                *("first load, both contact streams", middle - before, "count", 115),
                tolerance=but_for(1, middle - before),
            ),
            Figure("nothing changed", after - middle, "count", 25),
        ),
        (
            (sum(first.records.values()) == 2 * CONTACTS, "every record once"),
            (not second.records, "no record twice"),
        ),
    )


def main() -> None:
    """Measure and check the bars."""
    run_script(measure)


if __name__ == "__main__":
    main()
