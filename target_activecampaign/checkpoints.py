"""States go out only when every row before them has its result, and none of them is held back."""

from __future__ import annotations

from typing import Any

State = dict[str, Any]


class Checkpoints:
    """Keeps incoming states until they may be emitted.

    A row that is held for good (failed and kept nowhere, over a limit, rejected with
    ``on_reject: fail``) stops every state behind it; a waiting row stops them until it is decided.
    """

    def __init__(self) -> None:
        """Begin with nothing held."""
        self._states: list[tuple[int, State]] = []
        self._held: int | None = None

    def hold(self, number: int) -> None:
        """Let no state behind this row out any more."""
        self._held = number if self._held is None else min(self._held, number)
        self._states = [(rows, state) for rows, state in self._states if rows < self._held]

    def arrive(self, rows: int, state: State) -> None:
        """Take a state that came after ``rows`` input rows."""
        if self._held is not None and rows >= self._held:
            return
        if self._states and self._states[-1][0] == rows:
            self._states.pop()
        self._states.append((rows, state))

    def take(self, first_open: int | None) -> State | None:
        """Return the latest state before the first open row, None if there is none; once each."""
        found = None
        while self._states and (first_open is None or self._states[0][0] < first_open):
            found = self._states.pop(0)[1]
        return found
