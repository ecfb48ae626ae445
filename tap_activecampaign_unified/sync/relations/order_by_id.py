"""Sorts related rows by id, and keeps one of the rows with the same id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.resources.input_values.ids import id_number, id_order

if TYPE_CHECKING:
    from tap_activecampaign_unified.resources.resource import Row


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
