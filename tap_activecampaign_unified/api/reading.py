"""Single pages of a collection, asked for ahead of whoever walks through it.

A page that was announced is the page that would have been read: its position was computed from
what is known of the collection. Where the collection turns out otherwise, it is not used.
"""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .errors import CallError, ServerTrouble, UnexpectedAnswer

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

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
# Where nobody counts the collection: so many pages read for each that is asked for ahead.
PAGES_PER_GUESS = 10
MOST_MISSES = 2

Row = dict[str, Any]
#: The name that an answer's rows go by, or all the names that they may go by.
RowsKey = str | tuple[str, ...]
Params = list[tuple[str, "str | int"]]
Position = tuple[tuple[str, "str | int"], ...]
BY_ID: Params = [("orders[id]", "ASC")]


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


class Reader:
    """Asks for single pages, smaller ones when the server cannot deliver large ones.

    ``params`` is looked at anew for each page: who walks may change it in between. Pages are
    announced in the order in which they will be asked for; the first that is not asked for next
    shows that the walk takes another course, and all of them are dropped.
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
        """Ask nothing yet; who is eager announces pages before they are wanted."""
        self._client, self._path, self._key = client, path, key
        self._params, self._order = params, order
        self._is_eager = is_eager
        self._limit = FULL_PAGE
        self._good = 0
        self._grow_after = GROW_AFTER_PAGES
        self._has_shrunk = False
        self._announced: deque[tuple[Position, Params]] = deque()
        # How far ahead is looked: halved where a look ahead was in vain, a page more for each good.
        self._trust = FULL_PAGE

    def read(self, *position: tuple[str, str | int], shrinks: bool = True) -> Page:
        """Return the page at ``position``, announced or not; if need be in smaller pieces."""
        while True:
            limit = self._limit
            params = self._take(position) or self._params_of(position)
            try:
                answer = self._client.get(self._path, params, patience=self._patience)
            except ServerTrouble as trouble:
                if limit == SMALLEST_PAGE or not shrinks:
                    raise
                self._shrink()
                logger.warning("%s: asking for pages of %d rows", trouble, self._limit)
                continue
            self._grow()
            rows = named_rows(answer.body, self._key, self._path)
            return Page(rows, answer.body, total_of(answer.body), answer.date, limit)

    @property
    def _patience(self) -> float | None:
        return None if self._limit == SMALLEST_PAGE else SHRINK_AFTER_SECONDS

    def _params_of(self, position: Position) -> Params:
        return [("limit", self._limit), *self._params, *self._order, *position]

    # --- ahead ------------------------------------------------------------------------------

    @property
    def room(self) -> int:
        """How many more pages may be announced."""
        if self._limit < FULL_PAGE:
            return 0  # a server in trouble is not asked for more than it must
        return min(self._client.look_ahead, self._trust) - len(self._announced)

    @property
    def is_ahead(self) -> bool:
        """Whether pages are announced that were not asked for yet."""
        return bool(self._announced)

    def announce(self, *position: tuple[str, str | int]) -> None:
        """Announce the page that will be asked for behind those announced before."""
        params = self._params_of(position)
        self._announced.append((position, params))
        self._client.expect(self._path, params, patience=self._patience, is_urgent=False)

    def _take(self, position: Position) -> Params | None:
        """Return the words in which a page was announced; they may be older than ``params``."""
        if self._announced and self._announced[0][0] == position:
            self._trust = min(FULL_PAGE, self._trust + 1)
            return self._announced.popleft()[1]
        self.forget()
        return None

    def forget(self, *, in_vain: bool = False) -> None:
        """Drop what was announced: the walk takes another course."""
        if self._announced or in_vain:
            self._trust = max(1, min(self._trust, self._client.look_ahead) // 2)
        while self._announced:
            self._client.drop(self._path, self._announced.popleft()[1])

    # --- page sizes -------------------------------------------------------------------------

    def _shrink(self) -> None:
        self.forget()
        if self._has_shrunk and self._good:
            self._grow_after = min(2 * self._grow_after, MOST_GROW_AFTER_PAGES)
        self._limit = max(SMALLEST_PAGE, self._limit // SHRINK_FACTOR)
        self._good, self._has_shrunk = 0, True

    def _grow(self) -> None:
        self._good += 1
        if self._limit < FULL_PAGE and self._good % self._grow_after == 0:
            self._limit = min(FULL_PAGE, self._limit * SHRINK_FACTOR)


class OffsetReader(Reader):
    """Pages by offset, each sharing a row with the one before."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Ask nothing yet."""
        super().__init__(*args, **kwargs)
        self._last: tuple[int, Page] | None = None
        self._ahead_of = 0
        self._pages = 0

    def at(self, offset: int) -> Page:
        """Return the page at ``offset``, and announce those that seem to follow it."""
        self._plan(offset)
        page = self.read(("offset", offset))
        self._pages += 1
        self._last = (offset, page)
        if self._is_eager:
            self._plan(offset + len(page.rows) - 1)
        return page

    def _plan(self, offset: int) -> None:
        """Announce pages from ``offset`` on, if that is where the last one leads to."""
        if self._last is None:
            return
        before, page = self._last
        stride = len(page.rows) - 1
        if stride <= 0 or offset != before + stride:
            return
        if page.total is None:
            # Nobody says how much there is: guess, the more the longer it went on.
            is_full = len(page.rows) >= page.limit
            last = before + (self._pages // PAGES_PER_GUESS if is_full else 0) * stride
        else:
            # A page that begins on the last row has nothing new; behind a full one it is the end.
            last = page.total - (1 if len(page.rows) >= page.limit else 2)
        if not self.is_ahead:
            self._ahead_of = before
        while self.room > 0 and self._ahead_of + stride <= last:
            self._ahead_of += stride
            self.announce(("offset", self._ahead_of))


@dataclass(frozen=True)
class Stretch:
    """The rows behind a key, as far as one page brought them.

    ``left`` is how many more there are if the server counts those behind the key it was given
    (None: it counts nothing), ``counts_all`` whether it counted as many behind another key before,
    ``is_short`` whether fewer rows came than were asked for.
    """

    page: Page
    left: int | None
    counts_all: bool
    is_short: bool


class KeysetReader(Reader):
    """Pages behind a key; pages ahead are an offset behind the last key that is known.

    Such a page is used if the key it is to continue from is among its rows: ids only grow, so that
    nothing can lie between. Where rows went away meanwhile, the key is not, and the page is read
    again behind its true key.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Ask nothing yet."""
        super().__init__(*args, **kwargs)
        self._keys: deque[tuple[int, int]] = deque()
        self._expected: int | None = None
        self._received = 0
        self._length = FULL_PAGE
        self._planned = 0
        # The last key that was asked for, its count, and the count behind the key before it.
        self._counted: tuple[int, int | None, int | None] | None = None
        self._last: Stretch | None = None
        # How often an offset behind a key led where it should, and where it should not.
        self._hits = self._misses = 0

    def behind(self, after: int) -> Stretch:
        """Return the rows whose ids are greater than ``after``."""
        self._plan(after)
        stretch = self._ahead(after) if self._keys else None
        if stretch is None:
            self.forget(in_vain=bool(self._keys))
            self._keys.clear()
            page = self.read(("id_greater", after))
            stretch = self._stretch(page, after, 0, page.rows)
            if self._expected is None:
                self._expected = page.total
            self._length = len(page.rows)
        self._received += len(stretch.page.rows)
        self._last = stretch
        if self._is_eager and stretch.page.rows:
            self._plan(number_of(stretch.page.rows[-1]))
        return stretch

    def _ahead(self, after: int) -> Stretch | None:
        """Return what the page announced for this place brings, None where it does not fit."""
        key, offset = self._keys[0]
        try:
            page = self.read(*_place(key, offset), shrinks=not offset)
        except CallError as problem:
            if not offset:
                raise
            logger.info("%s: going on without an offset", problem)
            self._misses += 1
            return None
        numbers = [number_of(row) for row in page.rows]
        fits = after in (numbers if offset else [key]) and ascends(numbers, key)
        fresh = page.rows[numbers.index(after) + 1 :] if fits and offset else page.rows
        stretch = self._stretch(page, key, offset, fresh)
        if not fits or not (fresh or stretch.is_short):
            self._misses += 1
            return None
        self._hits += bool(offset)
        self._keys.popleft()
        return stretch

    def _stretch(self, page: Page, key: int, offset: int, fresh: list[Row]) -> Stretch:
        total = page.total
        if self._counted is None or self._counted[0] != key:
            self._counted = (key, total, self._counted[1] if self._counted else None)
        return Stretch(
            Page(fresh, page.body, total, page.date, page.limit),
            left=None if total is None else total - offset - len(page.rows),
            counts_all=total is not None and total == self._counted[2],
            is_short=len(page.rows) < page.limit,
        )

    def _plan(self, after: int | None) -> None:
        """Announce what comes behind ``after``, as far as something is known to be there."""
        if after is None or self._last is None or self._expected is None or self._length < 2:
            return
        if not self._last.page.rows or number_of(self._last.page.rows[-1]) != after:
            return
        if not self._keys:
            self._planned = self._received
        # A full page that seems to be the last leaves the end open: it is asked for as well.
        while self.room > 0 and self._planned <= self._expected:
            ahead = self._planned - self._received
            if ahead and not self._hits and self._misses >= MOST_MISSES:
                return  # this server knows keys or offsets, not both
            offset = ahead - 1 if ahead else 0  # shares a row with the page before
            self._keys.append((after, offset))
            self.announce(*_place(after, offset))
            self._planned = self._received + offset + self._length


def _place(key: int, offset: int) -> Position:
    return (("id_greater", key), *((("offset", offset),) if offset else ()))


def rows_of(body: dict[str, Any], key: RowsKey) -> list[Row]:
    """Return the rows that an answer holds under a key, none where it holds something else."""
    for name in _names_of(key):
        rows = body.get(name)
        if isinstance(rows, list):
            return [row for row in rows if isinstance(row, dict)]
    return []


def named_rows(body: dict[str, Any], key: RowsKey, path: str) -> list[Row]:
    """Return the rows of a collection's answer; raise `UnexpectedAnswer` where it names none.

    A count of 0 is an answer without the name as well.
    """
    names = _names_of(key)
    if not any(name in body for name in names) and total_of(body) != 0:
        problem = f"the answer does not hold {' or '.join(names)}: what there is cannot be known"
        raise UnexpectedAnswer(problem, method="GET", path=path, status=200)
    return rows_of(body, key)


def _names_of(key: RowsKey) -> tuple[str, ...]:
    return (key,) if isinstance(key, str) else key


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


def ascends(numbers: list[int | None], after: int) -> bool:
    """Say whether ids are numbers that grow from beyond ``after``."""
    previous = after
    for number in numbers:
        if number is None or number <= previous:
            return False
        previous = number
    return True
