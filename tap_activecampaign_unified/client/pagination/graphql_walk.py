"""Walks through GraphQL searches: plain lists without a total, a cursor or an order of their own.

Pages overlap by a row, so that rows that went away meanwhile show. Only new rows are yielded.
"""

from __future__ import annotations

import datetime as dt
import itertools
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client.errors import InvalidRequest
from tap_activecampaign_unified.client.graphql import run_graphql

from .page_reader import FULL_PAGE, Page
from .seen_keys import SeenKeys

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_activecampaign_unified.client.client import Client

    from .page_reader import Row

logger = logging.getLogger(__name__)

MAX_STEPS_BACK = 20
WHOLE = "read whole, unchanged rows left out: the account does not find changes"
DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Search:
    """A search: its ``field`` and the type of its filter, what is selected, and what identifies.

    ``type_name`` is the type of its rows. ``keys`` are the columns that identify a row, the last
    of which it is sorted by; ``modified`` those that say when the store changed it.
    """

    field: str
    filter_type: str
    type_name: str
    selection: dict[str, str]
    keys: tuple[str, ...]
    modified: tuple[str, ...]

    def document(self, selection: dict[str, str]) -> str:
        """Return the constant document; everything else stands in its variables."""
        columns = " ".join(selection.values())
        return (
            f"query($filter: {self.filter_type}) "
            f"{{ {self.field}(filter: $filter) {{ {columns} }} }}"
        )

    def key_of(self, row: Row) -> tuple[str, ...]:
        """Return what distinguishes a row from others."""
        return tuple(str(row.get(key)) for key in self.keys)


class SearchReader:
    """Asks one account for pages of a search, adapted to the columns and orders it has."""

    def __init__(self, client: Client, search: Search) -> None:
        """Ask nothing yet."""
        self._client, self._search = client, search
        self._selection = search.selection
        self._is_adapted = False
        self._sorts = True

    def page(self, offset: int, filters: dict[str, Any], limit: int = FULL_PAGE) -> list[Row]:
        """Return a page's rows under the filters given."""
        asked = {**filters, "pagination": {"offset": offset, "limit": limit}}
        try:
            data = self._run(asked)
        except InvalidRequest:
            if not self._adapt():
                raise
            data = self._run(asked)
        found = data.get(self._search.field)
        return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []

    def _run(self, asked: dict[str, Any]) -> dict[str, Any]:
        return run_graphql(self._client, self._search.document(self._selection), {"filter": asked})

    def _adapt(self) -> bool:
        """Leave out columns that the account's schema does not have; False when that is none."""
        if self._is_adapted:
            return False
        self._is_adapted = True
        known = fields_of(self._client, self._search.type_name)
        kept = {name: text for name, text in self._selection.items() if name in known}
        if not kept or kept == self._selection:
            return False
        left = ", ".join(sorted(self._selection.keys() - kept.keys()))
        logger.info("%s has no %s on this account: left out", self._search.type_name, left)
        self._selection = kept
        return True

    def whole(self) -> Iterator[list[Row]]:
        """Give every row once, by a stable order where the account sorts."""
        sort = {self._search.keys[-1]: {"sort": "ASC"}}
        try:
            first = self.page(0, sort)
        except InvalidRequest as problem:
            logger.info("%s: reading it without an order", problem)
            sort = {}
            first = self.page(0, sort)
        yield from self._from(first, sort)

    def _from(self, first: list[Row], filters: dict[str, Any]) -> Iterator[list[Row]]:
        """Walk on from the first page; a row that is missing where pages overlap leads back."""
        seen = SeenKeys()
        rows, offset, steps = first, 0, 0
        while True:
            keys = [self._search.key_of(row) for row in rows]
            if offset and (not keys or keys[0] not in seen) and steps < MAX_STEPS_BACK:
                steps += 1
                offset = max(0, offset - (FULL_PAGE - 1))
                rows = self.page(offset, filters)
                continue
            yield [row for row, key in zip(rows, keys, strict=True) if seen.add(key)]
            if len(rows) < FULL_PAGE:
                return
            offset += FULL_PAGE - 1
            rows = self.page(offset, filters)

    # --- rows that changed ------------------------------------------------------------------

    def changed(self, since: dt.date) -> Iterator[list[Row]]:
        """Give the rows that the store modified since a day, the cheapest way that is proven.

        Where neither the order nor the days are proven, every row is given.
        """
        plans = self._plans(since)
        if plans is None:
            logger.info("%s: %s", self._search.field, WHOLE)
            yield from self.whole()
            return
        seen = SeenKeys()
        for word, pages in plans:
            logger.info("%s: changes are found %s", self._search.field, word)
            for rows in pages:
                yield [row for row in rows if seen.add(self._search.key_of(row))]

    def way_of_changes(self) -> str | None:
        """Return how `changed` finds changes on this account, None where there are no rows."""
        if not self.page(0, {}, 1):
            return None
        plans = self._plans((self._client.server_now or self._client.clock.now()).date())
        return WHOLE if plans is None else "; ".join(word for word, _ in plans)

    def _plans(self, since: dt.date) -> list[tuple[str, Iterator[list[Row]]]] | None:
        """Return a proven walk per date column, None where one has none."""
        plans = []
        for column in self._search.modified:
            found = self._by_order(column, since) or self._by_days(column, since)
            if found is None:
                return None
            plans.append(found)
        return plans

    def _by_order(self, column: str, since: dt.date) -> tuple[str, Iterator[list[Row]]] | None:
        """Return the walk from the newest down, None where the order is not proven."""
        sort = {column: {"sort": "DESC"}}
        try:
            first = self.page(0, sort)
        except InvalidRequest:
            return None
        dates = [_moment(row.get(column)) for row in first]
        known = [date for date in dates if date is not None]
        is_descending = all(a >= b for a, b in itertools.pairwise(known))
        if not known or dates[0] is None or not is_descending:
            return None
        if len(set(known)) == 1 and len(first) == FULL_PAGE:
            return None  # equal dates prove no order
        return f"by {column}, newest first", self._until(first, sort, column, since)

    def _until(
        self, first: list[Row], sort: dict[str, Any], column: str, since: dt.date
    ) -> Iterator[list[Row]]:
        for rows in self._from(first, sort):
            yield rows
            dates = [_moment(row.get(column)) for row in rows]
            if any(date is not None and date.date() < since for date in dates):
                return

    def _by_days(self, column: str, since: dt.date) -> tuple[str, Iterator[list[Row]]] | None:
        """Return the walk day by day, None where the filter is not proven."""
        try:
            witness = next((row[column] for row in self.page(0, {}) if row.get(column)), None)
            if not isinstance(witness, str):
                return None
            found = self.page(0, _on_day(column, witness[:10]))
        except InvalidRequest:
            return None
        if not found or any(not str(row.get(column)).startswith(witness[:10]) for row in found):
            return None
        return f"day by day of {column}", self._each_day(column, since)

    def _each_day(self, column: str, since: dt.date) -> Iterator[list[Row]]:
        today = (self._client.server_now or self._client.clock.now()).date() + DAY
        day = since
        while day <= today:
            filters = _on_day(column, day.isoformat())
            yield from self._from(self.page(0, filters), filters)
            day += DAY


def fields_of(client: Client, type_name: str) -> set[str]:
    """Return the fields that a type has on this account, empty where the account does not say."""
    document = (
        "query($name: String!) { __type(name: $name) { fields { name } inputFields { name } } }"
    )
    try:
        found = run_graphql(client, document, {"name": type_name}).get("__type")
    except InvalidRequest:
        return set()
    entries = (found.get("fields") or found.get("inputFields") or []) if found else []
    return {str(entry.get("name")) for entry in entries if isinstance(entry, dict)}


def walk_search(client: Client, search: Search, since: dt.date | None = None) -> Iterator[Page]:
    """Walk a search: all rows, or those that the store modified since a day."""
    reader = SearchReader(client, search)
    for rows in reader.whole() if since is None else reader.changed(since):
        yield Page(rows, {}, None, client.server_now)


def _on_day(column: str, day: str) -> dict[str, Any]:
    return {column: {"value": day, "filterOperator": "CONTAINS"}}


def _moment(raw: Any) -> dt.datetime | None:
    try:
        found = dt.datetime.fromisoformat(raw) if isinstance(raw, str) else None
    except ValueError:
        return None
    return found.replace(tzinfo=dt.UTC) if found is not None and found.tzinfo is None else found
