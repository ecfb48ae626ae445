"""Traverses rows that come from no ordinary pages: of GraphQL searches and special walks."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import InvalidRequest, walk_offset
from tap_activecampaign_unified.client.graphql.search_walk import SearchReader, walk_search
from tap_activecampaign_unified.endpoints.endpoint_table import WalkOptions
from tap_activecampaign_unified.resources.input_values.column_names import fold
from tap_activecampaign_unified.resources.marketing.engagements import SOURCE
from tap_activecampaign_unified.resources.marketing.saved_segments import SEGMENT_MEMBERS

from .filters import InvalidQuery
from .traversal import AFTER, MAX_LIMIT, POSITION_GONE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tap_activecampaign_unified.client import Client, Page
    from tap_activecampaign_unified.client.graphql.search_walk import Search
    from tap_activecampaign_unified.endpoints.endpoint_table import Endpoint
    from tap_activecampaign_unified.resources.resource import Resource, Row

    from .traversal import Body, Params, Position, RowsAndBodies

MAX_RECENT_ROWS = 10 * MAX_LIMIT


class SearchFetcher:
    """Requests single pages of a GraphQL search, by the store's id if the account can sort."""

    def __init__(self, client: Client, search: Search) -> None:
        self._reader = SearchReader(client, search)
        self._sort: dict[str, Any] = {search.keys[-1]: {"sort": "ASC"}}

    def __call__(self, params: Params) -> tuple[list[Row], Body]:
        """Return the rows of a page, and an empty body: searches have no sideloads."""
        values = dict(params)
        try:
            return self._reader.page(values["offset"], self._sort, values["limit"]), {}
        except InvalidRequest:
            if not self._sort:
                raise
            self._sort = {}
            return self(params)


def key_of(row: Row) -> str:
    """Return a row's identity: its collection, if the walk has several, and its id."""
    return f"{row.get(SOURCE) or ''}/{row.get('id')}"


def special_walk(
    client: Client, endpoint: Endpoint, resource: Resource, segments: tuple[str, ...]
) -> Iterator[Page]:
    """Return the walk of a search, or of an endpoint with a special walk.

    ``segments`` are ids or names of saved segments, for a walk over members. Empty means all.
    """
    if endpoint.search is not None:
        return walk_search(client, endpoint.search)
    ids: tuple[str, ...] = ()
    if resource.endpoint_name == SEGMENT_MEMBERS:
        pages = walk_offset(client, "segments", "segments")
        ids = tuple(_wanted((row for page in pages for row in page.rows), segments))
        if not ids:
            return iter(())
    if endpoint.make_walk is None:
        raise InvalidQuery(f"{resource.name}: has no walk")
    pages_of_walk: Iterator[Page] = endpoint.make_walk(WalkOptions(ids), {})(client)
    return pages_of_walk


def _wanted(rows: Iterable[Row], segments: tuple[str, ...]) -> Iterator[str]:
    names = set(map(fold, segments))
    for row in rows:
        native_id = str(row.get("id"))
        if not names or native_id in names or fold(str(row.get("name") or "")) in names:
            yield native_id


class WalkTraversal:
    """Rows in the order of one of the tap's walks. ``restart`` begins the walk.

    The page after the last page continues the walk. For any other page, the walk begins again and
    reads up to the position.
    """

    def __init__(self, restart: Callable[[], Iterable[list[Row]]]) -> None:
        self._restart = restart
        self._rest: Iterator[list[Row]] = iter(())
        #: The last rows of the walk so far.
        self._recent_rows: deque[Row] = deque(maxlen=MAX_RECENT_ROWS)
        self.size = MAX_LIMIT

    def position(self, row: Row, *, after_row: bool) -> Position:
        """Return the row's identity, and the side of the row: 1 is after, 0 before."""
        return [key_of(row), int(after_row)]

    def walk(self, direction: str, position: Position | None) -> Iterator[RowsAndBodies]:
        """Yield the rows after or before a position. Raise `InvalidQuery` if its row is gone."""
        rows = list(self._recent_rows)
        index = _index_of(rows, position)
        if direction != AFTER or index is None:
            rows, index = self._read_up_to(position)
        if direction == AFTER:
            yield from _steps(rows[index:])
            for batch in self._rest:
                self._recent_rows.extend(batch)
                yield from _steps(batch)
        else:
            yield from _steps(rows[:index][::-1])

    def _read_up_to(self, position: Position | None) -> tuple[list[Row], int]:
        """Begin the walk again. Return the rows up to the position's row, and the row's index."""
        self._rest, rows = iter(self._restart()), []
        self._recent_rows.clear()
        index = 0 if position is None else None
        while index is None:
            batch = next(self._rest, None)
            if batch is None:
                raise InvalidQuery(POSITION_GONE)
            rows += batch
            index = _index_of(rows, position, len(rows) - len(batch))
        self._recent_rows.extend(rows)
        return rows, index


def _index_of(rows: list[Row], position: Position | None, since: int = 0) -> int | None:
    """Return the number of rows before a position, None if its row is not among ``rows``."""
    if position is None:
        return None
    for at in range(since, len(rows)):
        if key_of(rows[at]) == position[0]:
            return at + int(position[1])
    return None


def _steps(rows: list[Row]) -> Iterator[RowsAndBodies]:
    for start in range(0, len(rows), MAX_LIMIT):
        body: Body = {}
        yield [(row, body) for row in rows[start : start + MAX_LIMIT]]
