"""Checks the account labels of rows: the target writes only rows of its own account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_activecampaign_unified.resources.resource import ACCOUNT_LABEL
from target_activecampaign.outcome import RowRejected, RowSkipped

from .clean_values import is_nothing

if TYPE_CHECKING:
    from tap_activecampaign_unified.resources.resource import Record

OTHERS = "account_label: the row is another account's"
MISSING = (
    "account_label: missing, so the row's account is unknown; give every row its account's label, "
    "or leave the setting account_label out"
)
SEVERAL = (
    "account_label: rows of several accounts came in one run; set account_label to the account "
    "whose rows this target writes"
)


class AccountLabelCheck:
    """Compares the label of rows with ``account_label``, the setting.

    Without the setting, a run writes rows without a label and rows of the first label in the input.
    """

    def __init__(self, account_label: str | None) -> None:
        self._account_label = account_label
        self._first: str | None = None

    def check(self, record: Record) -> None:
        """Raise `RowSkipped` for a row of another account, `RowRejected` if that is unclear."""
        value = record.get(ACCOUNT_LABEL)
        label = None if is_nothing(value) else str(value).strip()
        if self._account_label is None:
            self._first = self._first or label
            if label not in {None, self._first}:
                raise RowRejected(SEVERAL)
        elif label is None:
            raise RowRejected(MISSING)
        elif label != self._account_label:
            raise RowSkipped(OTHERS)


def without_label(record: Record, keys: list[str]) -> tuple[Record, list[str]]:
    """Return a record and its key without the label. A key in the ledger never has the label."""
    if ACCOUNT_LABEL not in record and ACCOUNT_LABEL not in keys:
        return record, keys
    unlabelled = {name: value for name, value in record.items() if name != ACCOUNT_LABEL}
    return unlabelled, [name for name in keys if name != ACCOUNT_LABEL]
