"""Order and completeness of related rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.resources.parsing.ids import id_number, id_order

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence, Sized

Row = dict[str, Any]


def in_order(rows: Any) -> list[Row]:
    """Return rows by ascending id. If several rows have the same id, keep the last."""
    listed: list[Row] = list(rows)
    if _is_in_order(listed):
        return listed
    by_id = {row.get("id", (index,)): row for index, row in enumerate(listed)}
    unique = list(by_id.values())
    if len(unique) > 1:
        unique.sort(key=lambda row: id_order(row.get("id")))
    return unique


def _is_in_order(rows: list[Row]) -> bool:
    """Return whether the ids ascend, as they nearly always do."""
    previous = -1
    for row in rows:
        native_id = row.get("id")
        number = id_number(native_id) if isinstance(native_id, str) else None
        if number is None or number <= previous:
            return False
        previous = number
    return True


def pick_samples(ids: Sequence[str], related: Mapping[str, Sized]) -> list[str]:
    """Return two parents to verify: the parent with the most related rows, and the last."""
    if not related:
        return []
    fullest = max(related, key=lambda parent_id: len(related[parent_id]))
    return list(dict.fromkeys((fullest, ids[-1])))


def listed_ids(row: Row, columns: Sequence[str]) -> set[str] | None:
    """Return the related ids that a parent row lists, None without a list."""
    for name in columns:
        listed = row.get(name)
        if isinstance(listed, list):
            return {str(related_id) for related_id in listed}
    return None


def ids_of(rows: Iterable[Row]) -> set[str]:
    """Return the ids of rows as text."""
    return {str(row.get("id")) for row in rows}
