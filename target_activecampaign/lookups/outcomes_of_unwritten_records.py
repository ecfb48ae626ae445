"""Records whose rows were not written: rows that name such a record get the same outcome.

For example, a row names a contact whose own row waits for the next run. Then this row waits too. A
rejected row would be lost, because the source does not deliver it again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.resources.input_values.column_names import fold
from target_activecampaign.outcome import Action, RowFailed, RowSkipped

if TYPE_CHECKING:
    from target_activecampaign.outcome import Outcome, RowError

#: The most records that are stored by their key. Of further records, only the kind is stored.
MAX_KEYS = 100_000


class UnwrittenRecords:
    """The outcomes of rows that were not written, by the record's kind and natural key."""

    def __init__(self) -> None:
        self._outcomes: dict[tuple[str, str], Outcome] = {}

    def note(self, family: str, key: Any, outcome: Outcome) -> None:
        """Note the outcome of a row that waits for another run or is in the control group."""
        name = fold(str(key)) if len(self._outcomes) < MAX_KEYS else ""
        self._outcomes[family, name] = outcome

    def error(self, family: str, key: str) -> RowError | None:
        """Return the error of a row that names such a record, None for any other record."""
        outcome = self._outcomes.get((family, fold(key))) or self._outcomes.get((family, ""))
        if outcome is None:
            return None
        if outcome.action is Action.FAILED:
            return RowFailed("the row of a record that this one names failed; both are tried again")
        return RowSkipped(outcome.reason or "", blocks_state=outcome.blocks_state)
