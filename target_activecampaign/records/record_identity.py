"""Identity of records: values by which two rows may be the same record of the account.

Rows of such records keep their order (`concurrency/identity_order.py`). The ledger identifies a row
by `ledger_key.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.resources.input_values.column_names import fold

from .clean_values import is_nothing

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from tap_activecampaign_unified.resources.resource import Record

    from .input_row import InputRow


@dataclass(frozen=True)
class RecordIdentity:
    """The values by which a record may be the same as another record.

    ``keys`` are the identifying values: two records that share a key may be the same. ``columns``
    are the columns of the keys: two records with different columns may be the same, whatever their
    values are.
    """

    keys: frozenset[Hashable]
    columns: frozenset[str] = frozenset()

    def __or__(self, other: RecordIdentity) -> RecordIdentity:
        """Return the identity of both records together."""
        return RecordIdentity(self.keys | other.keys, self.columns | other.columns)


def identity_by(
    row: InputRow,
    columns: Record,
    *,
    ids_are_foreign: bool,
    also: Iterable[Hashable] = (),
) -> RecordIdentity:
    """Return the identity of a record by its ``id`` and other identifying columns.

    ``also`` are further values: the target writes records that share such a value one by one.
    """
    keys: set[Hashable] = {("also", key) for key in also}
    if row.ledger_key:
        keys.add(("key", row.ledger_key))
    if row.ledger_id:
        keys.add(("id", row.ledger_id))
    used = set()
    id_value = row.record.get("id")
    if not is_nothing(id_value):
        keys.add(("source" if ids_are_foreign else "id", str(id_value).strip()))
        used.add("id")
    for column, value in columns.items():
        if not is_nothing(value):
            keys.add((column, _folded(value)))
            used.add(column)
    return RecordIdentity(frozenset(keys), frozenset(used))


def _folded(value: Any) -> str:
    return fold(value if isinstance(value, str) else repr(value))
