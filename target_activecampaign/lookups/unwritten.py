"""Records that rows of this run were to create and did not: rows that name them share their fate.

A row that names a contact whose own row is left for another run is left for it as well. Rejected,
it would be lost: the source does not deliver it again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.resources.parsing.names import fold
from target_activecampaign.outcome import Action, RowFailed, RowSkipped

if TYPE_CHECKING:
    from target_activecampaign.outcome import Outcome, RowError

#: So many records are kept by their key; of more, only the kind.
MAX_KEYS = 100_000


class UnwrittenRecords:
    """The outcomes of rows that created no record, by the record's kind and natural key."""

    def __init__(self) -> None:
        self._outcomes: dict[tuple[str, str], Outcome] = {}

    def note(self, family: str, key: Any, outcome: Outcome) -> None:
        """Note the outcome of a row whose record another run may create, or the control group."""
        name = fold(str(key)) if len(self._outcomes) < MAX_KEYS else ""
        self._outcomes[family, name] = outcome

    def error(self, family: str, key: str) -> RowError | None:
        """Return the error of a row that names such a record, None if there is none."""
        outcome = self._outcomes.get((family, fold(key))) or self._outcomes.get((family, ""))
        if outcome is None:
            return None
        if outcome.action is Action.FAILED:
            return RowFailed("the row of a record that this one names failed; both are tried again")
        return RowSkipped(outcome.reason or "", held=outcome.held)
