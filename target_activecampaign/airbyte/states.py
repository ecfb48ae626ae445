"""Airbyte's states while the rows before them are written, and what became of those rows."""

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

    The target emits only the latest covered state; Airbyte expects each one back, with the number
    of records that it covers.
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
        """Note a row that the account does not hold as asked."""
        self._unwritten.setdefault(stream, []).append(row)

    def arrive(self, message: Message, row: int) -> int:
        """Take a STATE message that came after ``row`` rows; return its number."""
        stream = _stream_of(message)
        names = [stream] if stream else list(self._counts)
        counts = {name: self._counts.pop(name, 0) for name in names}
        self._pending.append(_Pending(message, row, counts))
        return self._taken + len(self._pending)

    def take(self, number: int, names: dict[str, str]) -> Iterator[Message]:
        """Return all states up to this number; ``names`` are the target's names of streams."""
        while self._pending and self._taken < number:
            self._taken += 1
            yield self._covered(self._pending.popleft(), names)

    def _covered(self, pending: _Pending, names: dict[str, str]) -> Message:
        unwritten = sum(self._forget(names.get(name, name), pending.row) for name in pending.counts)
        stats = {
            "recordCount": float(max(0, sum(pending.counts.values()) - unwritten)),
            "rejectedRecordCount": float(unwritten),
        }
        return {**pending.message, "state": {**pending.message["state"], "destinationStats": stats}}

    def _forget(self, stream: str, row: int) -> int:
        """Forget the unwritten rows of a stream up to a row; return how many there were."""
        rows = self._unwritten.get(stream, [])
        left = [number for number in rows if number > row]
        self._unwritten[stream] = left
        return len(rows) - len(left)


def _stream_of(message: Message) -> str | None:
    """Return the stream of a STATE message, None where it covers all of them."""
    part = message["state"].get("stream")
    descriptor = part.get("stream_descriptor") if isinstance(part, dict) else None
    name = descriptor.get("name") if isinstance(descriptor, dict) else None
    return name if isinstance(name, str) else None
