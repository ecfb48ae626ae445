"""Single pages of a collection, prefetched for the walk through it.

The position of a prefetched page is computed from what is known of the collection. Where the
collection turns out otherwise, the page is not used.
"""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client.errors import RequestError, ServerError, UnexpectedAnswer

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from tap_activecampaign_unified.client.client import Client

logger = logging.getLogger(__name__)

FULL_PAGE = 100
MIN_PAGE_SIZE = 1
# Seconds that a large page is retried before a smaller one is asked for, and how many good pages
# bring the large one back: few at first, more each time the larger page fails again.
SHRINK_AFTER_SECONDS = 15.0
GROW_AFTER_PAGES = 3
MAX_GROW_AFTER_PAGES = 48
SHRINK_FACTOR = 4
# Without a count of the collection: pages read per page that is prefetched.
PAGES_PER_GUESS = 10
MAX_MISSES = 2

Row = dict[str, Any]
#: The key of a response's rows, or all keys that they may have.
RowsKey = str | tuple[str, ...]
Params = list[tuple[str, "str | int"]]
Position = tuple[tuple[str, "str | int"], ...]
BY_ID: Params = [("orders[id]", "ASC")]


@dataclass(frozen=True)
class Page:
    """Rows that this walk has not seen before, with the whole response they came in.

    ``body`` holds the sideloads. ``total`` is the server's count of the collection, None where it
    sends none. ``date`` is the server's clock, ``limit`` the requested number of rows.
    """

    rows: list[Row]
    body: dict[str, Any]
    total: int | None
    date: dt.datetime | None
    limit: int = FULL_PAGE


class PageReader:
    """Requests single pages, smaller ones when the server cannot deliver large ones.

    ``params`` is read for each page: the caller may change it in between. Pages are prefetched in
    the order in which they will be read; when another page is read next, all of them are dropped.
    ``is_eager``: pages are prefetched before the caller wants them.
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
        self._good = 0
        self._grow_after = GROW_AFTER_PAGES
        self._has_shrunk = False
        self._prefetched: deque[tuple[Position, Params]] = deque()
        # How many pages to prefetch: halved after a wasted one, one more after each used one.
        self._trust = FULL_PAGE

    def read(self, *position: tuple[str, str | int], shrinks: bool = True) -> Page:
        """Return the page at ``position``, prefetched or not; a smaller one after server errors."""
        while True:
            limit = self._limit
            params = self._take(position) or self._params_of(position)
            try:
                answer = self._client.get(self._path, params, patience=self._patience)
            except ServerError as trouble:
                if limit == MIN_PAGE_SIZE or not shrinks:
                    raise
                self._shrink()
                logger.warning("%s: requesting pages of %d rows", trouble, self._limit)
                continue
            self._grow()
            rows = named_rows(answer.body, self._key, self._path)
            return Page(rows, answer.body, total_of(answer.body), answer.date, limit)

    @property
    def _patience(self) -> float | None:
        return None if self._limit == MIN_PAGE_SIZE else SHRINK_AFTER_SECONDS

    def _params_of(self, position: Position) -> Params:
        return [("limit", self._limit), *self._params, *self._order, *position]

    # --- ahead ------------------------------------------------------------------------------

    @property
    def prefetches_left(self) -> int:
        """How many more pages may be prefetched."""
        if self._limit < FULL_PAGE:
            return 0  # the server has errors: request no more than needed
        return min(self._client.look_ahead, self._trust) - len(self._prefetched)

    @property
    def has_prefetched(self) -> bool:
        """Whether pages are prefetched that were not read yet."""
        return bool(self._prefetched)

    def prefetch_page(self, *position: tuple[str, str | int]) -> None:
        """Prefetch the page that will be read after those prefetched before."""
        params = self._params_of(position)
        self._prefetched.append((position, params))
        self._client.prefetch(self._path, params, patience=self._patience, is_urgent=False)

    def _take(self, position: Position) -> Params | None:
        """Return the parameters of a prefetched page; they may be older than ``params``."""
        if self._prefetched and self._prefetched[0][0] == position:
            self._trust = min(FULL_PAGE, self._trust + 1)
            return self._prefetched.popleft()[1]
        self.forget()
        return None

    def forget(self, *, in_vain: bool = False) -> None:
        """Cancel the prefetched pages: the walk reads another page next."""
        if self._prefetched or in_vain:
            self._trust = max(1, min(self._trust, self._client.look_ahead) // 2)
        while self._prefetched:
            self._client.cancel_prefetch(self._path, self._prefetched.popleft()[1])

    # --- page sizes -------------------------------------------------------------------------

    def _shrink(self) -> None:
        self.forget()
        if self._has_shrunk and self._good:
            self._grow_after = min(2 * self._grow_after, MAX_GROW_AFTER_PAGES)
        self._limit = max(MIN_PAGE_SIZE, self._limit // SHRINK_FACTOR)
        self._good, self._has_shrunk = 0, True

    def _grow(self) -> None:
        self._good += 1
        if self._limit < FULL_PAGE and self._good % self._grow_after == 0:
            self._limit = min(FULL_PAGE, self._limit * SHRINK_FACTOR)


class OffsetReader(PageReader):
    """Pages by offset, each sharing a row with the previous one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._last: tuple[int, Page] | None = None
        self._prefetched_to = 0
        self._pages = 0

    def at(self, offset: int) -> Page:
        """Return the page at ``offset``, and prefetch those that seem to follow."""
        self._plan(offset)
        page = self.read(("offset", offset))
        self._pages += 1
        self._last = (offset, page)
        if self._is_eager:
            self._plan(offset + len(page.rows) - 1)
        return page

    def _plan(self, offset: int) -> None:
        """Prefetch pages from ``offset`` on, if the last page leads there."""
        if self._last is None:
            return
        before, page = self._last
        stride = len(page.rows) - 1
        if stride <= 0 or offset != before + stride:
            return
        if page.total is None:
            # No count: guess, the more the longer the walk is.
            is_full = len(page.rows) >= page.limit
            last = before + (self._pages // PAGES_PER_GUESS if is_full else 0) * stride
        else:
            # A page that begins on the last row has nothing new; after a full page it is the end.
            last = page.total - (1 if len(page.rows) >= page.limit else 2)
        if not self.has_prefetched:
            self._prefetched_to = before
        while self.prefetches_left > 0 and self._prefetched_to + stride <= last:
            self._prefetched_to += stride
            self.prefetch_page(("offset", self._prefetched_to))


@dataclass(frozen=True)
class KeysetPage:
    """The rows above a key that one page brought.

    ``left``: how many more there are if the server counts those above the key (None: no count).
    ``counts_all``: it counted as many above another key before. ``is_short``: fewer rows came than
    requested.
    """

    page: Page
    left: int | None
    counts_all: bool
    is_short: bool


class KeysetReader(PageReader):
    """Pages above a key; prefetched pages have an offset above the last known key.

    Such a page is used if the key it must continue from is among its rows: ids only grow, so
    nothing can lie in between. Where rows were deleted meanwhile, the key is missing, and the page
    is read again above its true key.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._keys: deque[tuple[int, int]] = deque()
        self._expected: int | None = None
        self._received = 0
        self._length = FULL_PAGE
        self._planned = 0
        # The last requested key, its count, and the count above the key before it.
        self._counted: tuple[int, int | None, int | None] | None = None
        self._last: KeysetPage | None = None
        # How often an offset above a key led to the right rows, and how often not.
        self._hits = self._misses = 0

    def read_above(self, after: int) -> KeysetPage:
        """Return the rows whose ids are greater than ``after``."""
        self._plan(after)
        above = self._ahead(after) if self._keys else None
        if above is None:
            self.forget(in_vain=bool(self._keys))
            self._keys.clear()
            page = self.read(("id_greater", after))
            above = self._behind(page, after, 0, page.rows)
            if self._expected is None:
                self._expected = page.total
            self._length = len(page.rows)
        self._received += len(above.page.rows)
        self._last = above
        if self._is_eager and above.page.rows:
            self._plan(number_of(above.page.rows[-1]))
        return above

    def _ahead(self, after: int) -> KeysetPage | None:
        """Return the rows of the page prefetched for this place; None where it does not fit."""
        key, offset = self._keys[0]
        try:
            page = self.read(*_place(key, offset), shrinks=not offset)
        except RequestError as problem:
            if not offset:
                raise
            logger.info("%s: continuing without an offset", problem)
            self._misses += 1
            return None
        numbers = [number_of(row) for row in page.rows]
        fits = after in (numbers if offset else [key]) and ascends(numbers, key)
        fresh = page.rows[numbers.index(after) + 1 :] if fits and offset else page.rows
        above = self._behind(page, key, offset, fresh)
        if not fits or not (fresh or above.is_short):
            self._misses += 1
            return None
        self._hits += bool(offset)
        self._keys.popleft()
        return above

    def _behind(self, page: Page, key: int, offset: int, fresh: list[Row]) -> KeysetPage:
        total = page.total
        if self._counted is None or self._counted[0] != key:
            self._counted = (key, total, self._counted[1] if self._counted else None)
        return KeysetPage(
            Page(fresh, page.body, total, page.date, page.limit),
            left=None if total is None else total - offset - len(page.rows),
            counts_all=total is not None and total == self._counted[2],
            is_short=len(page.rows) < page.limit,
        )

    def _plan(self, after: int | None) -> None:
        """Prefetch what follows ``after``, as far as rows are known to exist."""
        if after is None or self._last is None or self._expected is None or self._length < 2:
            return
        if not self._last.page.rows or number_of(self._last.page.rows[-1]) != after:
            return
        if not self._keys:
            self._planned = self._received
        # A full page that seems to be the last leaves the end open: the next is requested as well.
        while self.prefetches_left > 0 and self._planned <= self._expected:
            ahead = self._planned - self._received
            if ahead and not self._hits and self._misses >= MAX_MISSES:
                return  # this server supports keys or offsets, not both
            offset = ahead - 1 if ahead else 0  # shares a row with the previous page
            self._keys.append((after, offset))
            self.prefetch_page(*_place(after, offset))
            self._planned = self._received + offset + self._length


def _place(key: int, offset: int) -> Position:
    return (("id_greater", key), *((("offset", offset),) if offset else ()))


def rows_of(body: dict[str, Any], key: RowsKey) -> list[Row]:
    """Return the rows under a key of a response; none where the value is not an array."""
    for name in _names_of(key):
        rows = body.get(name)
        if isinstance(rows, list):
            return [row for row in rows if isinstance(row, dict)]
    return []


def named_rows(body: dict[str, Any], key: RowsKey, path: str) -> list[Row]:
    """Return the rows of a collection's response; raise `UnexpectedAnswer` without their key.

    A response with a count of 0 needs no key.
    """
    names = _names_of(key)
    if not any(name in body for name in names) and total_of(body) != 0:
        problem = f"the response has no {' or '.join(names)}: the rows are unknown"
        raise UnexpectedAnswer(problem, method="GET", path=path, status=200)
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
    """Return a row's id as a number; None where it is not one."""
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
