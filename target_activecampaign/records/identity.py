"""By which values two records may be the same thing in the account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .values import fold, is_nothing

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from .record import InputRecord
    from .values import Record


@dataclass(frozen=True)
class RecordIdentity:
    """By what an item is told from others.

    ``names`` are the values that identify it: who shares one may be the same thing. ``way`` says
    which columns they came from: a thing told by one column and a thing told by another may be
    the same, whatever their values are.
    """

    names: frozenset[Hashable]
    way: frozenset[str] = frozenset()

    def __or__(self, other: RecordIdentity) -> RecordIdentity:
        """Return the sign of both together."""
        return RecordIdentity(self.names | other.names, self.way | other.way)


def identity_of_row(row: InputRecord, *, ids_are_foreign: bool) -> RecordIdentity:
    """Return the sign of a row that goes by ``id`` and ``name``."""
    return identity_by(row, {"name": row.record.get("name")}, ids_are_foreign=ids_are_foreign)


def identity_by(
    row: InputRecord,
    columns: Record,
    *,
    ids_are_foreign: bool,
    also: Iterable[Hashable] = (),
) -> RecordIdentity:
    """Return the sign of a row with an ``id`` and other identifying columns.

    ``also`` are further values that must not be at work at once, and say nothing of the way.
    """
    names: set[Hashable] = {("also", one) for one in also}
    if row.ledger_key:
        names.add(("key", row.ledger_key))
    if row.known_id:
        names.add(("id", row.known_id))
    way = set()
    source = row.record.get("id")
    if not is_nothing(source):
        names.add(("source" if ids_are_foreign else "id", str(source).strip()))
        way.add("id")
    for column, value in columns.items():
        if not is_nothing(value):
            names.add((column, _folded(value)))
            way.add(column)
    return RecordIdentity(frozenset(names), frozenset(way))


def _folded(value: Any) -> str:
    return fold(value if isinstance(value, str) else repr(value))
