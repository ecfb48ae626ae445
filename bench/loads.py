"""What a load of a million rows must show: flat memory, linear time, every row once.

CPU seconds per row must be linear, without start-up. Seconds of the clock also depend on other load
of the machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .figures import Figure, Found

if TYPE_CHECKING:
    from collections.abc import Callable

GROWTH, SLOWER = 1.5, 1.15


class Once:
    """Numbers with one byte each that counts: never seen, seen once, seen more often."""

    def __init__(self) -> None:
        """See none yet."""
        self._seen = bytearray()

    def note(self, number: int) -> None:
        """Count a number."""
        if number >= len(self._seen):
            self._seen.extend(bytes(number + 4096 - len(self._seen)))
        self._seen[number] = min(2, self._seen[number] + 1)

    def is_all(self, count: int) -> bool:
        """Return whether the numbers from 1 to ``count`` were seen once, and no others."""
        expected = b"\0" + b"\1" * count
        return self._seen.rstrip(b"\0") == expected.rstrip(b"\0")


@dataclass(frozen=True)
class Load:
    """One load: rows, seconds of clock and CPU, peak MB, and whether it is complete."""

    rows: int
    seconds: float
    cpu: float
    peak_mb: float
    is_complete: bool


def judged(
    title: str, claim: str, load: Callable[[int], Load], counts: tuple[int, int, int], bar_mb: int
) -> Found:
    """Load few, some and many rows, and compare the last load with the others."""
    nothing, some, many = (load(count) for count in counts)

    def cost(load: Load) -> float:
        return (load.cpu - nothing.cpu) / (load.rows - nothing.rows)

    few, all_ = counts[1:]
    return Found(
        f"{all_:,} {title}; no limit",
        (
            Figure(f"peak MB over {all_:,}", many.peak_mb, "memory", bar_mb),
            Figure(f"times that over {few:,}", many.peak_mb / some.peak_mb, "memory", GROWTH),
            Figure(
                *(f"CPU of a row, beside that among {few:,}", cost(many) / cost(some), "pace"),
                SLOWER,
                tolerance=SLOWER - 1,
            ),
            Figure("rows per second", many.rows / many.seconds, "rate", more_is_better=True),
        ),
        tuple(
            (load.is_complete, f"{claim} of {count:,}")
            for load, count in zip((nothing, some, many), counts, strict=True)
        ),
        (
            ("minutes", f"{many.seconds / 60:.1f}"),
            ("microseconds of CPU a row", f"{1e6 * cost(some):.0f}; {1e6 * cost(many):.0f}"),
        ),
    )
