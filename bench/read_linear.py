"""CPU of the tap per record over few contacts and over thirty times as many: it is constant.

Start-up is subtracted: the CPU of a run over an account of one page. A machine's speed varies, so
every run over many contacts is between two over few, and the figure is the median of their ratios.
An argument replaces the larger number of contacts.
"""

from __future__ import annotations

import contextlib
import statistics
import sys
from typing import TYPE_CHECKING

from .figures import Figure, Found, run_script
from .measuring import Tap, account, temp_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE, FEW, TIMES = 100, 10_000, 30
RUNS = 5
GROWTH = 1.1
STREAMS = ("crm_contacts",)


class Load:
    """An account with so many contacts, and the CPU seconds that the tap takes to read them."""

    def __init__(self, tap: Tap, contacts: int) -> None:
        """Measure nothing yet."""
        self._tap, self.contacts = tap, contacts

    def seconds(self) -> float:
        """Read them once; return the seconds in the program and in the system for it."""
        ran = self._tap.run()
        if ran.records != dict.fromkeys(STREAMS, self.contacts):
            raise SystemExit(f"not every contact came: {ran.records}")
        return ran.cpu


@contextlib.contextmanager
def load_of(contacts: int) -> Iterator[Load]:
    """Start an account that stores no pages, so that its speed does not depend on its size."""
    options = ("--contacts", str(contacts), "--keep-pages-mb", "0", "--requests-per-second", "0")
    fields = ("--contact-fields", "3", "--values-per-contact", "3")
    with temp_folder() as folder, account(folder, *options, *fields) as url:
        yield Load(Tap(folder, url, STREAMS), contacts)


def measure(*, short: bool) -> Found:
    """Load accounts of three sizes; in the short form the largest is smaller."""
    sizes = [int(word) for word in sys.argv[1:] if word.isdecimal()]
    few = FEW // 2 if short else FEW
    many = sizes[0] if sizes else few * (10 if short else TIMES)
    runs = 3 if short else RUNS
    each: dict[int, list[float]] = {few: [], many: []}
    ratios = []
    with load_of(PAGE) as nothing, load_of(few) as small, load_of(many) as large:
        start_up = statistics.median(nothing.seconds() for _ in range(runs))

        def cost(load: Load) -> float:
            found = (load.seconds() - start_up) / (load.contacts - PAGE)
            each[load.contacts].append(found)
            return found

        for _ in range(runs):
            before, now, after = cost(small), cost(large), cost(small)
            ratios.append(2 * now / (before + after))
    return Found(
        f"CPU of the tap per record, start-up subtracted, median of {runs}",
        (
            *(
                Figure(
                    f"microseconds at {contacts:,} contacts", 1e6 * statistics.median(all_), "cpu"
                )
                for contacts, all_ in each.items()
            ),
            Figure(
                *(f"at {many:,} beside {few:,}", statistics.median(ratios), "pace", GROWTH),
                tolerance=GROWTH - 1,
            ),
        ),
        beside=(("start-up", f"{start_up:.2f} s"),),
    )


def main() -> None:
    """Measure and check the bars."""
    run_script(measure)


if __name__ == "__main__":
    main()
