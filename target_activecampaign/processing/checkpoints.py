"""Emits a state only when every row before it has a result and none of them is held."""

from __future__ import annotations

import re
from typing import Any

State = dict[str, Any]
_MARKS = ("replication_key_value", "starting_replication_value", "replication_key_signpost")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d([T ][\d:.]{5,15}(Z|[+-]\d\d:?\d\d)?)?")


class Checkpoints:
    """Keeps incoming states until they may be emitted.

    A held row (failed and not kept, over a limit, rejected under ``on_reject: fail``) stops every
    later state for good. A deferred row stops them until it has a result.
    """

    def __init__(self) -> None:
        self._states: list[tuple[int, State]] = []
        self._held: int | None = None
        #: The first state of the input, and the last emitted one.
        self.first: State | None = None
        self.last: State | None = None

    def hold(self, number: int) -> None:
        """Emit no state after this row any more."""
        self._held = number if self._held is None else min(self._held, number)
        self._states = [(rows, state) for rows, state in self._states if rows < self._held]

    def arrive(self, rows: int, state: State) -> None:
        """Keep a state that came after ``rows`` input rows."""
        self.first = self.first or state
        if self._held is not None and rows >= self._held:
            return
        if self._states and self._states[-1][0] == rows:
            self._states.pop()
        self._states.append((rows, state))

    def take(self, first_open: int | None) -> State | None:
        """Return the latest state before the first open row, once; None if there is none."""
        found = None
        while self._states and (first_open is None or self._states[0][0] < first_open):
            found = self._states.pop(0)[1]
        return found


def bookmarks_of(state: State | None) -> dict[str, Any]:
    """Return the bookmarks of a state for the report.

    The state is the source's: values that are neither times nor numbers may be personal data.
    """
    bookmarks = (state or {}).get("bookmarks")
    return {
        str(stream): {
            name: value for name, value in entry.items() if name in _MARKS and _is_mark(value)
        }
        for stream, entry in (bookmarks.items() if isinstance(bookmarks, dict) else ())
        if isinstance(entry, dict)
    }


def _is_mark(value: Any) -> bool:
    return isinstance(value, (int, float)) or bool(_INSTANT.fullmatch(str(value)))
