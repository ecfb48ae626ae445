"""The rows of the live view. `live_view.py` draws them."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class ProgressStatus(enum.Enum):
    """The status of a stream."""

    WAITING = "waiting"
    UNDER_WAY = "under way"
    DONE = "done"
    LEFT_OUT = "left out"
    FAILED = "failed"


@dataclass(frozen=True)
class ProgressRow:
    """A stream in the live view: rows so far, ``total`` (None if unknown), and a note."""

    name: str
    status: ProgressStatus
    rows: int = 0
    total: int | None = None
    note: str = ""


@dataclass(frozen=True)
class ProgressView:
    """The content of the live view: a title, the streams, and the notes in the last line."""

    title: str
    lines: list[ProgressRow]
    footer: list[str]
