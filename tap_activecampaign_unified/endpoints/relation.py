"""The related rows of a collection, and where the tap reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.resources.parsing.ids import id_number

if TYPE_CHECKING:
    from collections.abc import Callable

Row = dict[str, Any]


def _its_id(row: Row) -> Any:
    return str(row.get("id"))


def always(_: Row) -> bool:
    """Return True."""
    return True


@dataclass(frozen=True)
class Relation:
    """Rows of ``collection`` that refer to a parent row by one of the ``parents`` columns.

    * ``also``: other names of the rows in responses.
    * ``include``: the sideload's name, None if a page cannot include them.
    * ``nested``: the path of the related rows of one parent, None if there is none.
    * ``counted``: whether parent rows list the ids of their related rows.
    * ``essence``: two versions of a row are the same if this value is equal.
    * ``complete``: whether a sideloaded row has all its values.
    * ``is_listed``: whether the collection exists.
    * ``may_have``: False for a parent that cannot have related rows.
    """

    name: str
    collection: str
    parents: tuple[str, ...]
    nested: str | None = None
    include: str | None = None
    counted: bool = False
    essence: Callable[[Row], Any] = _its_id
    complete: Callable[[Row], bool] = always
    is_listed: bool = True
    may_have: Callable[[Row], bool] = always
    also: tuple[str, ...] = ()

    def parent_number(self, row: Row) -> int | None:
        """Return the id of the row's parent, None where the row names none."""
        found = (id_number(row[column]) for column in self.parents if column in row)
        return next((value for value in found if value is not None), None)

    @property
    def keys(self) -> tuple[str, ...]:
        """All names of the rows in responses."""
        return (self.collection, *self.also)
