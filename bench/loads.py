"""What a load of a million must show: memory flat, time linear, every row there once.

CPU per row is what is held to be linear, start-up subtracted: the clock also tells how busy the
machine is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .figures import Figure, Found

if TYPE_CHECKING:
    from collections.abc import Callable

GROWTH, SLOWER = 1.5, 1.15


class Once:
    """Numbers, a byte each, and how often each was seen: not, once, more often."""

    def __init__(self) -> None:
        """See none yet."""
        self._seen = bytearray()

    def note(self, number: int) -> None:
        """See a number."""
        if number >= len(self._seen):
            self._seen.extend(bytes(number + 4096 - len(self._seen)))
        self._seen[number] = min(2, self._seen[number] + 1)

    def is_all(self, count: int) -> bool:
        """Say whether those from 1 to ``count`` were seen once, and no other."""
        expected = b"\0" + b"\1" * count
        return self._seen.rstrip(b"\0") == expected.rstrip(b"\0")


@dataclass(frozen=True)
class Load:
    """One load: how many rows, seconds of clock and CPU, peak MB, and whether all are there."""

    rows: int
    seconds: float
    cpu: float
    peak_mb: float
    is_complete: bool


def judged(
    title: str, claim: str, load: Callable[[int], Load], counts: tuple[int, int, int], bar_mb: int
) -> Found:
    """Load hardly anything, some and many, and hold the last against the others."""
    nothing, some, many = (load(count) for count in counts)

    def cost(one: Load) -> float:
        return (one.cpu - nothing.cpu) / (one.rows - nothing.rows)

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
            (one.is_complete, f"{claim} of {count:,}")
            for one, count in zip((nothing, some, many), counts, strict=True)
        ),
        (
            ("minutes", f"{many.seconds / 60:.1f}"),
            ("microseconds of CPU a row", f"{1e6 * cost(some):.0f}; {1e6 * cost(many):.0f}"),
        ),
    )
