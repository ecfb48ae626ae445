"""Requests single pages of a collection: their size, their rows, and prefetched pages.

`offset_reader.py` and `keyset_reader.py` compute the positions of prefetched pages from the pages
that they have read. If the collection changes, the reader drops the prefetched pages.
"""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client.errors import ServerError, UnexpectedResponse

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
    count. ``date`` is the server's clock, ``limit`` the requested number of rows. ``position`` is
    the id up to which the walk has yielded every row, None for a walk by offset.
    """

    rows: list[Row]
    body: dict[str, Any]
    total: int | None
    date: dt.datetime | None
    limit: int = FULL_PAGE
    position: int | None = None


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


def rows_of(body: dict[str, Any], key: RowsKey) -> list[Row]:
    """Return the rows under a key of a response, or none if the value is not an array."""
    for name in _names_of(key):
        rows = body.get(name)
        if isinstance(rows, list):
            return [row for row in rows if isinstance(row, dict)]
    return []


def named_rows(body: dict[str, Any], key: RowsKey, path: str) -> list[Row]:
    """Return the rows of a collection's response.

    Raise `UnexpectedResponse` if no array is under their key, unless the count is 0. Raise it for a
    value that is no array of objects too, because its rows would be lost. Null is not an empty
    array: opt-outs would be missing.
    """
    names = _names_of(key)
    problem = None
    if not any(isinstance(body.get(name), list) for name in names) and total_of(body) != 0:
        problem = f"the response has no {' or '.join(names)}"
    for name in names:
        value = body.get(name)
        if value and not (isinstance(value, list) and all(isinstance(row, dict) for row in value)):
            problem = f"{name} of the response is no array of objects"
    if problem:
        text = f"{problem}: the rows are unknown"
        raise UnexpectedResponse(text, method="GET", path=path, status=200)
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


def id_number_of(row: Row) -> int | None:
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
