"""Results of a script: figures with a kind and a bar, and the table that shows them.

Machines differ, so speeds are compared by ratio to a yardstick of the same run. Figures that do not
depend on a machine's speed (requests, requests per second under a limit) are compared as they are.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Protocol

from .machine import machine

#: How much worse than the stored figure each kind may be before that is a regression.
TOLERANCE = {
    "count": 0.0,  # requests or rows
    "pace": 0.03,  # depends on a limit, not on the machine: requests per second, shares
    "memory": 0.15,  # MB
    "rate": 0.2,  # rows or records per second of the clock
    "cpu": 0.2,  # CPU seconds
    "seconds": 0.25,  # seconds of the clock
}


@dataclass(frozen=True)
class Figure:
    """One number: its kind (a key of `TOLERANCE`), its bar, and whether more of it is better.

    With a bar of None the figure is only compared with the stored figure. ``tolerance`` replaces
    the tolerance of the kind. ``note`` is shown beside it.
    """

    name: str
    value: float
    kind: str
    bar: float | None = None
    more_is_better: bool = False
    tolerance: float | None = None
    note: str = ""

    @property
    def meets_bar(self) -> bool:
        """Return whether it meets its bar."""
        if self.bar is None:
            return True
        return self.value >= self.bar if self.more_is_better else self.value <= self.bar


def but_for(requests: int, value: int) -> float:
    """Return the tolerance of a count that may differ by so many requests from run to run.

    Concurrent requests are answered in any order, so a request may or may not be prefetched.
    """
    return requests / max(1, value - requests)


@dataclass(frozen=True)
class Yardstick:
    """The duration of a fixed piece of work: seconds of the clock and of the CPU."""

    seconds: float
    cpu: float


@dataclass(frozen=True)
class Found:
    """The result of a script: figures, further claims, and text to show beside them."""

    title: str
    figures: tuple[Figure, ...]
    claims: tuple[tuple[bool, str], ...] = ()
    beside: tuple[tuple[str, str], ...] = ()

    @property
    def below(self) -> dict[str, str]:
        """Return the figures that miss their bars, and by how much."""
        return {
            f.name: f"{f.name}: {number(f.value)}, bar {number(f.bar)}"
            for f in self.figures
            if not f.meets_bar
        }

    @property
    def missed(self) -> list[str]:
        """Return everything that fails."""
        return [*self.below.values(), *(text for holds, text in self.claims if not holds)]


def memory_figures(
    peak_mb: float, peak_mb_of_tenth: float, most_mb: float, growth: float
) -> tuple[Figure, Figure]:
    """Return the peak memory of a load, and its ratio to that of a tenth of the load."""
    ratio = peak_mb / peak_mb_of_tenth
    return (
        Figure("peak MB", peak_mb, "memory", most_mb),
        Figure("times that over a tenth of them", ratio, "memory", growth),
    )


def number(value: float | None) -> str:
    """Format a number for people."""
    if value is None:
        return ""
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 1 else f"{value:.2f}"


def show(found: Found) -> None:
    """Print a table of the figures and their bars."""
    print(f"\n{found.title}  ({machine()})")
    rows = [("", "measured", "bar", "")]
    rows += [(f.name, number(f.value), number(f.bar), f.note) for f in found.figures]
    rows += [(name, text, "", "") for name, text in found.beside]
    # A long text has no column of its own.
    widths = [max(len(row[at]) for row in rows if len(row[at]) < 60) for at in range(4)]
    for row in rows:
        print("  " + "  ".join(map(str.ljust, row, widths)).rstrip())
    for text in found.missed:
        print(f"  MISSED: {text}")
    sys.stdout.flush()


def asks_short() -> bool:
    """Return whether the short form is requested, by argument or environment."""
    return "--short" in sys.argv or bool(os.environ.get("BENCH_SHORT"))


class Measure(Protocol):
    """The function of each script: measure in the whole or the short form."""

    def __call__(self, *, short: bool) -> Found:
        """Measure."""


def run_script(measure: Measure) -> None:
    """Measure, print, and end with 1 if a bar is missed: the `main` of each script."""
    if {"-h", "--help"} & set(sys.argv):
        print(f"{sys.modules['__main__'].__doc__}\n--short measures in a short form.")
        return
    found = measure(short=asks_short())
    show(found)
    if found.missed:
        raise SystemExit(1)
