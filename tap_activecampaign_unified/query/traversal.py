"""Traversals of a collection, forwards and backwards from a border between two rows.

A border is JSON: it goes into a cursor and holds in another process too. Each course asks for as
many rows as are wanted (``size``), and the rows that come show whether the account did as asked.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from tap_activecampaign_unified.client import (
    InvalidRequest,
    NotFound,
    ServerError,
    rows_of,
    total_of,
)
from tap_activecampaign_unified.resources.parsing.ids import id_number

from .filters import InvalidQuery

if TYPE_CHECKING:
    from tap_activecampaign_unified.client import Client, RowsKey
    from tap_activecampaign_unified.resources.resource import Row

Params = Sequence[tuple[str, Any]]
Border = list[Any]

MOST = 100
# So many rows stand in order by chance once in more times than there are accounts.
ENOUGH_TO_TELL = 20
# How long a page with much that comes along is tried before one with less is, in seconds.
SHRINK_AFTER_SECONDS = 15.0
AFTER, BEFORE = "after", "before"
MOVED = "the rows at which this page ended are gone or stand elsewhere: begin without a cursor"


@dataclass(frozen=True)
class TraversalStep:
    """Rows in the order of the walk, each with its response."""

    rows: list[Row]
    bodies: list[dict[str, Any]]


def identity_of(row: Row) -> str:
    """Return a row's id as text."""
    return str(row.get("id"))


class Includes(Protocol):
    """The sideloads of a page, which can be reduced if the account rejects them."""

    @property
    def params(self) -> Params:
        """The query parameters of the sideloads."""

    def ask_for_less(self) -> bool:
        """Use fewer sideloads from now on. Return False if there are none left to remove."""


class Traversal(Protocol):
    """A traversal of a collection."""

    size: int

    def walk(self, way: str, border: Border | None) -> Iterator[TraversalStep]:
        """Yield the rows after or before a border, from the start if it is None."""

    def border(self, row: Row, *, behind: bool) -> Border:
        """Return the border after or before a row that was returned."""


class PageFetcher:
    """Asks for single pages, with what shall come along.

    Where ``path`` is that of a part of the collection, ``whole`` is the collection's: it is asked
    where the account has no such part.
    """

    def __init__(
        self, client: Client, path: str, key: RowsKey, includes: Includes, whole: str | None = None
    ) -> None:
        self._client, self._path, self._key, self._includes = client, path, key, includes
        self._whole = whole

    def __call__(self, params: Params) -> tuple[list[Row], dict[str, Any]]:
        """Return the rows of a page, and the response."""
        while True:
            more = self._includes.params
            patience = SHRINK_AFTER_SECONDS if more else None
            try:
                body = self._client.get(self._path, [*params, *more], patience=patience).body
            except (InvalidRequest, ServerError):
                if not self._includes.ask_for_less():
                    raise
            except NotFound as problem:
                if self._whole is None:
                    raise
                if not problem.is_endpoint:
                    return [], {}  # its parent row was deleted
                self._path, self._whole = self._whole, None
            else:
                return rows_of(body, self._key), body


def number_of(row: Row) -> int:
    """Return a row's id as a number, 0 if it is not a number."""
    return id_number(row.get("id")) or 0


class KeysetTraversal:
    """Contacts by id, between two ids; several ``questions`` are answered together.

    Where the account does not keep to ids, ``spare`` goes on. With ``note_order`` that is still to
    be seen: whole pages are asked for, since a few rows may stand in order by chance, until there
    were enough rows to verify the order.
    """

    def __init__(
        self,
        ask: PageFetcher,
        questions: Sequence[Params],
        spare: Callable[[], Traversal],
        *,
        low: int = 0,
        high: int | None = None,
        is_descending: bool = False,
        note_order: Callable[[], None] | None = None,
    ) -> None:
        """The traversal returns rows with ids between ``low`` and ``high``."""
        self._note_order = note_order
        self._ask, self._questions, self._spare = ask, questions, spare
        self._low, self._high, self._is_descending = low, high, is_descending
        self.size = MOST

    def border(self, row: Row, *, behind: bool) -> Border:
        """Return the id after which to continue."""
        one = number_of(row)
        return [one if behind is not self._is_descending else one - 1]

    def walk(self, way: str, border: Border | None) -> Iterator[TraversalStep]:
        """Walk up or down from an id."""
        goes_up = (way == AFTER) is not self._is_descending
        at = border[0] if border else None
        if goes_up:
            at = max(self._low, at or 0)
        elif self._high is not None:
            at = self._high if at is None else min(self._high, at)
        try:
            yield from self._walk(at, goes_up=goes_up)
        except _Unordered as found:
            here = None if found.at is None else [found.at, int(not self._is_descending)]
            yield from self._spare().walk(way, here)

    def _walk(self, at: int | None, *, goes_up: bool) -> Iterator[TraversalStep]:
        while True:
            answers = [self._answer(one, at, goes_up=goes_up) for one in self._questions]
            # Beyond the last row of an answer that goes on, its question is open.
            ends = [number_of(rows[-1]) for rows, _, is_last in answers if not is_last]
            limit = (min(ends) if goes_up else max(ends)) if ends else None
            found: dict[int, tuple[Row, dict[str, Any]]] = {}
            for rows, body, _ in answers:
                for row in rows:
                    one = number_of(row)
                    if limit is None or (one <= limit if goes_up else one >= limit):
                        found.setdefault(one, (row, body))
            numbers = sorted(filter(self._is_between, found), reverse=not goes_up)
            yield TraversalStep(
                [found[one][0] for one in numbers], [found[one][1] for one in numbers]
            )
            if limit is None or (goes_up and self._high is not None and limit >= self._high):
                return
            if not goes_up and limit <= self._low + 1:
                return
            at = limit if goes_up else limit - 1

    def _is_between(self, one: int) -> bool:
        return self._low < one and (self._high is None or one <= self._high)

    def _answer(
        self, question: Params, at: int | None, *, goes_up: bool
    ) -> tuple[list[Row], dict[str, Any], bool]:
        """Return rows beyond an id, the response, and whether they are the last."""
        limit = min(MOST, self.size) if self._note_order is None else MOST
        way = "ASC" if goes_up else "DESC"
        low, high = (at, self._high) if goes_up else (self._low or None, at)
        params = [("limit", limit), *question, ("orders[id]", way)]
        params += [] if low is None else [("id_greater", low)]
        params += [] if high is None else [("id_less", high + 1)]
        rows, body = self._ask(params)
        numbers = [number_of(row) for row in rows]
        bound = [] if at is None else [at if goes_up else at + 1]
        steps = itertools.pairwise([*bound, *numbers])
        if not all(one < other if goes_up else one > other for one, other in steps):
            raise _Unordered(at)
        # A single row is always in order; beyond the bounds it shows that they were not kept.
        if self._high is not None and not all(map(self._is_between, numbers)):
            raise _Unordered(at)
        if self._note_order is not None and len(rows) >= ENOUGH_TO_TELL:
            self._note_order()
            self._note_order = None
        # A short page is the last one only if the account's own count agrees.
        is_last = not rows or (len(rows) < limit and total_of(body) == len(rows))
        return rows, body, is_last


class _Unordered(Exception):
    """The account does not sort by id. Rows up to ``at`` were returned."""

    def __init__(self, at: int | None) -> None:
        super().__init__()
        self.at = at


class SortedTraversal:
    """Rows that were all read, sorted here: ``items`` are what each is sorted by, and the row.

    ``along`` is what came with the rows unasked, by their ids, and ``key`` what it came under.
    """

    def __init__(
        self,
        items: Iterable[tuple[list[Any], Row]],
        *,
        is_descending: bool,
        key: RowsKey = "",
        along: Mapping[str, list[Row]] | None = None,
    ) -> None:
        self._key, self._along = key, along or {}
        self._items = sorted(items, key=lambda item: item[0], reverse=is_descending)
        self._is_descending = is_descending
        self._ranks = {id(row): rank for rank, row in self._items}
        self.size = MOST

    def border(self, row: Row, *, behind: bool) -> Border:
        """Return the row's sort key, and the side of the row on which the border is."""
        return [*self._ranks[id(row)], int(behind)]

    def walk(self, way: str, border: Border | None) -> Iterator[TraversalStep]:
        """Continue from the place of a row, which may have been deleted."""
        items = self._items
        if border is not None:
            try:
                place = self._place(border)
            except TypeError:
                raise InvalidQuery(MOVED) from None
            items = items[place:] if way == AFTER else items[:place][::-1]
        rows = [row for _, row in items]
        for start in range(0, len(rows), MOST):
            part = rows[start : start + MOST]
            yield TraversalStep(part, [self._brought(part)] * len(part))

    def _brought(self, rows: Sequence[Row]) -> dict[str, Any]:
        """Return what came with rows as an answer that holds nothing else."""
        found = [one for row in rows for one in self._along.get(identity_of(row), ())]
        name = self._key if isinstance(self._key, str) else self._key[0]
        return {name: found} if found else {}

    def _place(self, border: Border) -> int:
        """Return how many rows stand before a border; one without a side is behind its row."""
        width = len(self._items[0][0]) if self._items else 0
        rank, behind = border[:width], bool(border[width:] != [0])
        for place, (other, _) in enumerate(self._items):
            is_beyond = other < rank if self._is_descending else other > rank
            if is_beyond or (other == rank and not behind):
                return place
        return len(self._items)
