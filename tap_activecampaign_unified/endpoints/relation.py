"""A relation: rows that refer to parent rows, and the ways to read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.resources.input_values.ids import id_number

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_activecampaign_unified.resources.resource import Row


def _id_of(row: Row) -> Any:
    return str(row.get("id"))


def always(_: Row) -> bool:
    """Return True."""
    return True


@dataclass(frozen=True)
class Relation:
    """Rows of ``collection`` that refer to a parent row by one of the ``parents`` columns.

    * ``other_keys``: other names of the rows in responses.
    * ``include``: the sideload's name, None if a page cannot include them.
    * ``nested``: the path of the related rows of one parent, None without such a path.
    * ``lists_related_ids``: whether parent rows list the ids of their related rows.
    * ``comparable``: returns a value that is equal for two versions of the same row.
    * ``complete``: whether a sideloaded row has all its values.
    * ``has_collection``: whether ActiveCampaign has a collection of all related rows.
    * ``may_have``: False for a parent that cannot have related rows.
    """

    name: str
    collection: str
    parents: tuple[str, ...]
    nested: str | None = None
    include: str | None = None
    lists_related_ids: bool = False
    comparable: Callable[[Row], Any] = _id_of
    complete: Callable[[Row], bool] = always
    has_collection: bool = True
    may_have: Callable[[Row], bool] = always
    other_keys: tuple[str, ...] = ()

    def parent_id_of(self, row: Row) -> str:
        """Return the id of the row's parent as text, "" without a parent."""
        for column in self.parents:
            parent_id = row.get(column)
            if parent_id is not None:
                return str(parent_id)
        return ""

    def parent_number(self, row: Row) -> int | None:
        """Return the id of the row's parent as a number, None without a valid id."""
        numbers = (id_number(row[column]) for column in self.parents if column in row)
        return next((number for number in numbers if number is not None), None)

    @property
    def keys(self) -> tuple[str, ...]:
        """All names of the rows in responses."""
        return (self.collection, *self.other_keys)
