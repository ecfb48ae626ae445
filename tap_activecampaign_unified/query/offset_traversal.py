"""Traverses a sorted collection by offset, and detects rows that shift between pages."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import total_of
from tap_activecampaign_unified.resources.codecs import parse_instant
from tap_activecampaign_unified.resources.parsing import InvalidValue

from .filters import InvalidQuery
from .traversal import AFTER, BEFORE, MOST, MOVED, TraversalStep, identity_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tap_activecampaign_unified.resources.resource import Row

    from .traversal import Border, PageFetcher, Params

ANCHORS = 5
MOST_PAGES_WITHOUT_NEWS = 3


class OffsetTraversal:
    """Rows in an order of the account's: pages share rows with those before, which show shifts.

    ``value_of`` reads what the order goes by, if that can be compared here: it finds the place
    again when all rows around it are gone.
    """

    def __init__(
        self, ask: PageFetcher, params: Params, value_of: Callable[[Row], Any] | None = None
    ) -> None:
        self._ask, self._params, self._value_of = ask, params, value_of
        #: Offset, id and value of the returned rows, in the order of the collection.
        self._given: list[tuple[int, str, Any]] = []
        self.size = MOST

    def border(self, row: Row, *, behind: bool) -> Border:
        """Return the offset of the border and the rows around it."""
        one = identity_of(row)
        at = next(at for at, given in enumerate(self._given) if given[1] == one) + behind
        offset = self._given[at - 1][0] + 1 if behind else self._given[at][0]
        before = [known for _, known, _ in self._given[max(0, at - ANCHORS) : at]]
        after = [known for _, known, _ in self._given[at : at + ANCHORS]]
        near = self._given[at - 1 if behind else at]
        return [offset, before, after, near[2]]

    def walk(self, way: str, border: Border | None) -> Iterator[TraversalStep]:
        """Continue from a border, whose offset may have changed."""
        here = border or [0, [], [], None]
        seen: set[str] = set()
        self._given, quiet = [], 0
        while True:
            page = self._around(here, way)
            fresh = [(at, row) for at, row in page.beyond(way) if identity_of(row) not in seen]
            given = [(at, identity_of(row), self._value(row)) for at, row in fresh]
            seen.update(one for _, one, _ in given)
            self._given = [*self._given, *given] if way == AFTER else [*given[::-1], *self._given]
            yield TraversalStep([row for _, row in fresh], [page.body] * len(fresh))
            quiet = 0 if fresh else quiet + 1
            if (page.start == 0) if way == BEFORE else page.is_last(quiet):
                return
            if fresh:
                here = self.border(fresh[-1][1], behind=way == AFTER)
            elif way == AFTER:  # rows may be withheld from a page: an empty one is not the end
                here = [page.start + page.limit, [], [], None]
            else:
                here = [page.start, *here[1:]]

    def _value(self, row: Row) -> Any:
        return self._value_of(row) if self._value_of else None

    def _around(self, border: Border, way: str) -> _Page:
        offset, before, after, _ = border
        if way == AFTER:
            start = max(0, offset - len(before))
            limit = offset - start + max(self.size, 1)
        else:
            start = max(0, offset - max(self.size, 1))
            limit = offset - start + len(after)
            start = max(start, offset + len(after) - MOST)
        page = self._read(start, min(MOST, limit))
        if page.find(before, after) or not (before or after):
            page.at = page.at if before or after else offset - start
            return page
        return self._search(border, way)

    def _search(self, border: Border, way: str) -> _Page:
        """Search for a border at growing distances from its old offset."""
        offset, before, after, value = border
        stride, is_over = MOST - ANCHORS, {-1: False, 1: False}
        for step in itertools.count(1):
            for side in (-1, 1):
                if is_over[side]:
                    continue
                start = max(0, offset - step * stride if side < 0 else offset + (step - 1) * stride)
                page = self._read(start, MOST)
                if page.find(before, after) or self._crosses(page, value, way):
                    return page
                is_over[side] = start == 0 if side < 0 else len(page.rows) < MOST
            if all(is_over.values()):
                raise InvalidQuery(MOVED)
        raise InvalidQuery(MOVED)

    def _crosses(self, page: _Page, value: Any, way: str) -> bool:
        """Find the border by the sort value. Rows may then come twice; none is missed."""
        values = [self._value(row) for row in page.rows]
        if value is None or None in values or values != sorted(values):
            return False
        if way == AFTER:
            at = sum(one < value for one in values)
        else:
            at = sum(one <= value for one in values)
        if (at == 0 and page.start) or (at == len(values) and len(values) == MOST):
            return False
        page.at = at
        return True

    def _read(self, start: int, limit: int) -> _Page:
        rows, body = self._ask([("limit", limit), *self._params, ("offset", start)])
        return _Page(rows, body, start, limit)


class _Page:
    """A page at an offset. ``at`` is how many of its rows are before the border."""

    def __init__(self, rows: list[Row], body: dict[str, Any], start: int, limit: int) -> None:
        self.rows, self.body, self.start, self.limit = rows, body, start, limit
        self.at = 0

    def find(self, before: list[str], after: list[str]) -> bool:
        """Search for the border by the rows that were around it.

        At an edge of the page only the nearest of them will do: others may be beyond the edge.
        """
        ids = [identity_of(row) for row in self.rows]
        given = [at for at, one in enumerate(ids) if one in before]
        if given and (ids[given[-1]] == before[-1] or given[-1] + 1 < self.limit):
            self.at = given[-1] + 1
            return True
        coming = [at for at, one in enumerate(ids) if one in after]
        if coming and (ids[coming[0]] == after[0] or coming[0] > 0 or self.start == 0):
            self.at = coming[0]
            return True
        return False

    def beyond(self, way: str) -> list[tuple[int, Row]]:
        """Return the rows on the wanted side of the border with their offsets, nearest first."""
        rows = list(enumerate(self.rows, self.start))
        return rows[self.at :] if way == AFTER else rows[: self.at][::-1]

    def is_last(self, quiet: int) -> bool:
        """Return whether no rows follow. The last ``quiet`` pages had no new rows."""
        total, end = total_of(self.body), self.start + len(self.rows)
        if len(self.rows) >= self.limit and not quiet:
            return False
        if total is None or end >= total:
            return bool(quiet) or end == total
        return quiet >= MOST_PAGES_WITHOUT_NEWS


def seconds_of(column: str, *, is_descending: bool = False) -> Callable[[Row], float | None]:
    """Return a function that turns a time into a number that ascends along the sort order."""

    def read(row: Row) -> float | None:
        try:
            found = parse_instant(row.get(column))
        except InvalidValue:
            return None
        if found is None:
            return None
        seconds = found.replace(tzinfo=found.tzinfo or dt.UTC).timestamp()
        return -seconds if is_descending else seconds

    return read
