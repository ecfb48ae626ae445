"""Traversals of a collection, forwards or backwards from a position between two rows.

A position is JSON, because it is part of a cursor, which another process may use. Each traversal
requests ``size`` rows at a time, and verifies that the account applied the order and the bounds.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from tap_activecampaign_unified.client import total_of
from tap_activecampaign_unified.resources.input_values.ids import id_number
from tap_activecampaign_unified.resources.shared_contact_fields import SCORE_VALUES

from .filters import InvalidQuery

if TYPE_CHECKING:
    from tap_activecampaign_unified.resources.resource import Row

Params = Sequence[tuple[str, Any]]
Body = dict[str, Any]
#: Rows, each with its response.
RowsAndBodies = list[tuple["Row", Body]]
Position = list[Any]
#: Returns the rows of a page, and the response.
Fetch = Callable[[Params], tuple[list["Row"], Body]]

MAX_LIMIT = 100
# With this many rows, an order by chance is practically impossible.
ROWS_TO_PROVE_ORDER = 20
AFTER, BEFORE = "after", "before"
POSITION_GONE = "the rows at the end of that page were deleted or moved: start without a cursor"


@dataclass
class OrderProof:
    """Whether the account applies one sort order, as far as its responses show."""

    is_proven: bool = False
    is_ignored: bool = False


def identity_of(row: Row) -> str:
    """Return a row's id as text."""
    return str(row.get("id"))


class Traversal(Protocol):
    """A traversal of a collection."""

    size: int

    def walk(self, direction: str, position: Position | None) -> Iterator[RowsAndBodies]:
        """Yield the rows after or before a position; from the start if it is None."""

    def position(self, row: Row, *, after_row: bool) -> Position:
        """Return the position before a returned row; after the row with ``after_row``."""


def id_or_zero(row: Row) -> int:
    """Return a row's id as a number, 0 if it is not a number."""
    return id_number(row.get("id")) or 0


class KeysetTraversal:
    """Contacts by id, between two ids. It merges the rows of several ``requests``.

    If the account does not sort by id, ``fallback`` continues. ``proof`` becomes proven after
    enough rows in order. Until then the traversal requests full pages, because a few rows may be in
    order by chance.
    """

    def __init__(
        self,
        fetch: Fetch,
        requests: Sequence[Params],
        fallback: Callable[[], Traversal],
        *,
        low: int,
        high: int | None,
        is_descending: bool,
        proof: OrderProof,
    ) -> None:
        """Traverse the rows with ids above ``low`` and up to ``high``."""
        self._proof = proof
        self._fetch, self._requests, self._fallback = fetch, requests, fallback
        self._low, self._high, self._is_descending = low, high, is_descending
        self.size = MAX_LIMIT

    def position(self, row: Row, *, after_row: bool) -> Position:
        """Return the id after which to continue."""
        number = id_or_zero(row)
        return [number if after_row is not self._is_descending else number - 1]

    def walk(self, direction: str, position: Position | None) -> Iterator[RowsAndBodies]:
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

    def _walk(self, at: int | None, *, goes_up: bool) -> Iterator[RowsAndBodies]:
        while True:
            responses = [self._read(request, at, goes_up=goes_up) for request in self._requests]
            # The rows beyond the end of a response are unknown, unless it is the last response.
            ends = [id_or_zero(rows[-1]) for rows, _, is_last in responses if not is_last]
            limit = (min(ends) if goes_up else max(ends)) if ends else None
            row_and_body: dict[int, tuple[Row, Body]] = {}
            for rows, body, _ in responses:
                for row in rows:
                    number = id_or_zero(row)
                    if limit is None or (number <= limit if goes_up else number >= limit):
                        row_and_body.setdefault(number, (row, body))
            numbers = sorted(filter(self._is_between, row_and_body), reverse=not goes_up)
            yield [row_and_body[number] for number in numbers]
            if limit is None or (goes_up and self._high is not None and limit >= self._high):
                return
            if not goes_up and limit <= self._low + 1:
                return
            at = limit if goes_up else limit - 1

    def _is_between(self, number: int) -> bool:
        return self._low < number and (self._high is None or number <= self._high)

    def _read(
        self, filters: Params, at: int | None, *, goes_up: bool
    ) -> tuple[list[Row], Body, bool]:
        """Return the rows beyond an id, the response, and whether these are the last rows."""
        limit = min(MAX_LIMIT, self.size) if self._proof.is_proven else MAX_LIMIT
        direction = "ASC" if goes_up else "DESC"
        low, high = (at, self._high) if goes_up else (self._low or None, at)
        params = [("limit", limit), *filters, ("orders[id]", direction)]
        params += [] if low is None else [("id_greater", low)]
        params += [] if high is None else [("id_less", high + 1)]
        rows, body = self._fetch(params)
        numbers = [id_or_zero(row) for row in rows]
        bound = [] if at is None else [at if goes_up else at + 1]
        steps = itertools.pairwise([*bound, *numbers])
        if not all(number < other if goes_up else number > other for number, other in steps):
            raise _OrderIgnored(at)
        # A single row is always in order. A row outside the bounds proves that they were ignored.
        if self._high is not None and not all(map(self._is_between, numbers)):
            raise _OrderIgnored(at)
        if len(rows) >= ROWS_TO_PROVE_ORDER:
            self._proof.is_proven = True
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

    ``scores`` are the score values that came with contacts, by the contact's id.
    """

    def __init__(
        self,
        items: Iterable[tuple[list[Any], Row]],
        *,
        is_descending: bool,
        scores: Mapping[str, list[Row]],
    ) -> None:
        self._scores = scores
        self._items = sorted(items, key=lambda item: item[0], reverse=is_descending)
        self._is_descending = is_descending
        self._ranks = {id(row): rank for rank, row in self._items}
        self.size = MAX_LIMIT

    def position(self, row: Row, *, after_row: bool) -> Position:
        """Return the row's sort key, and the side of the row: 1 is after, 0 before."""
        return [*self._ranks[id(row)], int(after_row)]

    def walk(self, direction: str, position: Position | None) -> Iterator[RowsAndBodies]:
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
            batch = rows[start : start + MAX_LIMIT]
            body = self._scores_of(batch)
            yield [(row, body) for row in batch]

    def _scores_of(self, rows: Sequence[Row]) -> Body:
        """Return a response that holds only the score values of rows."""
        scores = [score for row in rows for score in self._scores.get(identity_of(row), ())]
        return {SCORE_VALUES: scores} if scores else {}

    def _index_of(self, position: Position) -> int:
        """Return the number of rows before a position. Without a side, it is after its row."""
        width = len(self._items[0][0]) if self._items else 0
        rank, after_row = position[:width], bool(position[width:] != [0])
        for index, (other, _) in enumerate(self._items):
            is_beyond = other < rank if self._is_descending else other > rank
            if is_beyond or (other == rank and not after_row):
                return index
        return len(self._items)
