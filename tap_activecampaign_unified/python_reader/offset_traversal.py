"""Traverses a sorted collection by offset, and detects rows that shift between pages."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import total_of
from tap_activecampaign_unified.resources.time_codecs import instant_or_none

from .filters import InvalidQuery
from .traversal import AFTER, BEFORE, MAX_LIMIT, POSITION_GONE, identity_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tap_activecampaign_unified.resources.resource import Row

    from .traversal import Body, Fetch, Params, Position, RowsAndBodies

# A position has this many rows on each side, to find it again after rows were deleted.
ANCHORS = 5
MAX_PAGES_WITHOUT_NEWS = 3


class OffsetTraversal:
    """Rows in a sort order of the account. Pages overlap, so that shifted rows show.

    ``value_of`` returns a row's sort value if Python can compare it. With this value, the traversal
    finds a position again even if all rows around it were deleted.
    """

    def __init__(
        self, fetch: Fetch, params: Params, value_of: Callable[[Row], Any] | None = None
    ) -> None:
        self._fetch, self._params, self._value_of = fetch, params, value_of
        #: Offset, id and value of the returned rows, in the order of the collection.
        self._returned: list[tuple[int, str, Any]] = []
        self.size = MAX_LIMIT

    def position(self, row: Row, *, after_row: bool) -> Position:
        """Return the offset of the position and the rows around it."""
        row_id = identity_of(row)
        ids = [returned_id for _, returned_id, _ in self._returned]
        index = ids.index(row_id) + after_row
        offset = self._returned[index - 1][0] + 1 if after_row else self._returned[index][0]
        ids_before, ids_after = ids[max(0, index - ANCHORS) : index], ids[index : index + ANCHORS]
        value = self._returned[index - 1 if after_row else index][2]
        return [offset, ids_before, ids_after, value]

    def walk(self, direction: str, position: Position | None) -> Iterator[RowsAndBodies]:
        """Continue from a position, whose offset may have changed."""
        position = position or [0, [], [], None]
        seen: set[str] = set()
        self._returned, pages_without_news = [], 0
        while True:
            page = self._around(position, direction)
            new_rows = [
                (offset, row)
                for offset, row in page.beyond(direction)
                if identity_of(row) not in seen
            ]
            returned = [(offset, identity_of(row), self._value(row)) for offset, row in new_rows]
            seen.update(row_id for _, row_id, _ in returned)
            if direction == AFTER:
                self._returned = [*self._returned, *returned]
            else:
                self._returned = [*returned[::-1], *self._returned]
            yield [(row, page.body) for _, row in new_rows]
            pages_without_news = 0 if new_rows else pages_without_news + 1
            if (page.start == 0) if direction == BEFORE else page.is_last(pages_without_news):
                return
            if new_rows:
                position = self.position(new_rows[-1][1], after_row=direction == AFTER)
            elif direction == AFTER:
                # The account may omit rows of a page, so an empty page may not be the end.
                position = [page.start + page.limit, [], [], None]
            else:
                position = [page.start, *position[1:]]

    def _value(self, row: Row) -> Any:
        return self._value_of(row) if self._value_of else None

    def _around(self, position: Position, direction: str) -> _Page:
        offset, ids_before, ids_after, _ = position
        if direction == AFTER:
            start = max(0, offset - len(ids_before))
            limit = offset - start + max(self.size, 1)
        else:
            start = max(0, offset - max(self.size, 1))
            limit = offset - start + len(ids_after)
            start = max(start, offset + len(ids_after) - MAX_LIMIT)
        page = self._read(start, min(MAX_LIMIT, limit))
        if page.find(ids_before, ids_after) or not (ids_before or ids_after):
            page.index = page.index if ids_before or ids_after else offset - start
            return page
        return self._search(position, direction)

    def _search(self, position: Position, direction: str) -> _Page:
        """Search for a position at growing distances from its old offset."""
        offset, ids_before, ids_after, value = position
        stride, is_over = MAX_LIMIT - ANCHORS, {-1: False, 1: False}
        for step in itertools.count(1):
            for side in (-1, 1):
                if is_over[side]:
                    continue
                start = max(0, offset - step * stride if side < 0 else offset + (step - 1) * stride)
                page = self._read(start, MAX_LIMIT)
                if page.find(ids_before, ids_after) or self._crosses(page, value, direction):
                    return page
                is_over[side] = start == 0 if side < 0 else len(page.rows) < MAX_LIMIT
            if all(is_over.values()):
                raise InvalidQuery(POSITION_GONE)
        raise InvalidQuery(POSITION_GONE)

    def _crosses(self, page: _Page, value: Any, direction: str) -> bool:
        """Find the position by the sort value. A row may then come twice, but no row is missed."""
        values = [self._value(row) for row in page.rows]
        if value is None or None in values or values != sorted(values):
            return False
        if direction == AFTER:
            index = sum(sort_value < value for sort_value in values)
        else:
            index = sum(sort_value <= value for sort_value in values)
        if (index == 0 and page.start) or (index == len(values) and len(values) == MAX_LIMIT):
            return False
        page.index = index
        return True

    def _read(self, start: int, limit: int) -> _Page:
        rows, body = self._fetch([("limit", limit), *self._params, ("offset", start)])
        return _Page(rows, body, start, limit)


class _Page:
    """A page at an offset. ``index`` is the number of its rows before the position."""

    def __init__(self, rows: list[Row], body: Body, start: int, limit: int) -> None:
        self.rows, self.body, self.start, self.limit = rows, body, start, limit
        self.index = 0

    def find(self, ids_before: list[str], ids_after: list[str]) -> bool:
        """Find the position by the ids of the rows around it. Return whether it is on the page.

        At an edge of the page, only the nearest row decides. Other rows may be beyond the edge.
        """
        ids = [identity_of(row) for row in self.rows]
        last = max(
            (index for index, row_id in enumerate(ids) if row_id in ids_before), default=None
        )
        if last is not None and (ids[last] == ids_before[-1] or last + 1 < self.limit):
            self.index = last + 1
            return True
        first = min(
            (index for index, row_id in enumerate(ids) if row_id in ids_after), default=None
        )
        if first is not None and (ids[first] == ids_after[0] or first > 0 or self.start == 0):
            self.index = first
            return True
        return False

    def beyond(self, direction: str) -> list[tuple[int, Row]]:
        """Return (offset, row) of the rows after or before the position, the nearest row first."""
        rows = list(enumerate(self.rows, self.start))
        return rows[self.index :] if direction == AFTER else rows[: self.index][::-1]

    def is_last(self, pages_without_news: int) -> bool:
        """Return whether no rows follow, after so many pages without new rows."""
        total, end = total_of(self.body), self.start + len(self.rows)
        if len(self.rows) >= self.limit and not pages_without_news:
            return False
        if total is None or end >= total:
            return bool(pages_without_news) or end == total
        return pages_without_news >= MAX_PAGES_WITHOUT_NEWS


def creation_time(*, is_descending: bool = False) -> Callable[[Row], float | None]:
    """Return a function that returns a row's `cdate` as a number, ascending in the sort order."""

    def read(row: Row) -> float | None:
        created = instant_or_none(row.get("cdate"))
        if created is None:
            return None
        seconds = created.timestamp()
        return -seconds if is_descending else seconds

    return read
