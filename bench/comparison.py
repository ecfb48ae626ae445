"""Compares figures with the stored figures: noise, regressions, and what to store again."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .figures import TOLERANCE, Found, Yardstick, number

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from .figures import Figure

#: Kinds that a second measurement may excuse: they depend on the machine's noise, counts do not.
NOISY = frozenset(TOLERANCE) - {"count"}


@dataclass(frozen=True)
class Verdict:
    """One figure and its stored value; ``worse`` is the share by which it is worse, 0.2 for 20 %.

    ``kept`` is the stored value for a machine with the present speed of this machine.
    """

    figure: Figure
    kept: float | None
    worse: float

    @property
    def is_regression(self) -> bool:
        """Return whether it is worse than noise explains."""
        tolerance = self.figure.tolerance
        allowed = TOLERANCE[self.figure.kind] if tolerance is None else tolerance
        return self.worse > allowed + 1e-9

    @property
    def is_excused_by_another(self) -> bool:
        """Return whether a second measurement may show that it was noise."""
        return self.figure.kind in NOISY

    def __str__(self) -> str:
        """Name the figure, its stored value and its measured value."""
        if self.kept is None:
            return f"{self.figure.name}: measured {number(self.figure.value)}, not kept yet"
        values = f"kept {number(self.kept)}, measured {number(self.figure.value)}"
        if not self.worse:
            return f"{self.figure.name}: {values}"
        change = f"{abs(self.worse):.1%} {'worse' if self.worse > 0 else 'better'}"
        return f"{self.figure.name}: {values}, {change}"


def normal(figure: Figure, yardstick: Yardstick) -> float:
    """Convert a figure to that of a machine whose yardstick is one second."""
    if figure.kind == "rate":
        return figure.value * yardstick.seconds
    if figure.kind == "seconds":
        return figure.value / yardstick.seconds
    if figure.kind == "cpu":
        return figure.value / yardstick.cpu
    return figure.value


def compare(figure: Figure, kept: float | None, yardstick: Yardstick) -> Verdict:
    """Compare a figure with its stored value from `normal`, None for a new figure."""
    if kept is None:
        return Verdict(figure, None, 0.0)
    normalized = normal(figure, yardstick)
    better, worse = (normalized, kept) if figure.more_is_better else (kept, normalized)
    nothing = 0.0 if worse == better else float("inf")
    share = worse / better - 1 if better > 0 else nothing
    return Verdict(figure, kept * figure.value / normalized if normalized else kept, share)


def better_of(first: list[Verdict], second: list[Verdict]) -> list[Verdict]:
    """Return the better of two measurements of each noisy figure of a script.

    Of a count it returns the worse value, because a count that differs between runs is not
    reliable.
    """
    again = {verdict.figure.name: verdict for verdict in second}
    return [
        (min if verdict.is_excused_by_another else max)(
            verdict, again.get(verdict.figure.name, verdict), key=lambda verdict: verdict.worse
        )
        for verdict in first
    ]


def missed_in_both(first: Found, second: Found) -> list[str]:
    """Return what fails, without bars that noise missed in one of two measurements."""
    noisy = {figure.name for figure in first.figures if figure.kind in NOISY}
    excused = noisy & (first.below.keys() ^ second.below.keys())
    failed = dict.fromkeys([*first.missed, *second.missed])
    for found in (first, second):
        for name in excused & found.below.keys():
            del failed[found.below[name]]
    return list(failed)


@dataclass
class Kept:
    """The stored figures by script, comparable between machines."""

    measured: str = ""
    figures: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> Kept:
        """Read the file; return no figures if it does not exist."""
        if not path.exists():
            return cls()
        document = json.loads(path.read_text("utf-8"))
        return cls(document["measured"], document["figures"])

    def save(self, path: Path) -> None:
        """Write the file."""
        document = {"measured": self.measured, "figures": self.figures}
        path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", "utf-8")

    def take(self, script: str, found: Found, yardstick: Yardstick) -> None:
        """Store a script's figures in place of its earlier figures."""
        self.figures[script] = {
            figure.name: {
                "value": float(f"{figure.value:.6g}"),
                "normal": float(f"{normal(figure, yardstick):.6g}"),
            }
            for figure in found.figures
        }

    def judge(self, script: str, found: Found, yardstick: Yardstick) -> list[Verdict]:
        """Compare all figures of a script with the stored figures."""
        kept = self.figures.get(script, {})
        return [
            compare(figure, kept.get(figure.name, {}).get("normal"), yardstick)
            for figure in found.figures
        ]

    def missing(self, script: str, found: Found) -> Iterable[str]:
        """Return the stored figures that a script no longer measures."""
        return sorted(set(self.figures.get(script, {})) - {figure.name for figure in found.figures})
