"""Decides whether the input of a stream has all its rows: the source was not interrupted.

`leavers.py` has the other reasons why no one leaves: a rejected row, an empty input, and
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
    """The input of a stream.

    * ``sources``: the source's own names of the stream, before `stream_maps`.
    * ``last_row``: the number of the stream's last row.
    * ``activated_at``: the number of the last row of the input before ACTIVATE_VERSION.
    * ``fault``: why the input cannot be used.
    """

    sources: set[str]
    last_row: int | None = None
    activated_at: int | None = None
    fault: str | None = None


class InputCompleteness:
    """Records the rows, states and faults of each stream, by its name after `stream_maps`.

    The numbers of rows count the rows of the input, from 1.
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
        """Note a row of these streams. `stream_maps` may make rows of several streams of it."""
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
        """Note why the input of a stream cannot be used; None stands for all streams."""
        if stream is None:
            self._fault = self._fault or reason
        else:
            entry = self._streams.setdefault(stream, StreamInput(set()))
            entry.fault = entry.fault or reason

    def has(self, stream: str) -> bool:
        """Return whether the stream is part of the input."""
        return stream in self._streams

    def has_end_mark(self, stream: str) -> bool:
        """Return whether a STATE came, or ACTIVATE_VERSION after the last row of a stream."""
        return self._last_state is not None or self._is_activated(self._streams[stream])

    def why_incomplete(self, stream: str, *, needs_mark: bool = False) -> str | None:
        """Return why the input of a stream may lack rows; None if it has all rows.

        ACTIVATE_VERSION after the last row completes the input. Without it, no row may come after
        the last STATE. An input without any STATE is complete, unless ``needs_mark``: an earlier
        input of the stream had a STATE or ACTIVATE_VERSION. For a stream without rows,
        ACTIVATE_VERSION does not count, because sources also send it when they begin.
        """
        entry = self._streams[stream]
        fault = self._fault or entry.fault
        if fault is not None:
            return fault
        if self._is_activated(entry):
            return None
        if self._last_state is None:
            return NO_END if needs_mark else None
        if entry.last_row is not None and self._last_state < entry.last_row:
            return INTERRUPTED
        return SYNCING if self._is_syncing(entry) else None

    @staticmethod
    def _is_activated(entry: StreamInput) -> bool:
        """Return whether ACTIVATE_VERSION came after the last row."""
        last, activated_at = entry.last_row, entry.activated_at
        return last is not None and activated_at is not None and activated_at >= last

    def _is_syncing(self, entry: StreamInput) -> bool:
        """Return whether the last state says that the source was not done."""
        bookmarks = self._state.get("bookmarks")
        marks = bookmarks if isinstance(bookmarks, dict) else {}
        bookmarks_of_stream = [marks.get(source) for source in entry.sources]
        is_open = any(
            isinstance(bookmark, dict) and bookmark.get("progress_markers")
            for bookmark in bookmarks_of_stream
        )
        return is_open or bool(self._state.get("currently_syncing"))
