"""Whether the input of a stream was read to its end.

`leavers.py` also refuses to let anyone leave after a rejected row, an empty input, or beyond
`max_leave_share`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

UNREADABLE = "a line of the input could not be read"
REJECTED = "a row of it was rejected or failed"
INTERRUPTED = "the last STATE came before the last row of it: the source was interrupted"
NO_END = "it ended without STATE and ACTIVATE_VERSION, but earlier ones had one: it was interrupted"
SYNCING = "the last STATE says that the source was not done: it was interrupted"


@dataclass
class StreamInput:
    """What came of a stream: the number of its last row, and of the row before ACTIVATE_VERSION.

    ``sources`` are the source's own names of the stream, before `stream_maps`.
    """

    sources: set[str]
    last_row: int | None = None
    activated_at: int | None = None
    fault: str | None = None


class InputCompleteness:
    """What came of each stream, under its name behind `stream_maps`.

    Rows have their numbers in the input, from 1.
    """

    def __init__(self) -> None:
        self._streams: dict[str, StreamInput] = {}
        self._fault: str | None = None
        self._last_state: int | None = None
        self._state: dict[str, Any] = {}

    def note_schema(self, stream: str, source: str) -> None:
        """Note that a stream is part of the input."""
        self._streams.setdefault(stream, StreamInput(set())).sources.add(source)

    def note_row(self, streams: Iterable[str], number: int) -> None:
        """Note a row of the source that is, or was mapped to, a row of these streams."""
        for stream in streams:
            if stream in self._streams:
                self._streams[stream].last_row = number

    def note_activation(self, streams: Iterable[str], number: int) -> None:
        """Note that ACTIVATE_VERSION came for these streams after row ``number``."""
        for stream in streams:
            if stream in self._streams:
                self._streams[stream].activated_at = number

    def note_state(self, number: int, value: dict[str, Any]) -> None:
        """Note a STATE that came after row ``number``."""
        self._last_state, self._state = number, value

    def note_fault(self, stream: str | None, reason: str) -> None:
        """Note what makes a stream's input unusable, or that of all streams."""
        if stream is None:
            self._fault = self._fault or reason
        else:
            found = self._streams.setdefault(stream, StreamInput(set()))
            found.fault = found.fault or reason

    def has(self, stream: str) -> bool:
        """Return whether the stream is part of the input."""
        return stream in self._streams

    def has_end_mark(self, stream: str) -> bool:
        """Return whether a STATE came, or ACTIVATE_VERSION after the last row of a stream."""
        return self._last_state is not None or self._is_activated(self._streams[stream])

    def why_incomplete(self, stream: str, *, needs_mark: bool = False) -> str | None:
        """Return why the input of a stream does not hold all its rows; None if it does.

        ACTIVATE_VERSION after the last row completes the input. Without it, no row may come after
        the last STATE. An input without any STATE is complete, unless ``needs_mark``: an earlier
        input of the stream had a STATE or ACTIVATE_VERSION. For a stream without rows,
        ACTIVATE_VERSION does not count, because sources also send it when they begin.
        """
        found = self._streams[stream]
        fault = self._fault or found.fault
        if fault is not None:
            return fault
        last = found.last_row
        if self._is_activated(found):
            return None
        if self._last_state is None:
            return NO_END if needs_mark else None
        if last is not None and self._last_state < last:
            return INTERRUPTED
        return SYNCING if self._is_syncing(found) else None

    @staticmethod
    def _is_activated(found: StreamInput) -> bool:
        last, at = found.last_row, found.activated_at
        return last is not None and at is not None and at >= last

    def _is_syncing(self, found: StreamInput) -> bool:
        """Return whether the last state is one of those that sources send in the middle."""
        bookmarks = self._state.get("bookmarks")
        marks = bookmarks if isinstance(bookmarks, dict) else {}
        entries = [marks.get(source) for source in found.sources]
        is_open = any(
            isinstance(entry, dict) and entry.get("progress_markers") for entry in entries
        )
        return is_open or bool(self._state.get("currently_syncing"))
