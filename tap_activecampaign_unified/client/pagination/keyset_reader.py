"""Reads pages of rows above an id, and prefetches pages by offset above the last known id."""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from tap_activecampaign_unified.client.errors import RequestError

from .page_reader import FULL_PAGE, Page, PageReader, ascends, id_number_of

if TYPE_CHECKING:
    from .page_reader import PositionParams, Row

logger = logging.getLogger(__name__)

# After this many pages at an offset with the wrong rows, the reader uses no offset any more.
MAX_OFFSET_MISSES = 2


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


class _CountAboveKey(NamedTuple):
    """The server's count of rows with the last requested key, and with the key before it."""

    key: int
    total: int | None
    total_before: int | None


class KeysetReader(PageReader):
    """Pages above a key.

    The first prefetched page begins right above the last known key. Each further one is at an
    offset above that key, and shares a row with the page before it.

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
        self._counted: _CountAboveKey | None = None
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
            self._prefetch_following(id_number_of(above.page.rows[-1]))
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
        numbers = [id_number_of(row) for row in page.rows]
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
        if self._counted is None or self._counted.key != key:
            before = self._counted.total if self._counted else None
            self._counted = _CountAboveKey(key, total, before)
        return KeysetPage(
            Page(new_rows, page.body, total, page.date, page.limit),
            remaining=None if total is None else total - offset - len(page.rows),
            counts_all=total is not None and total == self._counted.total_before,
            is_short=len(page.rows) < page.limit,
        )

    def _prefetch_following(self, after: int | None) -> None:
        """Prefetch the pages after ``after``, up to the known number of rows."""
        if after is None or self._last is None or self._total is None or self._rows_per_page < 2:
            return
        if not self._last.page.rows or id_number_of(self._last.page.rows[-1]) != after:
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
