"""Walks through collections that neither lose nor repeat a row, whatever moves meanwhile.

A walk yields `Page`s in the order of the walk and asks for the next page only when it is wanted.
The walks take plain arguments and know nothing of what the rows mean.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .errors import ServerTrouble

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Sequence

    from .client import Client

logger = logging.getLogger(__name__)

FULL_PAGE = 100
SMALLEST_PAGE = 1
# How long a large page is tried before a smaller one is, and how many good ones bring it back:
# few at first, for it may have been an outage; more each time the larger page fails again.
SHRINK_AFTER_SECONDS = 15.0
GROW_AFTER_PAGES = 3
MOST_GROW_AFTER_PAGES = 48
SHRINK_FACTOR = 4
MOST_PASSES = 6
# Rows may be withheld from a page after it was cut: an empty one in the middle is not the end.
MOST_PAGES_WITHOUT_NEWS = 3
MOST_STEPS_BACK = 12
SMALLEST_CAP = 20

Row = dict[str, Any]
Params = list[tuple[str, "str | int"]]


@dataclass(frozen=True)
class Page:
    """Rows not seen before in this walk, with the whole answer they came in.

    ``body`` holds the sideloads; ``total`` is what the server says of the collection, None where
    it says nothing; ``date`` is the server's clock, ``limit`` how many rows were asked for.
    """

    rows: list[Row]
    body: dict[str, Any]
    total: int | None
    date: dt.datetime | None
    limit: int = FULL_PAGE


class _Reader:
    """Asks for single pages, smaller ones when the server cannot deliver large ones.

    ``params`` is looked at anew for each page: who walks may change it in between.
    """

    def __init__(
        self,
        client: Client,
        path: str,
        key: str,
        params: Sequence[tuple[str, Any]],
        order: Sequence[tuple[str, Any]] = (("orders[id]", "ASC"),),
    ) -> None:
        self._client, self._path, self._key = client, path, key
        self._params, self._order = params, order
        self._limit = FULL_PAGE
        self._good = 0
        self._grow_after = GROW_AFTER_PAGES
        self._has_shrunk = False

    def read(self, *position: tuple[str, str | int]) -> Page:
        while True:
            limit = self._limit
            params: Params = [("limit", limit), *self._params, *self._order, *position]
            patience = None if limit == SMALLEST_PAGE else SHRINK_AFTER_SECONDS
            try:
                answer = self._client.get(self._path, params, patience=patience)
            except ServerTrouble as trouble:
                if limit == SMALLEST_PAGE:
                    raise
                self._shrink()
                logger.warning("%s: asking for pages of %d rows", trouble, self._limit)
                continue
            self._grow()
            rows = answer.body.get(self._key)
            rows = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
            return Page(rows, answer.body, total_of(answer.body), answer.date, limit)

    def _shrink(self) -> None:
        if self._has_shrunk and self._good:
            self._grow_after = min(2 * self._grow_after, MOST_GROW_AFTER_PAGES)
        self._limit = max(SMALLEST_PAGE, self._limit // SHRINK_FACTOR)
        self._good, self._has_shrunk = 0, True

    def _grow(self) -> None:
        self._good += 1
        if self._limit < FULL_PAGE and self._good % self._grow_after == 0:
            self._limit = min(FULL_PAGE, self._limit * SHRINK_FACTOR)


def total_of(body: dict[str, Any]) -> int | None:
    """Read ``meta.total``, which comes as an int, a string or not at all."""
    meta = body.get("meta")
    try:
        return int(meta["total"]) if isinstance(meta, dict) else None
    except (KeyError, TypeError, ValueError):
        return None


def number_of(row: Row) -> int | None:
    """Return a row's id as a number, None where it is none."""
    try:
        return int(row["id"])
    except (KeyError, TypeError, ValueError):
        return None


def walk_keyset(
    client: Client,
    path: str,
    key: str,
    params: Sequence[tuple[str, Any]] = (),
    *,
    after: int = 0,
) -> Iterator[Page]:
    """Walk by ascending id from beyond ``after``; documented for contacts only.

    Where the server turns out not to honour the key or the order, the walk goes on by offset and
    yields what was not yielded before.
    """
    reader = _Reader(client, path, key, params)
    received, doubted = 0, False
    while True:
        page = reader.read(("id_greater", after))
        numbers = [number_of(row) for row in page.rows]
        if not _ascends(numbers, after):
            logger.warning("%s does not honour id_greater here: walking by offset", path)
            for other in walk_offset(client, path, key, params):
                rows = [row for row in other.rows if (number_of(row) or 0) > after]
                yield Page(rows, other.body, other.total, other.date)
            return
        if not page.rows:
            if page.total and page.total != received and not doubted:
                doubted = True  # the server counts more than it gave: ask once more
                continue
            yield page
            return
        doubted = False
        after = numbers[-1] or after
        received += len(page.rows)
        yield page
        # A short page is the last one only if the server's own count agrees, whichever way it
        # counts: the rows beyond the key, or all of them.
        if len(page.rows) < page.limit and page.total in {len(page.rows), received}:
            return


def _ascends(numbers: list[int | None], after: int) -> bool:
    previous = after
    for number in numbers:
        if number is None or number <= previous:
            return False
        previous = number
    return True


def walk_offset(
    client: Client,
    path: str,
    key: str,
    params: Sequence[tuple[str, Any]] = (),
    *,
    lean: bool = False,
) -> Iterator[Page]:
    """Walk by offset; each page overlaps the one before by a row, so that shifts show.

    A pass over the collection is proven complete when its ids ascended without a gap, or when as
    many rows came as the server counted, the same from first page to last. Otherwise it is read
    again, and only rows not seen before are yielded, until a pass is proven or brings nothing new.
    Where the server counts nothing, the end is asked for once more; ``lean`` spares that request
    for the many small collections under one row, unless the page has the size of a cap.
    """
    ordered = any(name.startswith("orders[") for name, _ in params)
    reader = _Reader(client, path, key, params, () if ordered else (("orders[id]", "ASC"),))
    seen: set[Any] = set()
    for attempt in range(MOST_PASSES):
        walk = _Pass(reader, seen, lean=lean)
        yield from walk
        if walk.proven or (attempt and not walk.found):
            break
        logger.info(
            "%s moved while it was read (%d rows, the server counts %s): reading it again",
            path,
            len(seen),
            walk.total,
        )
    if walk.total is not None and len(seen) < walk.total:
        logger.info("%s: the server counts %d rows and gives %d", path, walk.total, len(seen))


class _Pass:
    """One pass over a collection by offset; afterwards it knows whether it was complete."""

    def __init__(self, reader: _Reader, seen: set[Any], *, lean: bool) -> None:
        self._reader, self._lean = reader, lean
        self._seen = seen
        self._here: set[Any] = set()
        self._totals: set[int | None] = set()
        self._ascends = True
        self._gap_left = False
        self.total: int | None = None
        self.found = 0

    @property
    def proven(self) -> bool:
        steady = len(self._totals) == 1 and self.total is not None
        if steady and len(self._here) == self.total:
            return True
        return self._ascends and not self._gap_left and bool(self._here or not self.total)

    def __iter__(self) -> Iterator[Page]:
        offset, stride, nothing_new, backs = 0, FULL_PAGE - 1, 0, 0
        while True:
            page = self._reader.read(("offset", offset))
            self.total = page.total
            self._totals.add(page.total)
            keys = [_identity(row) for row in page.rows]
            gap = bool(offset and keys and not nothing_new) and keys[0] not in self._here
            if gap and self._ascends and backs < MOST_STEPS_BACK:
                # Rows before this page went away: go back until known ground shows.
                offset, stride, backs = max(0, offset - max(1, stride)), stride * 2, backs + 1
                continue
            self._gap_left = self._gap_left or (gap and self._ascends)
            stride = page.limit - 1
            self._ascends = self._ascends and _ascends([number_of(row) for row in page.rows], 0)
            known = len(self._here)
            yield Page(self._fresh(page.rows, keys), page.body, page.total, page.date)
            nothing_new = 0 if len(self._here) > known else nothing_new + 1
            backs = backs if nothing_new else 0
            if self._is_last(page, offset, nothing_new):
                return
            if nothing_new:
                offset += page.limit
            else:
                offset += max(1, len(keys) - 1)

    def _fresh(self, rows: list[Row], keys: list[Any]) -> list[Row]:
        fresh = []
        for row, key in zip(rows, keys, strict=True):
            self._here.add(key)
            if key not in self._seen:
                self._seen.add(key)
                fresh.append(row)
        self.found += len(fresh)
        return fresh

    def _is_last(self, page: Page, offset: int, nothing_new: int) -> bool:
        if len(page.rows) >= page.limit and not nothing_new:
            return False
        if page.total is None:
            # Nobody counts: the end is where nothing but the overlap comes.
            return bool(nothing_new) or (self._lean and not _is_cap(len(page.rows)))
        reached = offset + len(page.rows) >= page.total
        return reached or nothing_new >= MOST_PAGES_WITHOUT_NEWS


def _is_cap(count: int) -> bool:
    """Say whether a page of that size may have been cut short by a limit of the server's own."""
    return count >= SMALLEST_CAP and count % 5 == 0


def _identity(row: Row) -> Any:
    number = number_of(row)
    if number is not None:
        return number
    return str(row["id"]) if "id" in row else repr(sorted(row.items(), key=repr))
