"""The walk over sends, opens, clicks and bounces: forward by id, and back over the last days.

Nothing is documented here, so nothing is taken for granted. The collections are walked by offset,
in the ascending order of ids that they are seen in. Offsets shift when rows go away: where a walk
goes on, the row that it expects there proves the place, else the walk steps back.

A row of an open or a click moves its time when it happens again. Rows that were created within the
look-back are read again, and emitted when they are new or their time moved.
"""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import (
    InvalidRequest,
    NotFound,
    Page,
    PermissionDenied,
    RequestError,
    rows_of,
    total_of,
    walk_offset,
)
from tap_activecampaign_unified.raw.pagination import WALKS
from tap_activecampaign_unified.resources.codecs import offset_of, parse_instant, zone_at
from tap_activecampaign_unified.resources.marketing.engagements import PREFIXES, SOURCE, URL
from tap_activecampaign_unified.resources.parsing import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_activecampaign_unified.client import Client

logger = logging.getLogger(__name__)

Row = dict[str, Any]
FULL_PAGE = 100
#: In a stream's state: how far each of its collections was read.
POSITIONS = "positions"
DAY = dt.timedelta(days=1)
#: How much later than its time a row may become visible; without an offset, in any zone.
SLACK, ZONE_SLACK = dt.timedelta(hours=1), dt.timedelta(hours=15)
MOST_IDS = 1 << 63
LINKED = ("linkData", "mppLinkData")


@dataclass
class Position:
    """How far a collection was read: the last row's id and place, and where recent days begin.

    ``days`` holds ``[day, offset, id]`` of the first row of each of the last days, oldest first.
    ``started`` is when the last complete run began, by the server's clock.
    """

    after: int = 0
    offset: int = 0
    started: str | None = None
    days: list[list[Any]] = field(default_factory=list)

    def note(self, number: int, offset: int, day: str, most: int) -> None:
        """Move on to a row."""
        if number <= self.after:
            return
        self.after, self.offset = number, offset
        if not self.days or day > self.days[-1][0]:
            self.days = [*self.days, [day, offset, number]][-most:]

    def place(self, since: str) -> tuple[int, int]:
        """Return offset and id of the last known row before a day, 0 and 0 for none."""
        before = [entry for entry in self.days if entry[0] < since]
        if not before:
            return (0, 0) if self.days else (self.offset, self.after)
        return before[-1][1], before[-1][2]


def positions_of(entry: Any) -> dict[str, Position]:
    """Return the positions that a state holds; what cannot be one is read again."""
    found: dict[str, Position] = {}
    for name, one in entry.items() if isinstance(entry, dict) else ():
        if name in PREFIXES and isinstance(one, dict):
            after, offset, days = one.get("after"), one.get("offset"), one.get("days")
            if isinstance(after, int) and isinstance(offset, int) and isinstance(days, list):
                started = one.get("started")
                known = [day for day in days if isinstance(day, list) and len(day) == 3]
                found[name] = Position(
                    after, offset, started if isinstance(started, str) else None, known
                )
    return found


class _NotAscending(Exception):
    """The rows of a collection do not come in the order of their ids."""


class EngagementWalk:
    """Gives the pages of all collections one after the other; ``positions`` says how far it came.

    The position of a page is noted when the next one is asked for: then it was worked on.
    """

    def __init__(self, positions: dict[str, Position], lookback_days: float) -> None:
        """Go on from where the last run stopped."""
        self.positions = positions
        self._lookback = dt.timedelta(days=lookback_days)
        self._most_days = int(lookback_days) + 3
        self._links: dict[str, str] | None = None
        #: Collections that this account does not have or may not be read.
        self.closed: list[str] = []

    def __call__(self, client: Client) -> Iterator[Page]:
        """Walk all collections; raises what the first raises where none can be read."""
        first: RequestError | None = None
        for name in PREFIXES:
            try:
                yield from self._walk(client, name)
            except (PermissionDenied, NotFound, InvalidRequest) as problem:
                self.closed.append(name)
                first = first or problem
                level = logging.INFO if name == "mppLinkData" else logging.WARNING
                logger.log(level, "marketing_engagements: %s: left out of this run", problem)
        if first is not None and len(self.closed) == len(PREFIXES):
            raise first

    def document(self) -> dict[str, Any]:
        """Return the positions for the state."""
        return {
            name: {"after": p.after, "offset": p.offset, "started": p.started, "days": p.days}
            for name, p in sorted(self.positions.items())
        }

    def _walk(self, client: Client, name: str) -> Iterator[Page]:
        former = self.positions.get(name)
        position = former or Position()
        known, last_run = position.after, _instant(position.started)
        now = client.server_now or client.clock.now()
        since = (last_run - self._lookback if last_run else now - self._lookback).date()
        # Only rows of links move their time: the others are read forward alone.
        offset, after = (
            position.place(since.isoformat())
            if name in LINKED
            else (position.offset, position.after)
        )
        started: str | None = None
        try:
            for rows, body, place, total, date in self._pages(client, name, offset, after):
                started = started or (date or now).isoformat()
                self.positions[name] = position
                wanted = [row for row in rows if _is_news(row, known, last_run)]
                yield Page([self._told(client, name, row) for row in wanted], body, total, date)
                for at, row in enumerate(rows):
                    number = _number(row)
                    if number is not None:
                        position.note(number, place + at, _day(row, now), self._most_days)
        except _NotAscending:
            logger.warning("%s does not come in the order of ids: it is read whole", name)
            self.positions[name] = position = Position(started=position.started)
            for page in walk_offset(client, name, name, is_eager=True):
                started = started or (page.date or now).isoformat()
                wanted = [row for row in page.rows if _is_news(row, MOST_IDS, last_run)]
                told = [self._told(client, name, row) for row in wanted]
                yield Page(told, page.body, page.total, page.date)
        position.started = started or position.started

    def _pages(
        self, client: Client, name: str, offset: int, after: int
    ) -> Iterator[tuple[list[Row], dict[str, Any], int, int | None, dt.datetime | None]]:
        """Give rows behind ``after`` in ascending order, with the offset of the first of them."""
        last, steps = after, 0
        while True:
            answer = client.get(name, _page_at(offset))
            rows = rows_of(answer.body, name)
            numbers = [number for row in rows if (number := _number(row)) is not None]
            if offset and last and (not numbers or numbers[0] > last):
                # Rows before this place went away: step back until one that is known shows.
                steps += 1
                offset = max(0, offset - (FULL_PAGE - 1) * min(steps, 50))
                continue
            steps = 0
            if numbers != sorted(numbers):
                raise _NotAscending(name)
            fresh = [row for row in rows if (n := _number(row)) is None or n > last]
            place = offset + len(rows) - len(fresh)
            is_last = len(rows) < FULL_PAGE
            if not is_last:
                offset += len(rows) - 1
                client.prefetch(name, _page_at(offset))
            yield fresh, answer.body, place, total_of(answer.body), answer.date
            if is_last:
                return
            last = max([last, *numbers])

    def _told(self, client: Client, name: str, row: Row) -> Row:
        """Return a row with the collection it came from and the address of its link."""
        told = {**row, SOURCE: name}
        if name in LINKED:
            told[URL] = self._address_of(client, row)
        return told

    def _address_of(self, client: Client, row: Row) -> str | None:
        if self._links is None:
            self._links = {}
            try:
                for page in WALKS["raw_links"](client):
                    for link in page.rows:
                        self._links[str(link.get("id"))] = str(link.get("link") or "")
            except RequestError as problem:
                logger.warning("%s: addresses of links are left out of this run", problem)
        return self._links.get(str(row.get("linkid") or row.get("link")))


def _page_at(offset: int) -> list[tuple[str, str | int]]:
    return [("limit", FULL_PAGE), ("offset", offset)]


def _number(row: Row) -> int | None:
    found = str(row.get("id"))
    return int(found) if found.isascii() and found.isdecimal() else None


def _is_news(row: Row, known: int, last_run: dt.datetime | None) -> bool:
    """Say whether a row is new, or its time moved since the last run."""
    if (_number(row) or 0) > known or last_run is None:
        return True
    moment = _instant(row.get("tstamp"))
    slack = ZONE_SLACK if offset_of(row.get("tstamp")) is None else SLACK
    return moment is None or moment >= last_run - slack


def _instant(text: Any) -> dt.datetime | None:
    zone = offset_of(text)
    try:
        return parse_instant(text, zone_at(zone) if zone else zone_at(dt.UTC))
    except InvalidValue:
        return None


def _day(row: Row, now: dt.datetime) -> str:
    """Return the day on which a row was made, the account's; this one's where it does not tell."""
    text = row.get("created_timestamp") or row.get("tstamp")
    return text[:10] if isinstance(text, str) and text[:4] > "1000" else now.date().isoformat()
