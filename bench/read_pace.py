"""Requests per second of a read whose answers take about a second each.

An account allows five a second and answers in 0.7 to 1.3 seconds; one request at a time would make
one a second. Requests are counted on arrival at the account, from the first to the last. It is
compared with singer-io's tap 1.3.1 against the same account, in its own environment (`make peer`;
without it the comparison is left out).
"""

from __future__ import annotations

from . import peer
from .figures import Figure, Found, number, run_script
from .measuring import CONTACT_STREAMS, Tap, account, log_of, pace_of, temp_folder

BAR = 4.7
PEER_SECONDS = 60


def measure(*, short: bool) -> Found:
    """Read contacts with everything sideloaded: 20,000, or 6,000 in the short form.

    The short form has no bar: its first seconds, in which few requests are known, weigh too much.
    It is compared with the stored figure.
    """
    contacts = 6_000 if short else 20_000
    bar = None if short else BAR
    with (
        temp_folder() as folder,
        account(
            folder,
            *("--contacts", str(contacts), "--contact-fields", "8", "--values-per-contact", "8"),
            *("--accounts", "1000", "--latency-ms", "1000"),
        ) as url,
    ):
        tap = Tap(folder, url, CONTACT_STREAMS, requests_per_second=5)
        since = log_of(url)["arrivals"]
        ran = tap.run()
        log = log_of(url, since)
        beside = [
            ("requests", number(log["requests"])),
            ("seconds from the first to the last, and with start-up", _seconds(log, ran.seconds)),
        ]
        if not short:
            beside += peer.pace(folder, url, PEER_SECONDS)
    return Found(
        f"Requests per second, {contacts:,} contacts with 8 fields, tags, memberships and accounts,"
        " latency 0.7 to 1.3 s, limit 5",
        (
            Figure("requests per second", pace_of(log), "pace", bar, more_is_better=True),
            Figure("most in a rolling second", log["busiest_second"], "count", 5),
            Figure("refused (429)", log["throttled"], "count", 0),
        ),
        ((sum(ran.records.values()) == 2 * contacts, "every record once"),),
        tuple(beside),
    )


def _seconds(log: dict[str, float], whole: float) -> str:
    return f"{log['last'] - log['first']:.1f}, {whole:.1f}"


def main() -> None:
    """Measure and check the bars."""
    run_script(measure)


if __name__ == "__main__":
    main()
