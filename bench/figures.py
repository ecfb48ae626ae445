"""What a script found out, as data: figures with a kind and a bar, and the table they are told in.

Machines differ, so speeds are compared by ratio to a yardstick that was measured in the same run;
what no machine's speed changes (requests, requests per second under a limit) as it is.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Protocol

from .machine import machine

#: How far a figure of each kind may be worse than the kept one before that is a regression.
TOLERANCE = {
    "count": 0.0,  # requests or rows
    "pace": 0.03,  # what a limit and no machine decides: requests per second, shares
    "memory": 0.15,  # MB
    "rate": 0.2,  # things per second of the clock
    "cpu": 0.2,  # CPU seconds
    "seconds": 0.25,  # seconds of the clock
}


@dataclass(frozen=True)
class Figure:
    """One number: its kind (a key of `TOLERANCE`), its bar, and whether more of it is better.

    A bar of None is none: the figure is only compared with the kept one. ``tolerance`` replaces
    that of the kind; ``note`` is told beside it.
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
        """Say whether it is as good as it must be."""
        if self.bar is None:
            return True
        return self.value >= self.bar if self.more_is_better else self.value <= self.bar


def but_for(requests: int, value: int) -> float:
    """Return the tolerance of a count of requests that may be so many more from run to run.

    Requests that are under way at once are answered in any order, and one is asked ahead or not.
    """
    return requests / max(1, value - requests)


@dataclass(frozen=True)
class Yardstick:
    """How long a fixed piece of work took: seconds of the clock and of the CPU."""

    seconds: float
    cpu: float


@dataclass(frozen=True)
class Found:
    """What a script found out: figures, further claims, and what is told beside them."""

    title: str
    figures: tuple[Figure, ...]
    claims: tuple[tuple[bool, str], ...] = ()
    beside: tuple[tuple[str, str], ...] = ()

    @property
    def below(self) -> dict[str, str]:
        """Name the figures that miss their bars, and say by what."""
        return {
            f.name: f"{f.name}: {number(f.value)}, bar {number(f.bar)}"
            for f in self.figures
            if not f.meets_bar
        }

    @property
    def missed(self) -> list[str]:
        """Name all that does not hold."""
        return [*self.below.values(), *(text for holds, text in self.claims if not holds)]


def number(value: float | None) -> str:
    """Write a number as people read it."""
    if value is None:
        return ""
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 1 else f"{value:.2f}"


def show(found: Found) -> None:
    """Print a table of what was measured beside its bar."""
    print(f"\n{found.title}  ({machine()})")
    rows = [("", "measured", "bar", "")]
    rows += [(f.name, number(f.value), number(f.bar), f.note) for f in found.figures]
    rows += [(name, text, "", "") for name, text in found.beside]
    # A long text is not given a column: it runs on.
    widths = [max(len(row[at]) for row in rows if len(row[at]) < 60) for at in range(4)]
    for row in rows:
        print("  " + "  ".join(map(str.ljust, row, widths)).rstrip())
    for text in found.missed:
        print(f"  MISSED: {text}")
    sys.stdout.flush()


def asks_short() -> bool:
    """Say whether the short form is asked for, by argument or environment."""
    return "--short" in sys.argv or bool(os.environ.get("BENCH_SHORT"))


class Measure(Protocol):
    """What each script offers: measure whole or in a short form."""

    def __call__(self, *, short: bool) -> Found:
        """Measure."""


def told(measure: Measure) -> None:
    """Measure, print, and end with 1 where a bar is missed: what each script's `main` does."""
    if {"-h", "--help"} & set(sys.argv):
        print(f"{sys.modules['__main__'].__doc__}\n--short measures in a short form.")
        return
    found = measure(short=asks_short())
    show(found)
    if found.missed:
        raise SystemExit(1)
