"""Order and completeness of related rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.resources.parsing.ids import id_number, id_order

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence, Sized

Row = dict[str, Any]


def in_order(rows: Any) -> list[Row]:
    """Return rows by ascending id. Of several rows with one id, keep the last."""
    found: list[Row] = list(rows)
    if _is_in_order(found):
        return found
    by_id = {row.get("id", (at,)): row for at, row in enumerate(found)}
    found = list(by_id.values())
    if len(found) > 1:
        found.sort(key=lambda row: id_order(row.get("id")))
    return found


def _is_in_order(rows: list[Row]) -> bool:
    """Return whether the ids ascend, which is nearly always true."""
    before = -1
    for row in rows:
        found = row.get("id")
        number = id_number(found) if isinstance(found, str) else None
        if number is None or number <= before:
            return False
        before = number
    return True


def pick_witnesses(ids: Sequence[str], related: Mapping[str, Sized]) -> list[str]:
    """Return the parents whose related rows are worth comparing: the fullest and the last."""
    if not related:
        return []
    fullest = max(related, key=lambda parent_id: len(related[parent_id]))
    return list(dict.fromkeys((fullest, ids[-1])))


def listed_ids(row: Row, columns: Sequence[str]) -> set[str] | None:
    """Return the related ids that a parent row lists, None if it has no such list."""
    for name in columns:
        listed = row.get(name)
        if isinstance(listed, list):
            return {str(related_id) for related_id in listed}
    return None


def ids_of(rows: Iterable[Row]) -> set[str]:
    """Return the ids of rows as text."""
    return {str(row.get("id")) for row in rows}
