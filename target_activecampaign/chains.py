"""What may be written at once, and what waits: rows that may be one thing stay in their order."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from .rows import fold, is_nothing

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

    from tap_activecampaign_unified.api.turns import Turns

    from .desk import Desk
    from .rows import Record, Row

Item = TypeVar("Item")


@dataclass(frozen=True)
class Sign:
    """By what an item is told from others.

    ``names`` are the values that identify it: who shares one may be the same thing. ``way`` says
    which columns they came from: a thing told by one column and a thing told by another may be
    the same, whatever their values are.
    """

    names: frozenset[Hashable]
    way: frozenset[str] = frozenset()

    def __or__(self, other: Sign) -> Sign:
        """Return the sign of both together."""
        return Sign(self.names | other.names, self.way | other.way)


def side_by_side(
    turns: Turns,
    items: Sequence[Item],
    sign_of: Callable[[Item], Sign],
    do: Callable[[Item], None],
) -> None:
    """Do something to each item: at once where nobody can tell the difference, else in order."""
    if turns.most == 1 or len(items) < 2:
        for item in items:
            do(item)
        return
    for stretch in _stretches(items, sign_of):
        turns.each([partial(_do_all, chain, do) for chain in stretch])


def _do_all(chain: list[Item], do: Callable[[Item], None]) -> None:
    for item in chain:
        do(item)


def _stretches(
    items: Iterable[Item], sign_of: Callable[[Item], Sign]
) -> Iterable[list[list[Item]]]:
    """Cut items where their way changes; within a stretch, join those that share a name."""
    way: frozenset[str] | None = None
    links: _Links[Item] = _Links()
    for item in items:
        sign = sign_of(item)
        if sign.way != way:
            yield links.chains()
            way, links = sign.way, _Links()
        links.add(item, sign.names)
    yield links.chains()


class _Links(Generic[Item]):
    """Items joined by what they share."""

    def __init__(self) -> None:
        self._items: list[Item] = []
        self._above: list[int] = []
        self._first: dict[Hashable, int] = {}

    def add(self, item: Item, names: Iterable[Hashable]) -> None:
        place = len(self._items)
        self._items.append(item)
        self._above.append(place)
        for name in names:
            other = self._top(self._first.setdefault(name, place))
            mine = self._top(place)
            self._above[max(other, mine)] = min(other, mine)

    def _top(self, place: int) -> int:
        while self._above[place] != place:
            self._above[place] = self._above[self._above[place]]
            place = self._above[place]
        return place

    def chains(self) -> list[list[Item]]:
        """Return the chains in the order of their first items, each in order."""
        found: dict[int, list[Item]] = {}
        for place, item in enumerate(self._items):
            found.setdefault(self._top(place), []).append(item)
        return list(found.values())


# --- the signs of rows ---------------------------------------------------------------------------


def sign_of_row(desk: Desk, row: Row) -> Sign:
    """Return the sign of a row that goes by ``id`` and ``name``."""
    return known_by(desk, row, {"name": row.record.get("name")})


def known_by(desk: Desk, row: Row, columns: Record, *, also: Iterable[Hashable] = ()) -> Sign:
    """Return the sign of a row with an ``id`` and other identifying columns.

    ``also`` are further values that must not be at work at once, and say nothing of the way.
    """
    names: set[Hashable] = {("also", one) for one in also}
    if row.ledger_key:
        names.add(("key", row.ledger_key))
    if row.known_id:
        names.add(("id", row.known_id))
    way = set()
    source = row.record.get("id")
    if not is_nothing(source):
        names.add(("source" if desk.policy.is_foreign else "id", str(source).strip()))
        way.add("id")
    for column, value in columns.items():
        if not is_nothing(value):
            names.add((column, _folded(value)))
            way.add(column)
    return Sign(frozenset(names), frozenset(way))


def _folded(value: Any) -> str:
    return fold(value if isinstance(value, str) else repr(value))
