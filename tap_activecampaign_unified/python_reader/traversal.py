"""Traversals of a collection, forwards or backwards from a position between two rows.

A position is JSON, because it is part of a cursor, which another process may use. Each traversal
requests ``size`` rows at a time, and verifies that the account applied the order and the bounds.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from tap_activecampaign_unified.client import (
    InvalidRequest,
    NotFound,
    ServerError,
    rows_of,
    total_of,
)
from tap_activecampaign_unified.resources.input_values.ids import id_number

from .filters import InvalidQuery

if TYPE_CHECKING:
    from tap_activecampaign_unified.client import Client, RowsKey
    from tap_activecampaign_unified.resources.resource import Row

Params = Sequence[tuple[str, Any]]
Position = list[Any]
#: Returns the rows of a page, and the response.
Fetch = Callable[[Params], tuple[list["Row"], dict[str, Any]]]

MAX_LIMIT = 100
# With this many rows, an order by chance is practically impossible.
ROWS_TO_PROVE_ORDER = 20
# Seconds of retries of a page with sideloads, before the reader requests fewer sideloads.
SHRINK_AFTER_SECONDS = 15.0
AFTER, BEFORE = "after", "before"
POSITION_GONE = "the rows at the end of that page were deleted or moved: start without a cursor"


@dataclass(frozen=True)
class TraversalStep:
    """Rows in the order of the walk, each with its response."""

    rows: list[Row]
    bodies: list[dict[str, Any]]


def identity_of(row: Row) -> str:
    """Return a row's id as text."""
    return str(row.get("id"))


class Sideloads(NamedTuple):
    """The sideloads of a resource's pages.

    ``include`` returns the value of the parameter, empty for none. ``reduce`` drops some sideloads
    that the account rejects. It returns False if no sideloads remain.
    """

    include: Callable[[], str]
    reduce: Callable[[], bool]


class Traversal(Protocol):
    """A traversal of a collection."""

    size: int

    def walk(self, direction: str, position: Position | None) -> Iterator[TraversalStep]:
        """Yield the rows after or before a position; from the start if it is None."""

    def position(self, row: Row, *, after_row: bool) -> Position:
        """Return the position before a returned row; after the row with ``after_row``."""


class PageFetcher:
    """Requests single pages with their sideloads.

    ``fallback_path`` is the path of the collection if ``path`` is a part of it. The fetcher
    requests it if the account does not have the part.
    """

    def __init__(
        self,
        client: Client,
        path: str,
        key: RowsKey,
        sideloads: Sideloads,
        fallback_path: str | None = None,
    ) -> None:
        self._client, self._path, self._key, self._sideloads = client, path, key, sideloads
        self._fallback_path = fallback_path

    def __call__(self, params: Params) -> tuple[list[Row], dict[str, Any]]:
        """Return the rows of a page, and the response."""
        while True:
            include = self._sideloads.include()
            more = [("include", include)] if include else []
            patience = SHRINK_AFTER_SECONDS if more else None
            try:
                body = self._client.get(self._path, [*params, *more], patience=patience).body
            except (InvalidRequest, ServerError):
                if not more or not self._sideloads.reduce():
                    raise
            except NotFound as problem:
                if self._fallback_path is None:
                    raise
                if not problem.is_endpoint:
                    return [], {}  # the parent row was deleted
                self._path, self._fallback_path = self._fallback_path, None
            else:
                return rows_of(body, self._key), body


def number_of(row: Row) -> int:
    """Return a row's id as a number, 0 if it is not a number."""
    return id_number(row.get("id")) or 0


class KeysetTraversal:
    """Contacts by id, between two ids. It merges the rows of several ``requests``.

    If the account does not sort by id, ``fallback`` continues. The traversal calls ``note_order``
    after enough rows in order. Until then it requests full pages, because a few rows may be in
    order by chance.
    """

    def __init__(
        self,
        fetch: PageFetcher,
        requests: Sequence[Params],
        fallback: Callable[[], Traversal],
        *,
        low: int = 0,
        high: int | None = None,
        is_descending: bool = False,
        note_order: Callable[[], None] | None = None,
    ) -> None:
        """Traverse the rows with ids above ``low`` and up to ``high``."""
        self._note_order = note_order
        self._fetch, self._requests, self._fallback = fetch, requests, fallback
        self._low, self._high, self._is_descending = low, high, is_descending
        self.size = MAX_LIMIT

    def position(self, row: Row, *, after_row: bool) -> Position:
        """Return the id after which to continue."""
        number = number_of(row)
        return [number if after_row is not self._is_descending else number - 1]

    def walk(self, direction: str, position: Position | None) -> Iterator[TraversalStep]:
        """Walk up or down from an id."""
        goes_up = (direction == AFTER) is not self._is_descending
        at = position[0] if position else None
        if goes_up:
            at = max(self._low, at or 0)
        elif self._high is not None:
            at = self._high if at is None else min(self._high, at)
        try:
            yield from self._walk(at, goes_up=goes_up)
        except _OrderIgnored as stop:
            reached = None if stop.at is None else [stop.at, int(not self._is_descending)]
            yield from self._fallback().walk(direction, reached)

    def _walk(self, at: int | None, *, goes_up: bool) -> Iterator[TraversalStep]:
        while True:
            responses = [self._read(request, at, goes_up=goes_up) for request in self._requests]
            # The rows beyond the end of a response are unknown, unless it is the last response.
            ends = [number_of(rows[-1]) for rows, _, is_last in responses if not is_last]
            limit = (min(ends) if goes_up else max(ends)) if ends else None
            row_and_body: dict[int, tuple[Row, dict[str, Any]]] = {}
            for rows, body, _ in responses:
                for row in rows:
                    number = number_of(row)
                    if limit is None or (number <= limit if goes_up else number >= limit):
                        row_and_body.setdefault(number, (row, body))
            numbers = sorted(filter(self._is_between, row_and_body), reverse=not goes_up)
            yield TraversalStep(
                [row_and_body[number][0] for number in numbers],
                [row_and_body[number][1] for number in numbers],
            )
            if limit is None or (goes_up and self._high is not None and limit >= self._high):
                return
            if not goes_up and limit <= self._low + 1:
                return
            at = limit if goes_up else limit - 1

    def _is_between(self, number: int) -> bool:
        return self._low < number and (self._high is None or number <= self._high)

    def _read(
        self, filters: Params, at: int | None, *, goes_up: bool
    ) -> tuple[list[Row], dict[str, Any], bool]:
        """Return the rows beyond an id, the response, and whether these are the last rows."""
        limit = min(MAX_LIMIT, self.size) if self._note_order is None else MAX_LIMIT
        direction = "ASC" if goes_up else "DESC"
        low, high = (at, self._high) if goes_up else (self._low or None, at)
        params = [("limit", limit), *filters, ("orders[id]", direction)]
        params += [] if low is None else [("id_greater", low)]
        params += [] if high is None else [("id_less", high + 1)]
        rows, body = self._fetch(params)
        numbers = [number_of(row) for row in rows]
        bound = [] if at is None else [at if goes_up else at + 1]
        steps = itertools.pairwise([*bound, *numbers])
        if not all(number < other if goes_up else number > other for number, other in steps):
            raise _OrderIgnored(at)
        # A single row is always in order. A row outside the bounds proves that they were ignored.
        if self._high is not None and not all(map(self._is_between, numbers)):
            raise _OrderIgnored(at)
        if self._note_order is not None and len(rows) >= ROWS_TO_PROVE_ORDER:
            self._note_order()
            self._note_order = None
        # A short page is the last page only if the account's count agrees.
        is_last = not rows or (len(rows) < limit and total_of(body) == len(rows))
        return rows, body, is_last


class _OrderIgnored(Exception):
    """The account ignores the order by id. The traversal has returned the rows up to ``at``."""

    def __init__(self, at: int | None) -> None:
        super().__init__()
        self.at = at


class SortedTraversal:
    """All rows, sorted by the reader. ``items`` are sort keys and rows.

    ``sideloads`` are their sideloaded rows by row id. ``key`` is the sideloads' key in a response.
    """

    def __init__(
        self,
        items: Iterable[tuple[list[Any], Row]],
        *,
        is_descending: bool,
        key: RowsKey = "",
        sideloads: Mapping[str, list[Row]] | None = None,
    ) -> None:
        self._key, self._sideloads = key, sideloads or {}
        self._items = sorted(items, key=lambda item: item[0], reverse=is_descending)
        self._is_descending = is_descending
        self._ranks = {id(row): rank for rank, row in self._items}
        self.size = MAX_LIMIT

    def position(self, row: Row, *, after_row: bool) -> Position:
        """Return the row's sort key, and the side of the row: 1 is after, 0 before."""
        return [*self._ranks[id(row)], int(after_row)]

    def walk(self, direction: str, position: Position | None) -> Iterator[TraversalStep]:
        """Continue from a row, which may have been deleted."""
        items = self._items
        if position is not None:
            try:
                index = self._index_of(position)
            except TypeError:
                raise InvalidQuery(POSITION_GONE) from None
            items = items[index:] if direction == AFTER else items[:index][::-1]
        rows = [row for _, row in items]
        for start in range(0, len(rows), MAX_LIMIT):
            part = rows[start : start + MAX_LIMIT]
            yield TraversalStep(part, [self._sideloads_of(part)] * len(part))

    def _sideloads_of(self, rows: Sequence[Row]) -> dict[str, Any]:
        """Return a response that holds only the sideloads of rows."""
        sideloads = [
            sideload for row in rows for sideload in self._sideloads.get(identity_of(row), ())
        ]
        name = self._key if isinstance(self._key, str) else self._key[0]
        return {name: sideloads} if sideloads else {}

    def _index_of(self, position: Position) -> int:
        """Return the number of rows before a position. Without a side, it is after its row."""
        width = len(self._items[0][0]) if self._items else 0
        rank, after_row = position[:width], bool(position[width:] != [0])
        for index, (other, _) in enumerate(self._items):
            is_beyond = other < rank if self._is_descending else other > rank
            if is_beyond or (other == rank and not after_row):
                return index
        return len(self._items)
