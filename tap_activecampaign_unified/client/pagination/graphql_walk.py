"""Walks through GraphQL searches: plain lists without a total, a cursor or an order of their own.

Pages overlap by a row, so that rows that went away meanwhile show. Only new rows are yielded.
`graphql_changes.py` finds the rows that changed.
"""

from __future__ import annotations

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
        self.client, self.search = client, search
        self._selection = search.selection
        self._is_adapted = False

    def page(self, offset: int, filters: dict[str, Any], limit: int = FULL_PAGE) -> list[Row]:
        """Return a page's rows under the filters given."""
        asked = {**filters, "pagination": {"offset": offset, "limit": limit}}
        try:
            data = self._run(asked)
        except InvalidRequest:
            if not self._adapt():
                raise
            data = self._run(asked)
        found = data.get(self.search.field)
        return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []

    def _run(self, asked: dict[str, Any]) -> dict[str, Any]:
        return run_graphql(self.client, self.search.document(self._selection), {"filter": asked})

    def _adapt(self) -> bool:
        """Leave out columns that the account's schema does not have; False when that is none."""
        if self._is_adapted:
            return False
        self._is_adapted = True
        known = fields_of(self.client, self.search.type_name)
        kept = {name: text for name, text in self._selection.items() if name in known}
        if not kept or kept == self._selection:
            return False
        left = ", ".join(sorted(self._selection.keys() - kept.keys()))
        logger.info("%s has no %s on this account: left out", self.search.type_name, left)
        self._selection = kept
        return True

    def whole(self) -> Iterator[list[Row]]:
        """Yield every row once, by a stable order where the account sorts."""
        sort = {self.search.keys[-1]: {"sort": "ASC"}}
        try:
            first = self.page(0, sort)
        except InvalidRequest as problem:
            logger.info("%s: reading it without an order", problem)
            sort = {}
            first = self.page(0, sort)
        yield from self.walk(first, sort)

    def walk(self, first: list[Row], filters: dict[str, Any]) -> Iterator[list[Row]]:
        """Walk on from the first page; a row that is missing where pages overlap leads back."""
        seen = SeenKeys()
        rows, offset, steps = first, 0, 0
        while True:
            keys = [self.search.key_of(row) for row in rows]
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


def walk_search(client: Client, search: Search) -> Iterator[Page]:
    """Walk over all rows of a search."""
    for rows in SearchReader(client, search).whole():
        yield Page(rows, {}, None, client.server_now)
