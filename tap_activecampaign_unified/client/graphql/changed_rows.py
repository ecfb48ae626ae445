"""Finds the rows of a GraphQL search that changed: by order, by day, or by reading all rows.

ActiveCampaign ignores unknown orders and filters. So the client uses an order or a filter only
after a response of the account proved it. `search_walk.py` reads the pages.
"""

from __future__ import annotations

import datetime as dt
import itertools
import logging
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client.errors import InvalidRequest
from tap_activecampaign_unified.client.pagination.page_reader import FULL_PAGE, Page
from tap_activecampaign_unified.client.pagination.seen_keys import SeenKeys

from .search_walk import SearchReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_activecampaign_unified.client.client import Client
    from tap_activecampaign_unified.client.pagination.page_reader import Row

    from .search_walk import Search

logger = logging.getLogger(__name__)

WHOLE = "by reading all rows: the account proves no order and no filter by time of change"
DAY = dt.timedelta(days=1)


class ChangeFinder:
    """Finds the changed rows of one search on one account."""

    def __init__(self, client: Client, search: Search) -> None:
        self._reader = SearchReader(client, search)

    def rows(self, since: dt.date) -> Iterator[list[Row]]:
        """Yield the rows that the store modified since a day, in the cheapest proven way.

        If the account proves neither an order nor a filter by day, yield every row.
        """
        plans = self._plans(since)
        if plans is None:
            logger.info("%s: %s", self._reader.search.field, WHOLE)
            yield from self._reader.all_rows()
            return
        seen = SeenKeys()
        for description, walk in plans:
            logger.info("%s: the client finds changes %s", self._reader.search.field, description)
            for rows in walk:
                yield [row for row in rows if seen.add(self._reader.search.key_of(row))]

    def describe(self) -> str | None:
        """Describe how `rows` finds changes on this account. Return None if it has no rows."""
        if not self._reader.page(0, {}, 1):
            return None
        plans = self._plans(self._today())
        return WHOLE if plans is None else "; ".join(description for description, _ in plans)

    def _plans(self, since: dt.date) -> list[tuple[str, Iterator[list[Row]]]] | None:
        """Return a description and a proven walk per date column. None if a column has no walk."""
        plans = []
        for column in self._reader.search.modified:
            plan = self._by_order(column, since) or self._by_days(column, since)
            if plan is None:
                return None
            plans.append(plan)
        return plans

    def _by_order(self, column: str, since: dt.date) -> tuple[str, Iterator[list[Row]]] | None:
        """Return the walk from the newest row down. None if the order is not proven."""
        sort = {column: {"sort": "DESC"}}
        try:
            first = self._reader.page(0, sort)
        except InvalidRequest:
            return None
        dates = [_moment(row.get(column)) for row in first]
        known_dates = [date for date in dates if date is not None]
        is_descending = all(a >= b for a, b in itertools.pairwise(known_dates))
        if not known_dates or dates[0] is None or not is_descending:
            return None
        if len(set(known_dates)) == 1 and len(first) == FULL_PAGE:
            return None  # equal dates prove no order
        return f"by {column}, newest first", self._until(first, sort, column, since)

    def _until(
        self, first: list[Row], sort: dict[str, Any], column: str, since: dt.date
    ) -> Iterator[list[Row]]:
        for rows in self._reader.walk(first, sort):
            yield rows
            dates = [_moment(row.get(column)) for row in rows]
            if any(date is not None and date.date() < since for date in dates):
                return

    def _by_days(self, column: str, since: dt.date) -> tuple[str, Iterator[list[Row]]] | None:
        """Return the walk day by day. None if the filter is not proven."""
        try:
            rows = self._reader.page(0, {})
            sample = next((row[column] for row in rows if row.get(column)), None)
            if not isinstance(sample, str):
                return None
            rows = self._reader.page(0, _on_day(column, sample[:10]))
        except InvalidRequest:
            return None
        if not rows or any(
            row and not str(row.get(column)).startswith(sample[:10]) for row in rows
        ):
            return None
        return f"day by day of {column}", self._each_day(column, since)

    def _today(self) -> dt.date:
        client = self._reader.client
        return (client.server_now or client.clock.now()).date()

    def _each_day(self, column: str, since: dt.date) -> Iterator[list[Row]]:
        day, last_day = since, self._today() + DAY
        while day <= last_day:
            filters = _on_day(column, day.isoformat())
            yield from self._reader.walk(self._reader.page(0, filters), filters)
            day += DAY


def walk_changes(client: Client, search: Search, since: dt.date) -> Iterator[Page]:
    """Walk over the rows of a search that the store modified since a day."""
    for rows in ChangeFinder(client, search).rows(since):
        yield Page(rows, {}, None, client.server_now)


def _on_day(column: str, day: str) -> dict[str, Any]:
    return {column: {"value": day, "filterOperator": "CONTAINS"}}


def _moment(raw: Any) -> dt.datetime | None:
    try:
        moment = dt.datetime.fromisoformat(raw) if isinstance(raw, str) else None
    except ValueError:
        return None
    return moment.replace(tzinfo=dt.UTC) if moment is not None and moment.tzinfo is None else moment
