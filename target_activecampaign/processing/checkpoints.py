"""Emits a state only when every earlier row has a result and no earlier row is held."""

from __future__ import annotations

import re
from typing import Any

State = dict[str, Any]
_BOOKMARK_KEYS = ("replication_key_value", "starting_replication_value", "replication_key_signpost")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d([T ][\d:.]{5,15}(Z|[+-]\d\d:?\d\d)?)?")


class Checkpoints:
    """Stores incoming states until the target may emit them.

    A held row stops every later state. A row is held if it failed and is not in the retry file, is
    over a limit, or was rejected under ``on_reject: fail``. A deferred row stops later states until
    it has a result.
    """

    def __init__(self) -> None:
        self._states: list[tuple[int, State]] = []
        self._held: int | None = None
        #: The first state of the input, and the last emitted state.
        self.first: State | None = None
        self.last: State | None = None

    def hold(self, number: int) -> None:
        """Emit no state after this row."""
        self._held = number if self._held is None else min(self._held, number)
        self._states = [(rows, state) for rows, state in self._states if rows < self._held]

    def add(self, rows: int, state: State) -> None:
        """Add a state that came after ``rows`` input rows."""
        self.first = self.first or state
        if self._held is not None and rows >= self._held:
            return
        if self._states and self._states[-1][0] == rows:
            self._states.pop()
        self._states.append((rows, state))

    def pop_latest(self, first_open: int | None) -> State | None:
        """Remove and return the latest state before the first open row; None if there is none."""
        latest = None
        while self._states and (first_open is None or self._states[0][0] < first_open):
            latest = self._states.pop(0)[1]
        return latest


def bookmarks_of(state: State | None) -> dict[str, Any]:
    """Return the bookmarks of a state for the report.

    The source writes the state: values that are neither times nor numbers may be personal data.
    """
    bookmarks = (state or {}).get("bookmarks")
    return {
        str(stream): {
            name: value
            for name, value in entry.items()
            if name in _BOOKMARK_KEYS and _is_bookmark_value(value)
        }
        for stream, entry in (bookmarks.items() if isinstance(bookmarks, dict) else ())
        if isinstance(entry, dict)
    }


def _is_bookmark_value(value: Any) -> bool:
    return isinstance(value, (int, float)) or bool(_INSTANT.fullmatch(str(value)))
