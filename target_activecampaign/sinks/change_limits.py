"""Counts changes and deletes of a run against `max_changes` and `max_deletes`."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from target_activecampaign.outcome import Action, Outcome, RowSkipped

if TYPE_CHECKING:
    from target_activecampaign.config.write_policy import WritePolicy

T = TypeVar("T")
MAX_CHANGES_REACHED = "max_changes is reached; the row is left for another run"
#: The outcome of a row that `max_changes` holds.
HELD_BY_MAX_CHANGES = Outcome(
    Action.SKIPPED, reason=MAX_CHANGES_REACHED, confirms_row=False, blocks_state=True
)


class ChangeLimits:
    """Counts changes and deletes against `max_changes` and `max_deletes`."""

    def __init__(self, policy: WritePolicy) -> None:
        self._policy = policy
        self.changes = 0
        self.deletes = 0

    @property
    def changes_left(self) -> int | None:
        """The number of rows that may still be changed, None without a limit."""
        limit = self._policy.max_changes
        return None if limit is None else max(0, limit - self.changes)

    def split(self, rows: list[T]) -> tuple[list[T], list[T]]:
        """Split rows or people into those that may be written now and the others."""
        count = self.changes_left
        return (rows, []) if count is None else (rows[:count], rows[count:])

    @property
    def deletes_left(self) -> int:
        """The number of rows that may still be deleted."""
        return max(0, self._policy.max_deletes - self.deletes)

    def take_delete(self) -> None:
        """Count a delete; raise `RowSkipped` if it exceeds `max_deletes`."""
        if self.deletes >= self._policy.max_deletes:
            raise RowSkipped(
                "max_deletes is reached; raise it to delete this row", blocks_state=True
            )
        self.deletes += 1
