"""Walks of raw collections without ordinary pages, or whose rows have one of several names."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import (
    FULL_PAGE,
    InvalidRequest,
    NotFound,
    Page,
    PermissionDenied,
    prefetch_walk,
    rows_of,
    total_of,
    walk_offset,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tap_activecampaign_unified.client import Client

logger = logging.getLogger(__name__)

MAX_PAGES = 10_000
#: The only column of a row that ActiveCampaign sends as a plain value.
VALUE_COLUMN = "value"


def in_one_response(path: str, key: str) -> Callable[[Client], Iterator[Page]]:
    """Return the walk of a collection without pages. A plain value becomes a row."""

    def walk(client: Client) -> Iterator[Page]:
        response = client.get(path)
        elements = response.body.get(key)
        rows = [
            element if isinstance(element, dict) else {VALUE_COLUMN: element}
            for element in (elements if isinstance(elements, list) else ())
        ]
        yield Page(rows, response.body, len(rows), response.date)

    return walk


def by_page_number(path: str, key: str) -> Callable[[Client], Iterator[Page]]:
    """Return the walk of a collection with numbered pages. It ends at a page without new rows."""

    def walk(client: Client) -> Iterator[Page]:
        seen: set[str] = set()
        for number in range(1, MAX_PAGES + 1):
            response = client.get(path, [("page", number), ("page_size", FULL_PAGE)])
            rows = [row for row in rows_of(response.body, key) if str(row.get("id")) not in seen]
            seen.update(str(row.get("id")) for row in rows)
            yield Page(rows, response.body, total_of(response.body), response.date)
            if not rows:
                return

    return walk


def under_any_key(path: str, *keys: str) -> Callable[[Client], Iterator[Page]]:
    """Return the walk of a collection whose rows are under one of ``keys``, or the only list."""

    def walk(client: Client) -> Iterator[Page]:
        body = client.get(path, [("limit", 1)]).body
        lists = [name for name, value in body.items() if isinstance(value, list)]
        found_keys = [name for name in keys if name in lists]
        key = found_keys[0] if found_keys else lists[0] if len(lists) == 1 else keys[0]
        yield from walk_offset(client, path, key)

    return walk


def or_by_parent(path: str, parents: str, nested: str) -> Callable[[Client], Iterator[Page]]:
    """Return the walk of a collection, or of each parent's rows if the account refuses it."""

    def walk(client: Client) -> Iterator[Page]:
        pages = walk_offset(client, path, path, is_eager=True)
        try:
            first = next(pages)
        except (PermissionDenied, NotFound, InvalidRequest) as problem:
            logger.info("%s: the tap reads it from each of %s instead", problem, parents)
            yield from _by_parent(client, path, parents, nested)
            return
        yield first
        yield from pages

    return walk


def _by_parent(client: Client, key: str, parents: str, nested: str) -> Iterator[Page]:
    for page in walk_offset(client, parents, parents, is_eager=True):
        paths = [nested.format(id=row.get("id")) for row in page.rows if _is_number(row.get("id"))]
        for path in paths:
            prefetch_walk(client, path)
        for path in paths:
            try:
                yield from walk_offset(client, path, key, lean=True)
            except NotFound as problem:
                if problem.is_endpoint:
                    raise  # the account lacks the endpoint, not only this parent


def _is_number(value: Any) -> bool:
    return str(value).isdecimal()


WALKS: dict[str, Callable[[Client], Iterator[Page]]] = {
    "raw_audiences": by_page_number("audiences", "data"),
    "raw_bulk_imports_outstanding": in_one_response("import/bulk_import", "outstanding"),
    "raw_bulk_imports_recently_completed": in_one_response(
        "import/bulk_import", "recentlyCompleted"
    ),
    "raw_group_members": under_any_key("groupMembers", "groupDefinitions", "groupMembers"),
    "raw_links": or_by_parent("links", "campaigns", "campaigns/{id}/links"),
    "raw_sms_broadcasts": under_any_key("sms/broadcasts", "broadcasts", "smsBroadcasts", "data"),
    "raw_url_whitelistings": in_one_response("prism/urlWhitelistings", "data"),
    "raw_webhook_events": in_one_response("webhook/events", "webhookEvents"),
}
