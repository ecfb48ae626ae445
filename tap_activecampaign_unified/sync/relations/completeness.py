"""What shows whether the related rows that came with a page are complete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence, Sized

Row = dict[str, Any]


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
