"""Single pages of a collection, prefetched for the walk through it.

The reader computes the positions of prefetched pages from the pages it has read. If the collection
changes, it drops the prefetched pages.
"""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client.errors import RequestError, ServerError, UnexpectedResponse

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from tap_activecampaign_unified.client.client import Client

logger = logging.getLogger(__name__)

FULL_PAGE = 100
MIN_PAGE_SIZE = 1
# Seconds of retries before the reader requests a smaller page. After some good pages it requests
# larger pages again, and after more good pages each time the larger page fails again.
SHRINK_AFTER_SECONDS = 15.0
GROW_AFTER_PAGES = 3
MAX_GROW_AFTER_PAGES = 48
SHRINK_FACTOR = 4
# Without a count of the collection: the reader prefetches one page for every ten pages read.
PAGES_PER_PREFETCH = 10
MAX_OFFSET_MISSES = 2

Row = dict[str, Any]
#: The key of a response's rows, or all keys that they may have.
RowsKey = str | tuple[str, ...]
Params = list[tuple[str, "str | int"]]
PositionParams = tuple[tuple[str, "str | int"], ...]
BY_ID: Params = [("orders[id]", "ASC")]


@dataclass(frozen=True)
class Page:
    """The new rows of a page, with the whole response.

    ``body`` holds the sideloads. ``total`` is the server's count of the collection, None without a
    count. ``date`` is the server's clock, ``limit`` the requested number of rows.
    """

    rows: list[Row]
    body: dict[str, Any]
    total: int | None
    date: dt.datetime | None
    limit: int = FULL_PAGE


class PageReader:
    """Requests single pages. After server errors it requests smaller pages.

    It reads ``params`` for each page, so the caller may change them between pages. Pages that are
    already prefetched keep their parameters. It prefetches pages in the order of reading. If the
    caller reads another page, it drops all prefetched pages. Without ``is_eager``, it prefetches
    only while the caller asks for a page.
    """

    def __init__(
        self,
        client: Client,
        path: str,
        key: RowsKey,
        params: Sequence[tuple[str, Any]],
        order: Sequence[tuple[str, Any]] = BY_ID,
        *,
        is_eager: bool = False,
    ) -> None:
        self._client, self._path, self._key = client, path, key
        self._params, self._order = params, order
        self._is_eager = is_eager
        self._limit = FULL_PAGE
        self._good_pages = 0
        self._grow_after = GROW_AFTER_PAGES
        self._has_shrunk = False
        self._prefetched: deque[tuple[PositionParams, Params]] = deque()
        # The most pages to prefetch: one more after a used page, half as many after a wasted page.
        self._prefetch_allowance = FULL_PAGE

    def read(self, *position: tuple[str, str | int], shrinks: bool = True) -> Page:
        """Return the page at ``position``. With ``shrinks``, a smaller page after server errors."""
        while True:
            limit = self._limit
            params = self._take(position) or self._params_of(position)
            try:
                response = self._client.get(self._path, params, patience=self._patience)
            except ServerError as problem:
                if limit == MIN_PAGE_SIZE or not shrinks:
                    raise
                self._shrink()
                logger.warning("%s: the client requests pages of %d rows", problem, self._limit)
                continue
            self._grow()
            rows = named_rows(response.body, self._key, self._path)
            return Page(rows, response.body, total_of(response.body), response.date, limit)

    @property
    def _patience(self) -> float | None:
        return None if self._limit == MIN_PAGE_SIZE else SHRINK_AFTER_SECONDS

    def _params_of(self, position: PositionParams) -> Params:
        return [("limit", self._limit), *self._params, *self._order, *position]

    # --- prefetched pages -------------------------------------------------------------------

    @property
    def prefetches_left(self) -> int:
        """The number of pages that the caller may still prefetch."""
        if self._limit < FULL_PAGE:
            return 0  # the server has errors, so request no more than needed
        return min(self._client.look_ahead, self._prefetch_allowance) - len(self._prefetched)

    @property
    def has_prefetched(self) -> bool:
        """Whether there are prefetched pages that the caller has not read."""
        return bool(self._prefetched)

    def prefetch_page(self, *position: tuple[str, str | int]) -> None:
        """Prefetch a page. The caller will read it after all pages prefetched before."""
        params = self._params_of(position)
        self._prefetched.append((position, params))
        self._client.prefetch(self._path, params, patience=self._patience, is_urgent=False)

    def _take(self, position: PositionParams) -> Params | None:
        """Return the parameters of a prefetched page, which may be older than ``params``."""
        if self._prefetched and self._prefetched[0][0] == position:
            self._prefetch_allowance = min(FULL_PAGE, self._prefetch_allowance + 1)
            return self._prefetched.popleft()[1]
        self.forget()
        return None

    def forget(self, *, is_wasted: bool = False) -> None:
        """Cancel the prefetched pages. ``is_wasted``: a prefetched page was of no use."""
        if self._prefetched or is_wasted:
            self._prefetch_allowance = max(
                1, min(self._prefetch_allowance, self._client.look_ahead) // 2
            )
        while self._prefetched:
            self._client.cancel_prefetch(self._path, self._prefetched.popleft()[1])

    # --- page sizes -------------------------------------------------------------------------

    def _shrink(self) -> None:
        self.forget()
        if self._has_shrunk and self._good_pages:
            self._grow_after = min(2 * self._grow_after, MAX_GROW_AFTER_PAGES)
        self._limit = max(MIN_PAGE_SIZE, self._limit // SHRINK_FACTOR)
        self._good_pages, self._has_shrunk = 0, True

    def _grow(self) -> None:
        self._good_pages += 1
        if self._limit < FULL_PAGE and self._good_pages % self._grow_after == 0:
            self._limit = min(FULL_PAGE, self._limit * SHRINK_FACTOR)


class OffsetReader(PageReader):
    """Pages by offset. Each page shares a row with the previous page."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._last: tuple[int, Page] | None = None
        self._prefetched_to = 0
        self._pages = 0

    def at(self, offset: int) -> Page:
        """Return the page at ``offset``, and prefetch the pages that seem to follow."""
        self._prefetch_following(offset)
        page = self.read(("offset", offset))
        self._pages += 1
        self._last = (offset, page)
        if self._is_eager:
            self._prefetch_following(offset + len(page.rows) - 1)
        return page

    def _prefetch_following(self, offset: int) -> None:
        """Prefetch pages from ``offset`` on, if the last page ends there."""
        if self._last is None:
            return
        previous, page = self._last
        stride = len(page.rows) - 1
        if stride <= 0 or offset != previous + stride:
            return
        if page.total is None:
            # No count: guess more pages as the walk gets longer.
            is_full = len(page.rows) >= page.limit
            last = previous + (self._pages // PAGES_PER_PREFETCH if is_full else 0) * stride
        else:
            # A page that begins on the last row has no new row. After a full page, it is the end.
            last = page.total - (1 if len(page.rows) >= page.limit else 2)
        if not self.has_prefetched:
            self._prefetched_to = previous
        while self.prefetches_left > 0 and self._prefetched_to + stride <= last:
            self._prefetched_to += stride
            self.prefetch_page(("offset", self._prefetched_to))


@dataclass(frozen=True)
class KeysetPage:
    """The rows above a key, from one page.

    ``remaining``: the rows left after this page if ``meta.total`` counts only the rows above the
    key, None without a count. ``counts_all``: ``meta.total`` did not change when the key did, so
    the server counts the whole collection. ``is_short``: the page has fewer rows than requested.
    """

    page: Page
    remaining: int | None
    counts_all: bool
    is_short: bool


class KeysetReader(PageReader):
    """Pages above a key. Prefetched pages have an offset above the last known key.

    The reader uses a prefetched page only if the last key before it is among its rows. Ids only
    grow, so no row can lie in between. If rows were deleted meanwhile, the key is missing, and the
    reader requests the page again above its true key.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: The key and the offset of each prefetched page.
        self._prefetched_keys: deque[tuple[int, int]] = deque()
        #: The count of the first page.
        self._total: int | None = None
        self._rows_received = 0
        #: The number of rows of the last page that was not prefetched.
        self._rows_per_page = FULL_PAGE
        #: The number of rows in the pages received and prefetched.
        self._rows_covered = 0
        # The last requested key, its count, and the count above the key before it.
        self._counted: tuple[int, int | None, int | None] | None = None
        self._last: KeysetPage | None = None
        # How often an offset above a key gave the right rows, and how often not.
        self._offset_hits = self._offset_misses = 0

    def read_above(self, after: int) -> KeysetPage:
        """Return the rows whose ids are greater than ``after``."""
        self._prefetch_following(after)
        above = self._read_prefetched(after) if self._prefetched_keys else None
        if above is None:
            self.forget(is_wasted=bool(self._prefetched_keys))
            self._prefetched_keys.clear()
            page = self.read(("id_greater", after))
            above = self._rows_above(page, after, 0, page.rows)
            if self._total is None:
                self._total = page.total
            self._rows_per_page = len(page.rows)
        self._rows_received += len(above.page.rows)
        self._last = above
        if self._is_eager and above.page.rows:
            self._prefetch_following(number_of(above.page.rows[-1]))
        return above

    def _read_prefetched(self, after: int) -> KeysetPage | None:
        """Return the rows above ``after`` of the prefetched page. None if the page does not fit."""
        key, offset = self._prefetched_keys[0]
        try:
            page = self.read(*_position_params(key, offset), shrinks=not offset)
        except RequestError as problem:
            if not offset:
                raise
            logger.info("%s: the client continues without an offset", problem)
            self._offset_misses += 1
            return None
        numbers = [number_of(row) for row in page.rows]
        fits = after in (numbers if offset else [key]) and ascends(numbers, key)
        new_rows = page.rows[numbers.index(after) + 1 :] if fits and offset else page.rows
        above = self._rows_above(page, key, offset, new_rows)
        if not fits or not (new_rows or above.is_short):
            self._offset_misses += 1
            return None
        self._offset_hits += bool(offset)
        self._prefetched_keys.popleft()
        return above

    def _rows_above(self, page: Page, key: int, offset: int, new_rows: list[Row]) -> KeysetPage:
        total = page.total
        if self._counted is None or self._counted[0] != key:
            self._counted = (key, total, self._counted[1] if self._counted else None)
        return KeysetPage(
            Page(new_rows, page.body, total, page.date, page.limit),
            remaining=None if total is None else total - offset - len(page.rows),
            counts_all=total is not None and total == self._counted[2],
            is_short=len(page.rows) < page.limit,
        )

    def _prefetch_following(self, after: int | None) -> None:
        """Prefetch the pages after ``after``, up to the known number of rows."""
        if after is None or self._last is None or self._total is None or self._rows_per_page < 2:
            return
        if not self._last.page.rows or number_of(self._last.page.rows[-1]) != after:
            return
        if not self._prefetched_keys:
            self._rows_covered = self._rows_received
        # More rows may follow a full page that seems to be the last, so request the next page too.
        while self.prefetches_left > 0 and self._rows_covered <= self._total:
            ahead = self._rows_covered - self._rows_received
            if ahead and not self._offset_hits and self._offset_misses >= MAX_OFFSET_MISSES:
                return  # this server supports keys or offsets, not both
            offset = ahead - 1 if ahead else 0  # shares a row with the previous page
            self._prefetched_keys.append((after, offset))
            self.prefetch_page(*_position_params(after, offset))
            self._rows_covered = self._rows_received + offset + self._rows_per_page


def _position_params(key: int, offset: int) -> PositionParams:
    return (("id_greater", key), *((("offset", offset),) if offset else ()))


def rows_of(body: dict[str, Any], key: RowsKey) -> list[Row]:
    """Return the rows under a key of a response, or none if the value is not an array."""
    for name in _names_of(key):
        rows = body.get(name)
        if isinstance(rows, list):
            return [row for row in rows if isinstance(row, dict)]
    return []


def named_rows(body: dict[str, Any], key: RowsKey, path: str) -> list[Row]:
    """Return the rows of a collection's response. Raise `UnexpectedResponse` without their key.

    A response with a count of 0 needs no key.
    """
    names = _names_of(key)
    if not any(name in body for name in names) and total_of(body) != 0:
        problem = f"the response has no {' or '.join(names)}: the rows are unknown"
        raise UnexpectedResponse(problem, method="GET", path=path, status=200)
    return rows_of(body, key)


def _names_of(key: RowsKey) -> tuple[str, ...]:
    return (key,) if isinstance(key, str) else key


def total_of(body: dict[str, Any]) -> int | None:
    """Return ``meta.total``, which is an int, a string or missing."""
    meta = body.get("meta")
    try:
        return int(meta["total"]) if isinstance(meta, dict) else None
    except (KeyError, TypeError, ValueError):
        return None


def number_of(row: Row) -> int | None:
    """Return a row's id as a number, or None if it is not a number."""
    try:
        return int(row["id"])
    except (KeyError, TypeError, ValueError):
        return None


def ascends(numbers: list[int | None], after: int) -> bool:
    """Return whether ids are numbers that ascend from above ``after``."""
    previous = after
    for number in numbers:
        if number is None or number <= previous:
            return False
        previous = number
    return True
