"""Reads pages by offset, and prefetches pages up to the count of the collection.

Without a count, the reader prefetches more pages as the walk gets longer.
"""

from __future__ import annotations

from typing import Any

from .page_reader import Page, PageReader

# Without a count of the collection: the reader prefetches one page for every ten pages read.
PAGES_PER_PREFETCH = 10


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
