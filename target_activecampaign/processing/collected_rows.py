"""Collects the rows of the input that are written together, up to a number and for five minutes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tap_activecampaign_unified.client import Clock
    from target_activecampaign.records.input_row import InputRow

MAX_ROWS = 10_000
MAX_AGE_SECONDS = 300.0


class CollectedRows:
    """The rows that wait to be written as a batch of at most ``max_rows``."""

    def __init__(self, clock: Clock, max_rows: int) -> None:
        self._clock, self._max_rows = clock, max_rows
        self.rows: list[InputRow] = []
        self._began = 0.0

    def add(self, rows: list[InputRow]) -> None:
        """Add the rows of a message."""
        if not self.rows:
            self._began = self._clock.monotonic()
        self.rows += rows

    def is_due(self) -> bool:
        """Return whether there are enough rows, or the first one has waited long enough."""
        age = self._clock.monotonic() - self._began
        return bool(self.rows) and (len(self.rows) >= self._max_rows or age > MAX_AGE_SECONDS)

    def take(self) -> list[InputRow]:
        """Return the rows, and begin again without rows."""
        rows, self.rows = self.rows, []
        return rows
