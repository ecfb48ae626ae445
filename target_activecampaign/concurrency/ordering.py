"""What may be written at once, and what waits: rows that may be one thing stay in their order."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

    from target_activecampaign.records.identity import RecordIdentity

    from .pool import CooperativePool

Item = TypeVar("Item")


def run_in_identity_order(
    pool: CooperativePool,
    items: Sequence[Item],
    sign_of: Callable[[Item], RecordIdentity],
    do: Callable[[Item], None],
) -> None:
    """Do something to each item: at once where nobody can tell the difference, else in order."""
    if pool.most == 1 or len(items) < 2:
        for item in items:
            do(item)
        return
    for stretch in _stretches(items, sign_of):
        pool.each([partial(_do_all, chain, do) for chain in stretch])


def _do_all(chain: list[Item], do: Callable[[Item], None]) -> None:
    for item in chain:
        do(item)


def _stretches(
    items: Iterable[Item], sign_of: Callable[[Item], RecordIdentity]
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
