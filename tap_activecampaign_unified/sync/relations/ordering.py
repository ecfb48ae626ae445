"""Puts related rows into the order in which the tap emits them."""

from __future__ import annotations

from typing import Any

from tap_activecampaign_unified.resources.parsing.ids import id_number, id_order

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
