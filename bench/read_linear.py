"""CPU of the tap per record over few contacts and over thirty times as many: it does not grow.

Start-up is subtracted: what the tap takes for an account of one page. An argument replaces the
larger number of contacts.
"""

from __future__ import annotations

import statistics
import sys

from bench.figures import Figure, Found, told
from bench.measuring import Tap, account, workplace

PAGE, FEW, TIMES = 100, 10_000, 30
RUNS = 5
GROWTH = 1.1
STREAMS = ("crm_contacts",)


def seconds(contacts: int, runs: int) -> float:
    """Return the median of the tap's CPU seconds, in the program and in the system for it."""
    # The account keeps no pages: it is to be as fast for few contacts as for many.
    options = ("--contacts", str(contacts), "--keep-pages-mb", "0", "--requests-per-second", "0")
    fields = ("--contact-fields", "3", "--values-per-contact", "3")
    with workplace() as folder, account(folder, *options, *fields) as url:
        tap = Tap(folder, url, STREAMS)
        found = []
        for _ in range(runs):
            ran = tap.run()
            if ran.records != dict.fromkeys(STREAMS, contacts):
                raise SystemExit(f"not every contact came: {ran.records}")
            found.append(ran.cpu)
        return statistics.median(found)


def measure(*, short: bool) -> Found:
    """Load accounts of three sizes; in the short form the largest is smaller."""
    sizes = [int(word) for word in sys.argv[1:] if word.isdecimal()]
    few = FEW // 2 if short else FEW
    many = sizes[0] if sizes else few * (10 if short else TIMES)
    runs = 3 if short else RUNS
    start_up = seconds(PAGE, runs)
    each = {
        contacts: (seconds(contacts, runs) - start_up) / (contacts - PAGE)
        for contacts in (few, many)
    }
    return Found(
        f"CPU of the tap per record, start-up subtracted, median of {runs}",
        (
            *(
                Figure(f"microseconds at {contacts:,} contacts", 1e6 * one, "cpu")
                for contacts, one in each.items()
            ),
            Figure(
                *(f"at {many:,} beside {few:,}", each[many] / each[few], "pace", GROWTH),
                tolerance=GROWTH - 1,
            ),
        ),
        beside=(("start-up", f"{start_up:.2f} s"),),
    )


def main() -> None:
    """Measure and judge."""
    told(measure)


if __name__ == "__main__":
    main()
