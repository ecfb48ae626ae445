"""Writes rows concurrently; rows that may be the same record keep their order."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

    from target_activecampaign.records.record_identity import RecordIdentity

    from .cooperative_pool import CooperativePool

Item = TypeVar("Item")


def run_in_identity_order(
    pool: CooperativePool,
    items: Sequence[Item],
    identity_of: Callable[[Item], RecordIdentity],
    do: Callable[[Item], None],
) -> None:
    """Call ``do`` for each item, concurrently for items that cannot be the same record."""
    if pool.max_threads == 1 or len(items) < 2:
        for item in items:
            do(item)
        return
    for run in _runs_of_equal_columns(items, identity_of):
        pool.each([partial(_do_all, chain, do) for chain in run])


def _do_all(chain: list[Item], do: Callable[[Item], None]) -> None:
    for item in chain:
        do(item)


def _runs_of_equal_columns(
    items: Iterable[Item], identity_of: Callable[[Item], RecordIdentity]
) -> Iterable[list[list[Item]]]:
    """Split items into runs with the same identifying columns; chain items that share a key.

    Two records with different identifying columns may be the same, so runs are written in order.
    """
    columns: frozenset[str] | None = None
    links: _Links[Item] = _Links()
    for item in items:
        identity = identity_of(item)
        if identity.columns != columns:
            yield links.chains()
            columns, links = identity.columns, _Links()
        links.add(item, identity.keys)
    yield links.chains()


class _Links(Generic[Item]):
    """Chains of items that share a key (union-find)."""

    def __init__(self) -> None:
        self._items: list[Item] = []
        self._above: list[int] = []
        self._first: dict[Hashable, int] = {}

    def add(self, item: Item, keys: Iterable[Hashable]) -> None:
        place = len(self._items)
        self._items.append(item)
        self._above.append(place)
        for key in keys:
            other = self._top(self._first.setdefault(key, place))
            own = self._top(place)
            self._above[max(other, own)] = min(other, own)

    def _top(self, place: int) -> int:
        while self._above[place] != place:
            self._above[place] = self._above[self._above[place]]
            place = self._above[place]
        return place

    def chains(self) -> list[list[Item]]:
        """Return the chains in the order of their first items. Each chain keeps its order."""
        chains: dict[int, list[Item]] = {}
        for place, item in enumerate(self._items):
            chains.setdefault(self._top(place), []).append(item)
        return list(chains.values())
