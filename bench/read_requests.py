"""Requests of a first load of 10,000 contacts, and of a run after which nothing changed.

Compared with: the issue's bar, and singer-io's tap 1.3.1 measured at 929 requests for less.
"""

from __future__ import annotations

from bench.measuring import CONTACT_STREAMS, Tap, account, judge, log_of, show, workplace

CONTACTS = 10_000
SHAPE = ("--contacts", str(CONTACTS), "--accounts", "1000", "--contact-fields", "8")


def main() -> None:
    """Measure and judge."""
    with (
        workplace() as folder,
        account(folder, *SHAPE, "--values-per-contact", "8", "--requests-per-second", "0") as url,
    ):
        tap = Tap(folder, url, CONTACT_STREAMS)
        before = log_of(url)["requests"]
        first = tap.run()
        middle = log_of(url)["requests"]
        second = tap.run(tap.state)
        after = log_of(url)["requests"]
    show(
        "Requests, 10,000 contacts with 8 fields, tags, memberships and accounts",
        [
            ("", "measured", "bar"),
            ("first load, both contact streams", str(middle - before), "115"),
            ("nothing changed", str(after - middle), "25"),
            ("records of the first load", str(sum(first.records.values())), str(2 * CONTACTS)),
            ("records when nothing changed", str(sum(second.records.values())), "0"),
        ],
    )
    judge(
        (middle - before <= 115, "first load within 115 requests"),
        (after - middle <= 25, "nothing changed within 25 requests"),
        (sum(first.records.values()) == 2 * CONTACTS, "every record once"),
        (not second.records, "no record twice"),
    )


if __name__ == "__main__":
    main()
