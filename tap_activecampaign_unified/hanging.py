"""What may hang on the rows of a collection, and where it is found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

Row = dict[str, Any]


def _its_id(row: Row) -> Any:
    return str(row.get("id"))


def always(_: Row) -> bool:
    """Say yes."""
    return True


@dataclass(frozen=True)
class Relation:
    """Rows of ``collection`` that hang on rows of another, by one of ``parents``' columns.

    ``also`` are other names that answers know them by.
    ``include`` is the name the page knows them by (None: it cannot send them), ``nested`` the
    path of one row's (None: only the collection will do), ``counted`` whether the rows themselves
    list their ids unasked. Two readings of a row are the same when their ``essence`` is;
    ``complete`` says that a reading lacks nothing. Where it is not ``is_listed``, there is no
    collection to read; ``may_have`` leaves out rows on which nothing can hang.
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

    @property
    def keys(self) -> tuple[str, ...]:
        """All the names that answers know its rows by."""
        return (self.collection, *self.also)
