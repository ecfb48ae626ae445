"""Pagination by offset that neither loses nor repeats a row while the collection changes.

A walk yields pages in order. Without `is_eager`, it prefetches only while the caller asks for a
page. Each page overlaps the previous page by a row. A missing overlap shows that earlier rows were
deleted. If three of rows 1 to 100 are deleted, the page that should begin with row 100 begins with
row 103. Then the walk goes back until a page begins with a known row.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from .offset_reader import OffsetReader
from .page_reader import BY_ID, Page, Row, ascends, id_number_of
from .seen_keys import SeenKeys

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tap_activecampaign_unified.client.client import Client

    from .page_reader import Params, RowsKey

logger = logging.getLogger(__name__)

# A collection that changes during every pass is read this many times.
MAX_PASSES = 6
# The server may remove rows from a page after it cut the page: an empty page may not be the end.
MAX_PAGES_WITHOUT_NEWS = 3
# How often the walk goes back from the offset at which an overlap is missing.
MAX_TRIES_AT_AN_EDGE = 2
# A server caps its pages at a multiple of 5, and not below this number of rows.
MIN_CAP = 20


def walk_offset(
    client: Client,
    path: str,
    key: RowsKey,
    params: Sequence[tuple[str, Any]] = (),
    *,
    lean: bool = False,
    is_eager: bool = False,
) -> Iterator[Page]:
    """Walk by offset. Each page overlaps the previous page by a row, to notice shifted rows.

    A pass is complete if its ids ascend and all pages overlap. It is also complete if every page
    had the same count of the server, and as many rows came. Otherwise the walk reads the collection
    again and yields only unseen rows, until a pass is complete or equals the previous pass. Without
    a count of the server, one more request proves the end. ``lean`` saves that request for small
    nested collections, unless the page has the size of a cap. Raises `UnexpectedResponse` if a
    response does not name its rows.
    """
    reader = OffsetReader(client, path, key, params, order_of(params), is_eager=is_eager)
    seen = SeenKeys()
    previous_keys: SeenKeys | None = None
    for _ in range(MAX_PASSES):
        walk = _OffsetPass(reader, seen, lean=lean)
        try:
            yield from walk
        finally:
            reader.forget()
        # Two passes with the same rows: nothing changed between them.
        if walk.is_complete or walk.keys == previous_keys:
            break
        previous_keys = walk.keys
        logger.info(
            "%s changed during the read (%d rows, the server counts %s): the client reads it again",
            path,
            len(seen),
            walk.total,
        )
    if walk.total is not None and len(seen) < walk.total:
        logger.info("%s: the server counts %d rows and sends %d", path, walk.total, len(seen))


def order_of(params: Sequence[tuple[str, Any]]) -> Params:
    """Return the parameters of the order: by id, unless ``params`` have an order."""
    return [] if any(name.startswith("orders[") for name, _ in params) else BY_ID


class _OffsetPass:
    """One pass over a collection by offset. `is_complete`: the pass certainly missed no row."""

    def __init__(self, reader: OffsetReader, seen: SeenKeys, *, lean: bool) -> None:
        self._reader, self._lean = reader, lean
        self._seen = seen
        self._totals: set[int | None] = set()
        self._ascends = True
        self._is_doubtful = False
        self.keys = SeenKeys()
        self.total: int | None = None

    @property
    def _is_steady(self) -> bool:
        return len(self._totals) == 1 and self.total is not None

    @property
    def is_complete(self) -> bool:
        if self._is_steady and self.total in {len(self.keys), len(self._seen)}:
            return True
        return self._ascends and not self._is_doubtful and bool(self.keys or not self.total)

    def __iter__(self) -> Iterator[Page]:
        offset, pages_without_news, recovery = 0, 0, _OffsetRecovery()
        while True:
            page = self._reader.at(offset)
            self.total = page.total
            self._totals.add(page.total)
            keys = [_identity(row) for row in page.rows]
            if self._ascends and recovery.is_lost(offset, keys, self.keys):
                if recovery.may_step_back(offset):
                    # Rows before this page were deleted. Go back until a known row appears.
                    offset = recovery.step_back(offset, page.limit)
                    continue
                # Probably nothing was deleted. The server removes rows from pages.
                self._is_doubtful = self._is_doubtful or not self._is_steady
            self._ascends = self._ascends and ascends([id_number_of(row) for row in page.rows], 0)
            new_rows = self._new_rows(page.rows, keys)
            count_before = len(self.keys)
            self.keys.update(keys)
            has_news = len(self.keys) > count_before
            yield Page(new_rows, page.body, page.total, page.date, page.limit)
            if not has_news and recovery.is_recovering(offset, len(keys)):
                offset = recovery.continue_overlapping(offset + len(keys) - 1)
                continue
            pages_without_news = 0 if has_news else pages_without_news + 1
            if self._is_last(page, offset, pages_without_news):
                return
            if not has_news and len(keys) > 1:
                # A cap of the server may have cut the page, so unseen rows may begin here.
                offset = recovery.continue_overlapping(offset + len(keys) - 1)
            elif not has_news:
                offset = recovery.skip(offset + page.limit)
            elif page.limit == 1:  # too small to overlap the next page
                self._is_doubtful, offset = True, recovery.skip(offset + 1)
            else:
                offset = recovery.found_news(offset + len(keys) - 1)

    def _new_rows(self, rows: list[Row], keys: list[Any]) -> list[Row]:
        return [row for row, key in zip(rows, keys, strict=True) if self._seen.add(key)]

    def _is_last(self, page: Page, offset: int, pages_without_news: int) -> bool:
        """Return whether this page ends the collection."""
        count = offset + len(page.rows)
        if pages_without_news >= MAX_PAGES_WITHOUT_NEWS:
            return True
        # More rows may follow a full page. A small page may hold only the overlap.
        if len(page.rows) >= page.limit and (not pages_without_news or count != page.total):
            return False
        if count == page.total:
            return True
        if page.total is not None and count < page.total:
            return False
        # No count, or a wrong count: the last page holds only the overlap.
        if pages_without_news:
            return bool(page.rows) or not offset or page.total is not None
        return self._lean and page.total is None and not _is_cap(len(page.rows))


class _OffsetRecovery:
    """Finds the way back to known rows after deletes shifted the pages."""

    def __init__(self) -> None:
        self._overlaps = False
        self._edge = 0
        self._tries = 0
        self._stride = 0

    def is_lost(self, offset: int, keys: list[Any], seen: SeenKeys) -> bool:
        """Return whether the row that this page should share with known rows is missing."""
        return bool(offset) and self._overlaps and (not keys or keys[0] not in seen)

    def may_step_back(self, offset: int) -> bool:
        """Return whether going back may still help."""
        return offset < self._edge or self._tries < MAX_TRIES_AT_AN_EDGE

    def step_back(self, offset: int, limit: int) -> int:
        """Return the next offset to read, further back each time."""
        if offset >= self._edge:  # the walk went forward and lost its overlap again
            self._edge, self._stride = offset, 0
            self._tries += 1
        self._stride = max(2 * self._stride, limit - 1, 1)
        return max(0, offset - self._stride)

    def is_recovering(self, offset: int, count: int) -> bool:
        """Return whether the walk is still before the offset at which its overlap was missing."""
        return count > 1 and offset + count <= self._edge

    def continue_overlapping(self, offset: int) -> int:
        """Continue over known rows."""
        self._overlaps = True
        return offset

    def found_news(self, offset: int) -> int:
        """Continue after new rows."""
        self._overlaps, self._edge, self._tries = True, 0, 0
        return offset

    def skip(self, offset: int) -> int:
        """Continue without a shared row."""
        self._overlaps, self._edge, self._tries = False, 0, 0
        return offset


def _is_cap(count: int) -> bool:
    """Return whether a page of this size may have been cut by a cap of the server."""
    return count >= MIN_CAP and count % 5 == 0


def _identity(row: Row) -> Any:
    number = id_number_of(row)
    if number is not None:
        return number
    return str(row["id"]) if "id" in row else repr(sorted(row.items(), key=repr))
