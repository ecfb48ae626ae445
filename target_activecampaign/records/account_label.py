"""Account labels: a table may hold rows of many accounts, a target writes its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_activecampaign_unified.resources.resource import ACCOUNT_LABEL
from target_activecampaign.outcome import RowRejected, RowSkipped

from .clean import is_nothing

if TYPE_CHECKING:
    from tap_activecampaign_unified.resources.resource import Record

OTHERS = "account_label: the row is another account's"
MISSING = (
    "account_label: missing, so the row's account is unknown; give every row its account's label, "
    "or leave the setting account_label out"
)
SEVERAL = (
    "account_label: rows of several accounts came in one run; set account_label to the one whose "
    "rows are to be written here"
)


class AccountLabelCheck:
    """Compares the label of rows with ``mine``, the setting ``account_label``.

    Without it a run writes rows without a label, and those of the first label that it meets.
    """

    def __init__(self, mine: str | None) -> None:
        self._mine = mine
        self._first: str | None = None

    def check(self, record: Record) -> None:
        """Raise `RowSkipped` for a row of another account, `RowRejected` for an unclear one."""
        value = record.get(ACCOUNT_LABEL)
        found = None if is_nothing(value) else str(value).strip()
        if self._mine is None:
            self._first = self._first or found
            if found not in {None, self._first}:
                raise RowRejected(SEVERAL)
        elif found is None:
            raise RowRejected(MISSING)
        elif found != self._mine:
            raise RowSkipped(OTHERS)


def without_label(record: Record, keys: list[str]) -> tuple[Record, list[str]]:
    """Return a record and its key without the label, on which its ledger key never depends."""
    if ACCOUNT_LABEL not in record and ACCOUNT_LABEL not in keys:
        return record, keys
    left = {name: value for name, value in record.items() if name != ACCOUNT_LABEL}
    return left, [name for name in keys if name != ACCOUNT_LABEL]
