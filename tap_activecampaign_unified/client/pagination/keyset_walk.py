"""Pagination by ascending id. `keyset_reader.py` reads a page again that does not fit.

A walk yields pages in order. Without `is_eager`, it prefetches only while the caller asks for a
page.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .keyset_reader import KeysetReader
from .offset_walk import order_of, walk_offset
from .page_reader import (
    BY_ID,
    FULL_PAGE,
    SHRINK_AFTER_SECONDS,
    Page,
    ascends,
    id_number_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tap_activecampaign_unified.client.client import Client
    from tap_activecampaign_unified.client.prefetch import Then

    from .page_reader import Params, Row, RowsKey

logger = logging.getLogger(__name__)


def walk_keyset(
    client: Client,
    path: str,
    key: RowsKey,
    params: Sequence[tuple[str, Any]] = (),
    *,
    after: int = 0,
    is_eager: bool = False,
) -> Iterator[Page]:
    """Walk by ascending id, above ``after``. ActiveCampaign documents it for contacts only.

    ``is_eager``: the caller wants all pages, so the walk prefetches them. If the server ignores the
    key or the order, the walk continues by offset and yields the remaining rows. Raises
    `UnexpectedResponse` if a response does not name its rows.
    """
    reader = KeysetReader(client, path, key, params, is_eager=is_eager)
    try:
        yield from _walk_keyset(reader, after)
    except _KeysetUnsupported as stop:
        logger.warning("%s ignores id_greater: the client reads by offset", path)
        for page in walk_offset(client, path, key, params):
            rows = [row for row in page.rows if not _was_yielded(row, stop.after)]
            yield Page(rows, page.body, page.total, page.date)
    finally:
        reader.forget()


def _was_yielded(row: Row, after: int) -> bool:
    """Return whether a walk up to the id ``after`` has yielded a row. A row may lack an id."""
    number = id_number_of(row)
    return number is not None and number <= after


class _KeysetUnsupported(Exception):
    """The server ignores the key. The walk has yielded the rows up to ``after``."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.after = after


def _walk_keyset(reader: KeysetReader, after: int) -> Iterator[Page]:
    received, has_repeated = 0, False
    while True:
        page_above = reader.read_above(after)
        page = page_above.page
        numbers = [id_number_of(row) for row in page.rows]
        if not ascends(numbers, after):
            raise _KeysetUnsupported(after)
        if not page.rows:
            if page_above.remaining and page.total != received and not has_repeated:
                has_repeated = True  # the server counts more rows than it sent
                continue
            yield page
            return
        has_repeated = False
        after = numbers[-1] or after
        received += len(page.rows)
        yield replace(page, position=after)
        # A short page is the last page only if the server's count agrees. Some servers count all
        # rows. Others count only the rows above the key, so their count falls with each page: of
        # 200 rows, after 100, it is 100. This equals the number of rows received, though as many
        # follow. So only a count that did not fall is a count of all rows.
        counts_all = page_above.counts_all and page.total == received
        if page_above.is_short and (page_above.remaining == 0 or counts_all):
            return


def prefetch_walk(
    client: Client,
    path: str,
    params: Sequence[tuple[str, Any]] = (),
    *,
    after: int | None = None,
    then: Then | None = None,
) -> None:
    """Prefetch the first page of a walk: by key if ``after`` is not None, else by offset."""
    start: Params = [("offset", 0)] if after is None else [("id_greater", after)]
    order = order_of(params) if after is None else BY_ID
    first = [("limit", FULL_PAGE), *params, *order, *start]
    client.prefetch(path, first, patience=SHRINK_AFTER_SECONDS, then=then)
