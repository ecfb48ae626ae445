"""Finds the related rows that a page lacks, and the parent rows that prove a page complete."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence, Sized

    from tap_activecampaign_unified.resources.resource import Row


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


def parents_with_gaps(
    ids: Sequence[str],
    rows: Sequence[Row],
    related: Mapping[str, Sequence[Row]],
    columns: Sequence[str],
) -> list[str]:
    """Return the ids of parent rows that list a related id which ``related`` lacks."""
    incomplete = []
    for parent_id, row in zip(ids, rows, strict=True):
        included = related.get(parent_id, ())
        # The usual case, compared without sets: the listed rows in the listed order.
        if row.get(columns[0]) == [related_row.get("id") for related_row in included]:
            continue
        listed = listed_ids(row, columns)
        if listed and listed - _ids_of(included):
            incomplete.append(parent_id)
    return incomplete


def _ids_of(rows: Iterable[Row]) -> set[str]:
    """Return the ids of rows as text."""
    return {str(row.get("id")) for row in rows}
