"""Walks through collections that neither lose nor repeat a row, whatever moves meanwhile.

A walk yields `Page`s in the order of the walk and asks for the next page only when it is wanted.
The walks take plain arguments and know nothing of what the rows mean.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from .reading import (
    BY_ID,
    FULL_PAGE,
    SHRINK_AFTER_SECONDS,
    KeysetReader,
    OffsetReader,
    Page,
    Row,
    ascends,
    number_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .ahead import Then
    from .client import Client
    from .reading import Params, RowsKey

logger = logging.getLogger(__name__)

MOST_PASSES = 6
# Rows may be withheld from a page after it was cut: an empty one in the middle is not the end.
MOST_PAGES_WITHOUT_NEWS = 3
MOST_TRIES_AT_AN_EDGE = 2
SMALLEST_CAP = 20


def walk_keyset(
    client: Client,
    path: str,
    key: RowsKey,
    params: Sequence[tuple[str, Any]] = (),
    *,
    after: int = 0,
    is_eager: bool = False,
) -> Iterator[Page]:
    """Walk by ascending id from beyond ``after``; documented for contacts only.

    Who is eager wants all there is: pages are announced before they are wanted.
    Where the server turns out not to honour the key or the order, the walk goes on by offset and
    yields what was not yielded before. Raises `UnexpectedAnswer` where an answer does not name its
    rows.
    """
    reader = KeysetReader(client, path, key, params, is_eager=is_eager)
    try:
        yield from _walk_keyset(reader, after)
    except _NoKeyset as found:
        logger.warning("%s does not honour id_greater here: walking by offset", path)
        for other in walk_offset(client, path, key, params):
            rows = [row for row in other.rows if (number_of(row) or 0) > found.after]
            yield Page(rows, other.body, other.total, other.date)
    finally:
        reader.forget()


class _NoKeyset(Exception):
    """The server does not honour the key; rows up to ``after`` were given out."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.after = after


def _walk_keyset(reader: KeysetReader, after: int) -> Iterator[Page]:
    received, doubted = 0, False
    while True:
        stretch = reader.behind(after)
        page = stretch.page
        numbers = [number_of(row) for row in page.rows]
        if not ascends(numbers, after):
            raise _NoKeyset(after)
        if not page.rows:
            if stretch.left and page.total != received and not doubted:
                doubted = True  # the server counts more than it gave: ask once more
                continue
            yield page
            return
        doubted = False
        after = numbers[-1] or after
        received += len(page.rows)
        yield page
        # A short page is the last one only if the server's own count agrees, whichever way it
        # counts: the rows beyond the key, or all of them. Half-way through capped pages as many
        # are left as came: only a count that does not fall is one of all.
        counts_all = stretch.counts_all and page.total == received
        if stretch.is_short and (stretch.left == 0 or counts_all):
            return


def walk_offset(
    client: Client,
    path: str,
    key: RowsKey,
    params: Sequence[tuple[str, Any]] = (),
    *,
    lean: bool = False,
    is_eager: bool = False,
) -> Iterator[Page]:
    """Walk by offset; each page overlaps the one before by a row, so that shifts show.

    A pass over the collection is proven complete when its ids ascended without a gap, or when as
    many rows came as the server counted, the same from first page to last. Otherwise it is read
    again, and only rows not seen before are yielded, until a pass is proven or brings nothing new.
    Where the server counts nothing, the end is asked for once more; ``lean`` spares that request
    for the many small collections under one row, unless the page has the size of a cap. Raises
    `UnexpectedAnswer` where an answer does not name its rows.
    """
    reader = OffsetReader(client, path, key, params, _order_of(params), is_eager=is_eager)
    seen: set[Any] = set()
    before: set[Any] | None = None
    for _ in range(MOST_PASSES):
        walk = _Pass(reader, seen, lean=lean)
        try:
            yield from walk
        finally:
            reader.forget()
        # Two passes that saw the very same rows had nothing move between them.
        if walk.proven or walk.here == before:
            break
        before = walk.here
        logger.info(
            "%s moved while it was read (%d rows, the server counts %s): reading it again",
            path,
            len(seen),
            walk.total,
        )
    if walk.total is not None and len(seen) < walk.total:
        logger.info("%s: the server counts %d rows and gives %d", path, walk.total, len(seen))


def expect_walk(
    client: Client,
    path: str,
    params: Sequence[tuple[str, Any]] = (),
    *,
    after: int | None = None,
    then: Then | None = None,
) -> None:
    """Announce the first page of a walk that will surely be made, by key where ``after`` is one."""
    start: Params = [("offset", 0)] if after is None else [("id_greater", after)]
    order = _order_of(params) if after is None else BY_ID
    first = [("limit", FULL_PAGE), *params, *order, *start]
    client.expect(path, first, patience=SHRINK_AFTER_SECONDS, then=then)


def _order_of(params: Sequence[tuple[str, Any]]) -> Params:
    return [] if any(name.startswith("orders[") for name, _ in params) else BY_ID


class _Pass:
    """One pass over a collection by offset; afterwards it knows whether it was complete."""

    def __init__(self, reader: OffsetReader, seen: set[Any], *, lean: bool) -> None:
        self._reader, self._lean = reader, lean
        self._seen = seen
        self._totals: set[int | None] = set()
        self._ascends = True
        self._is_doubtful = False
        self.here: set[Any] = set()
        self.total: int | None = None

    @property
    def _is_steady(self) -> bool:
        return len(self._totals) == 1 and self.total is not None

    @property
    def proven(self) -> bool:
        if self._is_steady and self.total in {len(self.here), len(self._seen)}:
            return True
        return self._ascends and not self._is_doubtful and bool(self.here or not self.total)

    def __iter__(self) -> Iterator[Page]:
        offset, quiet, ground = 0, 0, _Ground()
        while True:
            page = self._reader.at(offset)
            self.total = page.total
            self._totals.add(page.total)
            keys = [_identity(row) for row in page.rows]
            if self._ascends and ground.is_lost(offset, keys, self.here):
                if ground.may_step_back(offset):
                    # Rows before this page went away: go back until known ground shows.
                    offset = ground.step_back(offset, page.limit)
                    continue
                # Nothing went away as far as anybody can tell: rows are withheld from pages.
                self._is_doubtful = self._is_doubtful or not self._is_steady
            self._ascends = self._ascends and ascends([number_of(row) for row in page.rows], 0)
            fresh = self._fresh(page.rows, keys)
            known = len(self.here)
            self.here.update(keys)
            has_news = len(self.here) > known
            yield Page(fresh, page.body, page.total, page.date, page.limit)
            if not has_news and ground.is_recovering(offset, len(keys)):
                offset = ground.go_on(offset + len(keys) - 1)
                continue
            quiet = 0 if has_news else quiet + 1
            if self._is_last(page, offset, quiet):
                return
            if not has_news and len(keys) > 1:
                # The page may be cut short by a limit of the server's own: new ground begins here.
                offset = ground.go_on(offset + len(keys) - 1)
            elif not has_news:
                offset = ground.skip(offset + page.limit)
            elif page.limit == 1:  # too small to overlap the next
                self._is_doubtful, offset = True, ground.skip(offset + 1)
            else:
                offset = ground.found_news(offset + len(keys) - 1)

    def _fresh(self, rows: list[Row], keys: list[Any]) -> list[Row]:
        fresh = []
        for row, key in zip(rows, keys, strict=True):
            if key not in self._seen:
                self._seen.add(key)
                fresh.append(row)
        return fresh

    def _is_last(self, page: Page, offset: int, quiet: int) -> bool:
        """Say whether this page, the ``quiet``-th without news, is the end of the collection."""
        count = offset + len(page.rows)
        if quiet >= MOST_PAGES_WITHOUT_NEWS:
            return True
        # A page that is full leaves the end open; one that shrank may hold nothing but the overlap.
        if len(page.rows) >= page.limit and (not quiet or count != page.total):
            return False
        if count == page.total:
            return True
        if page.total is not None and count < page.total:
            return False
        # Nobody counts, or not rightly: the end is where nothing but the overlap comes.
        if quiet:
            return bool(page.rows) or not offset or page.total is not None
        return self._lean and page.total is None and not _is_cap(len(page.rows))


class _Ground:
    """Whether a page begins on a row that is known already, and the way back to where one does."""

    def __init__(self) -> None:
        self._overlaps = False
        self._edge = 0
        self._tries = 0
        self._stride = 0

    def is_lost(self, offset: int, keys: list[Any], known: set[Any]) -> bool:
        """Say whether the row that this page was to share with known ground is missing."""
        return bool(offset) and self._overlaps and (not keys or keys[0] not in known)

    def may_step_back(self, offset: int) -> bool:
        """Say whether there is a way back that was not gone in vain before."""
        return offset < self._edge or self._tries < MOST_TRIES_AT_AN_EDGE

    def step_back(self, offset: int, limit: int) -> int:
        """Return where to look next, further back each time."""
        if offset >= self._edge:  # forward again, and lost again
            self._edge, self._stride = offset, 0
            self._tries += 1
        self._stride = max(2 * self._stride, limit - 1, 1)
        return max(0, offset - self._stride)

    def is_recovering(self, offset: int, count: int) -> bool:
        """Say whether the way leads over known ground to where it was lost."""
        return count > 1 and offset + count <= self._edge

    def go_on(self, offset: int) -> int:
        """Walk over known ground."""
        self._overlaps = True
        return offset

    def found_news(self, offset: int) -> int:
        """Go on from new ground."""
        self._overlaps, self._edge, self._tries = True, 0, 0
        return offset

    def skip(self, offset: int) -> int:
        """Go on without a shared row."""
        self._overlaps, self._edge, self._tries = False, 0, 0
        return offset


def _is_cap(count: int) -> bool:
    """Say whether a page of that size may have been cut short by a limit of the server's own."""
    return count >= SMALLEST_CAP and count % 5 == 0


def _identity(row: Row) -> Any:
    number = number_of(row)
    if number is not None:
        return number
    return str(row["id"]) if "id" in row else repr(sorted(row.items(), key=repr))
