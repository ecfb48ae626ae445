"""The rows that the live view shows."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class ProgressStatus(enum.Enum):
    """How far a stream is."""

    WAITING = "waiting"
    UNDER_WAY = "under way"
    DONE = "done"
    LEFT_OUT = "left out"
    FAILED = "failed"


@dataclass(frozen=True)
class ProgressRow:
    """A stream in the live view: its rows so far, of ``total`` where that is known, and a note."""

    name: str
    mark: ProgressStatus
    rows: int = 0
    total: int | None = None
    note: str = ""


@dataclass(frozen=True)
class ProgressView:
    """All that the live view shows at a moment: a title, the streams, and what else there is."""

    title: str
    lines: list[ProgressRow]
    foot: list[str]
