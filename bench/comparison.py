"""Figures beside the kept ones: what is noise, what is a regression, and what is kept again."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .figures import TOLERANCE, Found, Yardstick, number

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from .figures import Figure

#: What a second measurement may excuse: the machine's noise is in it, in a count never.
NOISY = frozenset(TOLERANCE) - {"count"}


@dataclass(frozen=True)
class Verdict:
    """One figure beside the kept one; ``worse`` is the share by which it is worse, 0.2 for 20 %.

    ``kept`` is what this machine, as fast as its yardstick is now, would have measured then.
    """

    figure: Figure
    kept: float | None
    worse: float

    @property
    def is_regression(self) -> bool:
        """Say whether it is worse than noise explains."""
        tolerance = self.figure.tolerance
        allowed = TOLERANCE[self.figure.kind] if tolerance is None else tolerance
        return self.worse > allowed + 1e-9

    @property
    def is_excused_by_another(self) -> bool:
        """Say whether measuring again may show that it was noise."""
        return self.figure.kind in NOISY

    def __str__(self) -> str:
        """Name the figure, what was kept and what was measured."""
        if self.kept is None:
            return f"{self.figure.name}: measured {number(self.figure.value)}, not kept yet"
        values = f"kept {number(self.kept)}, measured {number(self.figure.value)}"
        if not self.worse:
            return f"{self.figure.name}: {values}"
        how = f"{abs(self.worse):.1%} {'worse' if self.worse > 0 else 'better'}"
        return f"{self.figure.name}: {values}, {how}"


def normal(figure: Figure, yardstick: Yardstick) -> float:
    """Give a figure as a machine whose yardstick is one second would have it."""
    if figure.kind == "rate":
        return figure.value * yardstick.seconds
    if figure.kind == "seconds":
        return figure.value / yardstick.seconds
    if figure.kind == "cpu":
        return figure.value / yardstick.cpu
    return figure.value


def compare(figure: Figure, kept: float | None, yardstick: Yardstick) -> Verdict:
    """Set a figure beside the kept one, which is as `normal` gave it, None for a new figure."""
    if kept is None:
        return Verdict(figure, None, 0.0)
    here = normal(figure, yardstick)
    better, worse = (here, kept) if figure.more_is_better else (kept, here)
    nothing = 0.0 if worse == better else float("inf")
    share = worse / better - 1 if better > 0 else nothing
    return Verdict(figure, kept * figure.value / here if here else kept, share)


def better_of(first: list[Verdict], second: list[Verdict]) -> list[Verdict]:
    """Take of two measurements of a script the better of each figure that has noise in it.

    Of a count the worse is taken: one that differs from run to run is not known to hold.
    """
    again = {verdict.figure.name: verdict for verdict in second}
    return [
        (min if one.is_excused_by_another else max)(
            one, again.get(one.figure.name, one), key=lambda verdict: verdict.worse
        )
        for one in first
    ]


def missed_in_both(first: Found, second: Found) -> list[str]:
    """Name what does not hold, but for bars that noise alone missed in one of two measurements."""
    noisy = {one.name for one in first.figures if one.kind in NOISY}
    excused = noisy & (first.below.keys() ^ second.below.keys())
    told = dict.fromkeys([*first.missed, *second.missed])
    for found in (first, second):
        for name in excused & found.below.keys():
            del told[found.below[name]]
    return list(told)


@dataclass
class Kept:
    """What the repository keeps: by script and figure, comparable between machines."""

    measured: str = ""
    figures: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> Kept:
        """Read the file; nothing is kept where there is none."""
        if not path.exists():
            return cls()
        document = json.loads(path.read_text("utf-8"))
        return cls(document["measured"], document["figures"])

    def save(self, path: Path) -> None:
        """Write the file."""
        document = {"measured": self.measured, "figures": self.figures}
        path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", "utf-8")

    def take(self, script: str, found: Found, yardstick: Yardstick) -> None:
        """Keep what a script found in place of what it had found before."""
        self.figures[script] = {
            figure.name: {
                "value": float(f"{figure.value:.6g}"),
                "normal": float(f"{normal(figure, yardstick):.6g}"),
            }
            for figure in found.figures
        }

    def judge(self, script: str, found: Found, yardstick: Yardstick) -> list[Verdict]:
        """Set all figures of a script beside the kept ones."""
        kept = self.figures.get(script, {})
        return [
            compare(figure, kept.get(figure.name, {}).get("normal"), yardstick)
            for figure in found.figures
        ]

    def missing(self, script: str, found: Found) -> Iterable[str]:
        """Name the kept figures that a script no longer gives."""
        return sorted(set(self.figures.get(script, {})) - {one.name for one in found.figures})
