"""Decides which state the target may emit: all earlier rows have a result, and none is held."""

from __future__ import annotations

from typing import Any

State = dict[str, Any]


class Checkpoints:
    """Stores incoming states until the target may emit them.

    A held row stops every later state. A row is held if it failed and is not in the retry file, is
    over a limit, or was rejected under ``on_reject: fail``. The caller of `pop_latest` names the
    first row without a result, so that a deferred row stops later states until it has a result.
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
        self._states = [(last, state) for last, state in self._states if last < self._held]

    def add(self, last_row: int, state: State) -> None:
        """Add a state that came after the input row with the number ``last_row``."""
        self.first = self.first or state
        if self._held is not None and last_row >= self._held:
            return
        if self._states and self._states[-1][0] == last_row:
            self._states.pop()
        self._states.append((last_row, state))

    def pop_latest(self, first_open: int | None) -> State | None:
        """Remove and return the latest state before the first open row; None if there is none."""
        latest = None
        while self._states and (first_open is None or self._states[0][0] < first_open):
            latest = self._states.pop(0)[1]
        return latest
