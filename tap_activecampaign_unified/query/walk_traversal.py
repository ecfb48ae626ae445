"""Traversals of rows that no page of a collection has: GraphQL searches, and the tap's walks."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import InvalidRequest, walk_offset
from tap_activecampaign_unified.client.pagination.graphql_walk import SearchReader, walk_search
from tap_activecampaign_unified.endpoints.table import WalkOptions
from tap_activecampaign_unified.resources.marketing.engagements import SOURCE
from tap_activecampaign_unified.resources.marketing.saved_segments import SEGMENT_MEMBERS
from tap_activecampaign_unified.resources.parsing.names import fold

from .filters import InvalidQuery
from .traversal import AFTER, MAX_LIMIT, POSITION_GONE, TraversalStep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tap_activecampaign_unified.client import Client, Page
    from tap_activecampaign_unified.client.pagination.graphql_walk import Search
    from tap_activecampaign_unified.endpoints.table import Endpoint
    from tap_activecampaign_unified.resources.resource import Resource, Row

    from .traversal import Params, Position

MOST_KEPT = 10 * MAX_LIMIT


class SearchFetcher:
    """Requests single pages of a GraphQL search, sorted by the store's id where it sorts."""

    def __init__(self, client: Client, search: Search) -> None:
        self._reader = SearchReader(client, search)
        self._sort: dict[str, Any] = {search.keys[-1]: {"sort": "ASC"}}

    def __call__(self, params: Params) -> tuple[list[Row], dict[str, Any]]:
        """Return the rows of a page. It has no body: related rows do not come with it."""
        asked = dict(params)
        try:
            return self._reader.page(asked["offset"], self._sort, asked["limit"]), {}
        except InvalidRequest:
            if not self._sort:
                raise
            self._sort = {}
            return self(params)


def key_of(row: Row) -> str:
    """Return what distinguishes a row: its id, with its collection where it has several."""
    return f"{row.get(SOURCE) or ''}/{row.get('id')}"


def special_walk(
    client: Client, endpoint: Endpoint, resource: Resource, segments: tuple[str, ...]
) -> Iterator[Page]:
    """Return the walk of a search, or of an endpoint that has a walk of its own.

    Members are those of the saved ``segments``, given by id or name, or of all where there are
    none given.
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
    found: Iterator[Page] = endpoint.make_walk(WalkOptions(ids), {})(client)
    return found


def _wanted(rows: Iterable[Row], segments: tuple[str, ...]) -> Iterator[str]:
    names = set(map(fold, segments))
    for row in rows:
        native_id = str(row.get("id"))
        if not names or native_id in names or fold(str(row.get("name") or "")) in names:
            yield native_id


class WalkTraversal:
    """Rows in the order of one of the tap's walks, which `restart` begins.

    The page after the last one continues the walk. For any other page it begins again, and reads
    up to the position.
    """

    def __init__(self, restart: Callable[[], Iterable[list[Row]]]) -> None:
        self._restart = restart
        self._rest: Iterator[list[Row]] = iter(())
        #: The last rows that were read.
        self._kept: deque[Row] = deque(maxlen=MOST_KEPT)
        self.size = MAX_LIMIT

    def position(self, row: Row, *, behind: bool) -> Position:
        """Return the row, and on which side of it the position is."""
        return [key_of(row), int(behind)]

    def walk(self, direction: str, position: Position | None) -> Iterator[TraversalStep]:
        """Yield the rows after or before a position; raise `InvalidQuery` where its row is gone."""
        rows = list(self._kept)
        at = _place(rows, position)
        if direction != AFTER or at is None:
            rows, at = self._read_up_to(position)
        if direction == AFTER:
            yield from _steps(rows[at:])
            for part in self._rest:
                self._kept.extend(part)
                yield from _steps(part)
        else:
            yield from _steps(rows[:at][::-1])

    def _read_up_to(self, position: Position | None) -> tuple[list[Row], int]:
        """Begin again; return the rows up to the one of the position, and its place among them."""
        self._rest, rows = iter(self._restart()), []
        self._kept.clear()
        at = 0 if position is None else None
        while at is None:
            part = next(self._rest, None)
            if part is None:
                raise InvalidQuery(POSITION_GONE)
            rows += part
            at = _place(rows, position, len(rows) - len(part))
        self._kept.extend(rows)
        return rows, at


def _place(rows: list[Row], position: Position | None, since: int = 0) -> int | None:
    """Return how many rows are before a position, None where its row is not among them."""
    if position is None:
        return None
    for at in range(since, len(rows)):
        if key_of(rows[at]) == position[0]:
            return at + int(position[1])
    return None


def _steps(rows: list[Row]) -> Iterator[TraversalStep]:
    for start in range(0, len(rows), MAX_LIMIT):
        part = rows[start : start + MAX_LIMIT]
        yield TraversalStep(part, [{}] * len(part))
