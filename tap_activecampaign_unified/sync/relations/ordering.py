"""Puts related rows into the order in which the tap emits them."""

from __future__ import annotations

from typing import Any

Row = dict[str, Any]
LONGEST_ID = 64


def in_order(rows: Any) -> list[Row]:
    """Return rows by ascending id. Of several rows with one id, keep the last."""
    found: list[Row] = list(rows)
    if _is_in_order(found):
        return found
    by_id = {row.get("id", (at,)): row for at, row in enumerate(found)}
    found = list(by_id.values())
    if len(found) > 1:
        found.sort(key=_number)
    return found


def _is_in_order(rows: list[Row]) -> bool:
    """Return whether the ids ascend, which is nearly always true."""
    before = -1
    for row in rows:
        found = row.get("id")
        if not isinstance(found, str) or not _is_number(found) or int(found) <= before:
            return False
        before = int(found)
    return True


def _number(row: Row) -> tuple[int, str]:
    text = str(row.get("id"))
    return (int(text), "") if _is_number(text) else (1 << 62, text)


def _is_number(text: str) -> bool:
    return text.isdecimal() and len(text) <= LONGEST_ID
