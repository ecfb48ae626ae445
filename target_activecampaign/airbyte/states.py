"""Keeps Airbyte's states until the rows before them have results, and adds counts of records."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

Message = dict[str, Any]


@dataclass(frozen=True)
class _Pending:
    """A STATE message that came after row ``row``; ``counts`` are its records, by stream."""

    message: Message
    row: int
    counts: dict[str, int]


class PendingStates:
    """Keeps every state until the target has results for all rows before it.

    The target emits only the latest covered state. Airbyte expects each state back, with the number
    of records that the state covers.
    """

    def __init__(self) -> None:
        """Begin before the first row."""
        self._pending: deque[_Pending] = deque()
        self._counts: Counter[str] = Counter()
        self._unwritten: dict[str, list[int]] = {}
        self._taken = 0

    def count(self, stream: str) -> None:
        """Count a record of the input."""
        self._counts[stream] += 1

    def note_unwritten(self, row: int, stream: str) -> None:
        """Note a row that was not written as requested."""
        self._unwritten.setdefault(stream, []).append(row)

    def add(self, message: Message, row: int) -> int:
        """Store a STATE message that came after ``row`` rows; return its number."""
        stream = _stream_of(message)
        names = [stream] if stream else list(self._counts)
        counts = {name: self._counts.pop(name, 0) for name in names}
        self._pending.append(_Pending(message, row, counts))
        return self._taken + len(self._pending)

    def take(self, number: int, names: dict[str, str]) -> Iterator[Message]:
        """Remove and yield the states up to ``number``; ``names`` are the target's stream names."""
        while self._pending and self._taken < number:
            self._taken += 1
            yield self._covered(self._pending.popleft(), names)

    def _covered(self, pending: _Pending, names: dict[str, str]) -> Message:
        unwritten = sum(
            self._pop_rows(names.get(name, name), pending.row) for name in pending.counts
        )
        stats = {
            "recordCount": float(max(0, sum(pending.counts.values()) - unwritten)),
            "rejectedRecordCount": float(unwritten),
        }
        return {**pending.message, "state": {**pending.message["state"], "destinationStats": stats}}

    def _pop_rows(self, stream: str, row: int) -> int:
        """Remove the unwritten rows of a stream up to a row; return their number."""
        rows = self._unwritten.get(stream, [])
        later = [number for number in rows if number > row]
        self._unwritten[stream] = later
        return len(rows) - len(later)


def _stream_of(message: Message) -> str | None:
    """Return the stream of a STATE message, None if the state covers all streams."""
    part = message["state"].get("stream")
    descriptor = part.get("stream_descriptor") if isinstance(part, dict) else None
    name = descriptor.get("name") if isinstance(descriptor, dict) else None
    return name if isinstance(name, str) else None
