"""Walks through GraphQL searches, which have no total, no cursor and no fixed order.

Pages overlap by a row. A missing overlap shows that rows were deleted. A walk yields new rows only.
`changed_rows.py` finds the changed rows.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client.errors import InvalidRequest, UnexpectedResponse
from tap_activecampaign_unified.client.pagination.page_reader import FULL_PAGE, Page
from tap_activecampaign_unified.client.pagination.seen_keys import SeenKeys

from .existing_columns import AdaptedSelection
from .request import PATH, run_graphql

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_activecampaign_unified.client.client import Client
    from tap_activecampaign_unified.client.pagination.page_reader import Row

logger = logging.getLogger(__name__)

# How often a walk goes back to find a page that overlaps the rows before it.
MAX_STEPS_BACK = 20


@dataclass(frozen=True)
class Search:
    """A GraphQL search: its ``field``, the type of its filter, and the selected columns.

    ``type_name`` is the type of its rows. ``keys`` are the columns that identify a row. A walk is
    in order of the last key. ``modified`` are the columns with the store's last change.
    """

    field: str
    filter_type: str
    type_name: str
    selection: dict[str, str]
    keys: tuple[str, ...]
    modified: tuple[str, ...]

    def document(self, selection: dict[str, str]) -> str:
        """Return the document for a selection. The variables hold all filters."""
        columns = " ".join(selection.values())
        return (
            f"query($filter: {self.filter_type}) "
            f"{{ {self.field}(filter: $filter) {{ {columns} }} }}"
        )

    def key_of(self, row: Row) -> tuple[str, ...]:
        """Return the values that identify a row."""
        return tuple(str(row.get(key)) for key in self.keys)


class SearchReader:
    """Requests pages of a search, with the columns that the account has."""

    def __init__(self, client: Client, search: Search) -> None:
        self.client, self.search = client, search
        self._selection = AdaptedSelection(client, search.type_name, search.selection)
        self._has_warned = False

    def page(self, offset: int, filters: dict[str, Any], limit: int = FULL_PAGE) -> list[Row]:
        """Return the rows of one page, with an empty row in place of null.

        Raise `UnexpectedResponse` without an array of objects: its rows would be lost.
        """
        variables = {**filters, "pagination": {"offset": offset, "limit": limit}}
        try:
            data = self._run(variables)
        except InvalidRequest:
            if not self._adapt():
                raise
            data = self._run(variables)
        rows = data.get(self.search.field)
        if not isinstance(rows, list) or any(not isinstance(row, dict | None) for row in rows):
            text = (
                f"{self.search.field} of the response is no array of objects: the rows are unknown"
            )
            raise UnexpectedResponse(text, method="POST", path=PATH, status=200)
        if None in rows and not self._has_warned:
            self._has_warned = True
            logger.warning(
                "%s: ActiveCampaign sends null in place of a row; the client leaves such rows out",
                self.search.field,
            )
        return [{} if row is None else row for row in rows]

    def _run(self, variables: dict[str, Any]) -> dict[str, Any]:
        return run_graphql(
            self.client, self.search.document(self._selection.columns), {"filter": variables}
        )

    def _adapt(self) -> bool:
        """Leave out columns that the account's schema lacks. Return False if it lacks none."""
        before = self._selection.columns.keys()
        if not self._selection.adapt():
            return False
        logger.info(
            "%s lacks %s on this account: the client leaves them out",
            self.search.type_name,
            ", ".join(sorted(before - self._selection.columns.keys())),
        )
        return True

    def all_rows(self) -> Iterator[list[Row]]:
        """Yield every row once, in a stable order if the account can sort."""
        sort = {self.search.keys[-1]: {"sort": "ASC"}}
        try:
            first = self.page(0, sort)
        except InvalidRequest as problem:
            logger.info("%s: the client reads the rows without an order", problem)
            sort = {}
            first = self.page(0, sort)
        yield from self.walk(first, sort)

    def walk(self, first: list[Row], filters: dict[str, Any]) -> Iterator[list[Row]]:
        """Walk from the first page on. Go back where pages do not overlap."""
        seen = SeenKeys()
        rows, offset, steps = first, 0, 0
        while True:
            keys = [self.search.key_of(row) for row in rows]
            is_lost = not rows or (bool(rows[0]) and keys[0] not in seen)
            if offset and is_lost and steps < MAX_STEPS_BACK:
                steps += 1
                offset = max(0, offset - (FULL_PAGE - 1))
                rows = self.page(offset, filters)
                continue
            yield [row for row, key in zip(rows, keys, strict=True) if row and seen.add(key)]
            if len(rows) < FULL_PAGE:
                return
            offset += FULL_PAGE - 1
            rows = self.page(offset, filters)


def walk_search(client: Client, search: Search) -> Iterator[Page]:
    """Walk over all rows of a search."""
    for rows in SearchReader(client, search).all_rows():
        yield Page(rows, {}, None, client.server_now)
