"""Traverses a sorted collection by offset, and detects rows that shift between pages."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import total_of
from tap_activecampaign_unified.resources.parsing import InvalidValue
from tap_activecampaign_unified.resources.time_codecs import parse_instant

from .filters import InvalidQuery
from .traversal import AFTER, BEFORE, MAX_LIMIT, POSITION_GONE, TraversalStep, identity_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tap_activecampaign_unified.resources.resource import Row

    from .traversal import Fetch, Params, Position

ANCHORS = 5
MAX_PAGES_WITHOUT_NEWS = 3


class OffsetTraversal:
    """Rows in a sort order of the account. Pages overlap, which shows rows that shifted.

    ``value_of`` returns a row's sort value if Python can compare it: it finds the position again
    if all rows around it are gone.
    """

    def __init__(
        self, fetch: Fetch, params: Params, value_of: Callable[[Row], Any] | None = None
    ) -> None:
        self._fetch, self._params, self._value_of = fetch, params, value_of
        #: Offset, id and value of the returned rows, in the order of the collection.
        self._returned: list[tuple[int, str, Any]] = []
        self.size = MAX_LIMIT

    def position(self, row: Row, *, behind: bool) -> Position:
        """Return the offset of the position and the rows around it."""
        row_id = identity_of(row)
        at = (
            next(at for at, returned in enumerate(self._returned) if returned[1] == row_id) + behind
        )
        offset = self._returned[at - 1][0] + 1 if behind else self._returned[at][0]
        before = [known for _, known, _ in self._returned[max(0, at - ANCHORS) : at]]
        after = [known for _, known, _ in self._returned[at : at + ANCHORS]]
        near = self._returned[at - 1 if behind else at]
        return [offset, before, after, near[2]]

    def walk(self, direction: str, position: Position | None) -> Iterator[TraversalStep]:
        """Continue from a position, whose offset may have changed."""
        position = position or [0, [], [], None]
        seen: set[str] = set()
        self._returned, quiet = [], 0
        while True:
            page = self._around(position, direction)
            fresh = [
                (at, row) for at, row in page.beyond(direction) if identity_of(row) not in seen
            ]
            returned = [(at, identity_of(row), self._value(row)) for at, row in fresh]
            seen.update(row_id for _, row_id, _ in returned)
            if direction == AFTER:
                self._returned = [*self._returned, *returned]
            else:
                self._returned = [*returned[::-1], *self._returned]
            yield TraversalStep([row for _, row in fresh], [page.body] * len(fresh))
            quiet = 0 if fresh else quiet + 1
            if (page.start == 0) if direction == BEFORE else page.is_last(quiet):
                return
            if fresh:
                position = self.position(fresh[-1][1], behind=direction == AFTER)
            elif direction == AFTER:
                # The account may leave rows out of a page: an empty one is not the end.
                position = [page.start + page.limit, [], [], None]
            else:
                position = [page.start, *position[1:]]

    def _value(self, row: Row) -> Any:
        return self._value_of(row) if self._value_of else None

    def _around(self, position: Position, direction: str) -> _Page:
        offset, before, after, _ = position
        if direction == AFTER:
            start = max(0, offset - len(before))
            limit = offset - start + max(self.size, 1)
        else:
            start = max(0, offset - max(self.size, 1))
            limit = offset - start + len(after)
            start = max(start, offset + len(after) - MAX_LIMIT)
        page = self._read(start, min(MAX_LIMIT, limit))
        if page.find(before, after) or not (before or after):
            page.at = page.at if before or after else offset - start
            return page
        return self._search(position, direction)

    def _search(self, position: Position, direction: str) -> _Page:
        """Search for a position at growing distances from its old offset."""
        offset, before, after, value = position
        stride, is_over = MAX_LIMIT - ANCHORS, {-1: False, 1: False}
        for step in itertools.count(1):
            for side in (-1, 1):
                if is_over[side]:
                    continue
                start = max(0, offset - step * stride if side < 0 else offset + (step - 1) * stride)
                page = self._read(start, MAX_LIMIT)
                if page.find(before, after) or self._crosses(page, value, direction):
                    return page
                is_over[side] = start == 0 if side < 0 else len(page.rows) < MAX_LIMIT
            if all(is_over.values()):
                raise InvalidQuery(POSITION_GONE)
        raise InvalidQuery(POSITION_GONE)

    def _crosses(self, page: _Page, value: Any, direction: str) -> bool:
        """Find the position by the sort value. Rows may then come twice; none is missed."""
        values = [self._value(row) for row in page.rows]
        if value is None or None in values or values != sorted(values):
            return False
        if direction == AFTER:
            at = sum(sort_value < value for sort_value in values)
        else:
            at = sum(sort_value <= value for sort_value in values)
        if (at == 0 and page.start) or (at == len(values) and len(values) == MAX_LIMIT):
            return False
        page.at = at
        return True

    def _read(self, start: int, limit: int) -> _Page:
        rows, body = self._fetch([("limit", limit), *self._params, ("offset", start)])
        return _Page(rows, body, start, limit)


class _Page:
    """A page at an offset. ``at`` is how many of its rows are before the position."""

    def __init__(self, rows: list[Row], body: dict[str, Any], start: int, limit: int) -> None:
        self.rows, self.body, self.start, self.limit = rows, body, start, limit
        self.at = 0

    def find(self, before: list[str], after: list[str]) -> bool:
        """Search for the position by the rows that were around it.

        At an edge of the page only the nearest of them decides: others may be beyond the edge.
        """
        ids = [identity_of(row) for row in self.rows]
        last = max((at for at, row_id in enumerate(ids) if row_id in before), default=None)
        if last is not None and (ids[last] == before[-1] or last + 1 < self.limit):
            self.at = last + 1
            return True
        first = min((at for at, row_id in enumerate(ids) if row_id in after), default=None)
        if first is not None and (ids[first] == after[0] or first > 0 or self.start == 0):
            self.at = first
            return True
        return False

    def beyond(self, direction: str) -> list[tuple[int, Row]]:
        """Return the rows after or before the position with their offsets, nearest first."""
        rows = list(enumerate(self.rows, self.start))
        return rows[self.at :] if direction == AFTER else rows[: self.at][::-1]

    def is_last(self, quiet: int) -> bool:
        """Return whether no rows follow. The last ``quiet`` pages had no new rows."""
        total, end = total_of(self.body), self.start + len(self.rows)
        if len(self.rows) >= self.limit and not quiet:
            return False
        if total is None or end >= total:
            return bool(quiet) or end == total
        return quiet >= MAX_PAGES_WITHOUT_NEWS


def creation_time(*, is_descending: bool = False) -> Callable[[Row], float | None]:
    """Return a function that returns a row's `cdate` as a number that ascends in the sort order."""

    def read(row: Row) -> float | None:
        try:
            found = parse_instant(row.get("cdate"))
        except InvalidValue:
            return None
        if found is None:
            return None
        seconds = found.replace(tzinfo=found.tzinfo or dt.UTC).timestamp()
        return -seconds if is_descending else seconds

    return read
