"""Walks over sends, opens, clicks and bounces: new rows, and the rows of the last days again.

ActiveCampaign does not document these collections. The tap walks by offset, in ascending order of
id. Deleted rows shift the offsets. So the walk continues only at the last row that it knows, and
otherwise steps back.

An open or a click that happens again changes the time of its old row. So the walk reads the rows
again that were created within the look-back, and emits new rows and rows with a changed time.
"""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import (
    FULL_PAGE,
    InvalidRequest,
    NotFound,
    Page,
    PermissionDenied,
    RequestError,
    UnexpectedResponse,
    named_rows,
    total_of,
    walk_offset,
)
from tap_activecampaign_unified.raw.special_walks import WALKS
from tap_activecampaign_unified.resources.input_values.ids import id_number
from tap_activecampaign_unified.resources.marketing.engagements import PREFIXES, SOURCE, URL
from tap_activecampaign_unified.resources.time_codecs import instant_or_none, offset_of

from .activity_walk import ACTIVITIES, ONLY_HERE, walk_activities

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_activecampaign_unified.client import Client
    from tap_activecampaign_unified.resources.resource import Row

    from .activity_walk import ActivityPosition

logger = logging.getLogger(__name__)

#: Key in a stream's state: the position in each collection.
POSITIONS = "positions"
#: A row may become visible this long after its time. `UNZONED_SLACK` is for times without offset.
SLACK, UNZONED_SLACK = dt.timedelta(hours=1), dt.timedelta(hours=15)
#: An id above all ids: no row is new because of its id.
ANY_ID = 1 << 63
#: The collections whose rows have a link, and whose times change.
LINKED = ("linkData", "mppLinkData")
#: Errors for a collection that the account lacks or the key may not read.
_REFUSALS = (PermissionDenied, NotFound, InvalidRequest, UnexpectedResponse)


@dataclass
class EngagementPosition:
    """The position in a collection: id and offset of the last row, and of each day's first row.

    ``days`` has ``[day, offset, id]`` of the first row of each of the last days, oldest first.
    ``started`` is the start of the last complete run, by the server's clock. ``lacks_urls``: the
    tap emitted rows without the URLs of their links, because it could not read the links.
    """

    after: int = 0
    offset: int = 0
    started: str | None = None
    days: list[list[Any]] = field(default_factory=list)
    lacks_urls: bool = False

    def note(self, number: int, offset: int, day: str, max_days: int) -> None:
        """Move the position to a row."""
        if number <= self.after:
            return
        self.after, self.offset = number, offset
        if not self.days or day > self.days[-1][0]:
            self.days = [*self.days, [day, offset, number]][-max_days:]

    def before(self, since: str) -> tuple[int, int]:
        """Return offset and id of a known row from which the walk reads all rows since a day.

        It is the first row of the last remembered day before ``since``, and ``(0, 0)`` if all
        remembered days are later. Without remembered days, it is the last row.
        """
        earlier_days = [entry for entry in self.days if entry[0] < since]
        if not earlier_days:
            return (0, 0) if self.days else (self.offset, self.after)
        return earlier_days[-1][1], earlier_days[-1][2]


def positions_of(entry: Any) -> dict[str, EngagementPosition]:
    """Return the valid positions in a state. The tap reads other collections from their start."""
    positions: dict[str, EngagementPosition] = {}
    for name, saved in entry.items() if isinstance(entry, dict) else ():
        if name in PREFIXES and isinstance(saved, dict):
            after, offset, days = saved.get("after"), saved.get("offset"), saved.get("days")
            if isinstance(after, int) and isinstance(offset, int) and isinstance(days, list):
                started = saved.get("started")
                valid_days = [day for day in days if _is_day(day)]
                positions[name] = EngagementPosition(
                    after,
                    offset,
                    started if isinstance(started, str) else None,
                    valid_days,
                    lacks_urls=saved.get("lacks_urls") is True,
                )
    return positions


def _is_day(day: Any) -> bool:
    """Return whether a value is the first row of a day: ``[day, offset, id]``."""
    if not isinstance(day, list) or len(day) != 3:
        return False
    return isinstance(day[0], str) and all(isinstance(number, int) for number in day[1:])


class _NotAscending(Exception):
    """A collection is not in the order of its ids."""


class EngagementWalk:
    """Yields the pages of each collection in turn.

    It moves ``positions`` past a page when the caller requests the next page.
    """

    def __init__(
        self,
        positions: dict[str, EngagementPosition],
        lookback_days: float,
        activities: ActivityPosition | None,
    ) -> None:
        """Walk from ``positions``; with ``activities``, also over the activities of contacts."""
        self.positions = positions
        self._activities = activities
        self._lookback = dt.timedelta(days=lookback_days)
        self._max_days = int(lookback_days) + 3
        self._links: dict[str, str] | None = None
        self._has_read_links = False
        #: Collections that the account lacks or the key may not read.
        self.refused: list[str] = []

    def __call__(self, client: Client) -> Iterator[Page]:
        """Walk all collections.

        Raises an error if no collection is readable and the walk has no ``activities``: a 404 only
        if all collections answer it. At the end, raises the error of a collection that failed
        after it had sent rows.
        """
        first: RequestError | None = None
        incomplete: RequestError | None = None
        for name in PREFIXES:
            has_sent = False
            try:
                for page in self._walk(client, name):
                    has_sent = has_sent or bool(page.rows)
                    yield page
            except _REFUSALS as problem:
                if has_sent:
                    incomplete = incomplete or problem
                    continue
                self.refused.append(name)
                if first is None or isinstance(first, NotFound):
                    first = problem
                level = logging.INFO if name == "mppLinkData" else logging.WARNING
                logger.log(level, "marketing_engagements: %s: this run leaves it out", problem)
        if self._activities is not None:
            yield from walk_activities(client, self._activities, (*self.refused, *ONLY_HERE))
        elif first is not None and len(self.refused) == len(PREFIXES):
            raise first
        if incomplete is not None:
            raise incomplete

    def document(self) -> dict[str, Any]:
        """Return the positions for the state."""
        document = {
            name: {
                "after": position.after,
                "offset": position.offset,
                "started": position.started,
                "days": position.days,
            }
            | ({"lacks_urls": True} if position.lacks_urls else {})
            for name, position in sorted(self.positions.items())
        }
        return document | ({ACTIVITIES: self._activities.document()} if self._activities else {})

    def _walk(self, client: Client, name: str) -> Iterator[Page]:
        former = self.positions.get(name)
        if former is not None and former.lacks_urls and self._read_links(client) is not None:
            former = None  # the tap emits the rows again, with the URLs
        position = former or EngagementPosition()
        last_id, last_run = position.after, instant_or_none(position.started)
        now = client.server_now or client.clock.now()
        offset, after = self._start_of(name, position, last_run or now)
        started: str | None = None
        try:
            for rows, body, first_offset, total, date in self._pages(client, name, offset, after):
                started = started or (date or now).isoformat()
                self.positions[name] = position
                new = [row for row in rows if _is_new(row, last_id, last_run)]
                yield Page([self._complete(client, name, row) for row in new], body, total, date)
                for index, row in enumerate(rows):
                    number = id_number(row.get("id"))
                    if number is not None:
                        position.note(number, first_offset + index, _day(row, now), self._max_days)
        except _NotAscending:
            logger.warning("%s is not in the order of its ids: the tap reads all of it", name)
            self.positions[name] = position = EngagementPosition(started=position.started)
            for page in self._walk_unordered(client, name, last_run):
                started = started or (page.date or now).isoformat()
                yield page
        position.started = started or position.started

    def _start_of(
        self, name: str, position: EngagementPosition, moment: dt.datetime
    ) -> tuple[int, int]:
        """Return offset and id of the row after which the walk of a collection begins.

        Rows with links may change their time, so the walk reads them again from the look-back
        before ``moment`` on. Of other collections, it reads new rows only.
        """
        if name not in LINKED:
            return position.offset, position.after
        return position.before((moment - self._lookback).date().isoformat())

    def _walk_unordered(
        self, client: Client, name: str, last_run: dt.datetime | None
    ) -> Iterator[Page]:
        """Walk over a whole collection; yield the rows whose time changed since the last run."""
        for page in walk_offset(client, name, name, is_eager=True):
            new = [row for row in page.rows if _is_new(row, ANY_ID, last_run)]
            complete = [self._complete(client, name, row) for row in new]
            yield Page(complete, page.body, page.total, page.date)

    def _pages(
        self, client: Client, name: str, offset: int, after: int
    ) -> Iterator[tuple[list[Row], dict[str, Any], int, int | None, dt.datetime | None]]:
        """Yield (rows, body, offset of the first row, total, date) of pages.

        The rows have ids above ``after``. The row with the id ``after`` was at ``offset``. Raises
        `_NotAscending`.
        """
        last, steps = after, 0
        while True:
            response = client.get(name, _page_at(offset))
            rows = named_rows(response.body, name, name)
            numbers = [number for row in rows if (number := id_number(row.get("id"))) is not None]
            if offset and last and (not numbers or numbers[0] > last):
                # Rows before this offset were deleted. Step back to a known row.
                steps += 1
                offset = max(0, offset - (FULL_PAGE - 1) * min(steps, 50))
                continue
            steps = 0
            if numbers != sorted(numbers):
                raise _NotAscending(name)
            new_rows = [
                row for row in rows if (number := id_number(row.get("id"))) is None or number > last
            ]
            first_offset = offset + len(rows) - len(new_rows)
            is_last = len(rows) < FULL_PAGE
            if not is_last:
                offset += len(rows) - 1
                client.prefetch(name, _page_at(offset))
            yield new_rows, response.body, first_offset, total_of(response.body), response.date
            if is_last:
                return
            last = max([last, *numbers])

    def _complete(self, client: Client, name: str, row: Row) -> Row:
        """Return a row with the name of its collection and the URL of its link."""
        complete = {**row, SOURCE: name}
        if name in LINKED:
            links = self._read_links(client)
            if links is None:
                self.positions[name].lacks_urls = True
            complete[URL] = (links or {}).get(str(row.get("linkid") or row.get("link")))
        return complete

    def _read_links(self, client: Client) -> dict[str, str] | None:
        """Return the URLs by id of the link, None if the account refuses the links."""
        if not self._has_read_links:
            self._has_read_links = True
            urls: dict[str, str] = {}
            try:
                for page in WALKS["raw_links"](client):
                    for link in page.rows:
                        urls[str(link.get("id"))] = str(link.get("link") or "")
                self._links = urls
            except _REFUSALS as problem:
                logger.warning("%s: this run leaves out the URLs of links", problem)
        return self._links


def _page_at(offset: int) -> list[tuple[str, str | int]]:
    return [("limit", FULL_PAGE), ("offset", offset)]


def _is_new(row: Row, last_id: int, last_run: dt.datetime | None) -> bool:
    """Return whether a row is new, or its time changed since the last run."""
    if (id_number(row.get("id")) or 0) > last_id or last_run is None:
        return True
    moment = instant_or_none(row.get("tstamp"))
    slack = UNZONED_SLACK if offset_of(row.get("tstamp")) is None else SLACK
    return moment is None or moment >= last_run - slack


def _day(row: Row, now: dt.datetime) -> str:
    """Return the day of a row's creation, in the time zone of its text.

    Without a creation time, return the day of its last change, or today if that is unknown too.
    """
    text = row.get("created_timestamp") or row.get("tstamp")
    return text[:10] if isinstance(text, str) and text[:4] > "1000" else now.date().isoformat()
