"""The account's time zone, learned from the times that carry an offset.

Half of ActiveCampaign's times are on the account's clock and carry no offset. No endpoint names the
zone: a user's `localZoneid` may be another one. A row's own stamped times give the offset of their
dates only, which in summer is another than in winter.
"""

from __future__ import annotations

import datetime as dt
import zoneinfo
from functools import cache
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.endpoints.table import WITNESSES
from tap_activecampaign_unified.resources.codecs import Zone, stamped
from tap_activecampaign_unified.resources.custom_fields import VALUE_OWNERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_activecampaign_unified.resources.resource import Resource, Row

DAY = dt.timedelta(days=1)
# Prefixes of names that no account's settings offer.
_NO_PLACES = ("Etc/", "posix", "right", "SystemV", "localtime", "Factory")


class AccountZone:
    """Narrows the zones of the world down to those that agree with all offsets seen so far.

    Where these do not agree on the offset of a date, ``ask`` is called once: it returns rows with
    ``columns`` of times that carry the account's offset. If they still do not agree, a row's own
    offset is the best guess. Not for several threads at once.
    """

    def __init__(self, ask: Callable[[], list[Row]], columns: tuple[str, ...]) -> None:
        """Know nothing yet."""
        self._ask: Callable[[], list[Row]] | None = ask
        self._columns = columns
        self._seen: set[tuple[dt.date, dt.timedelta]] = set()
        self._news: list[tuple[dt.datetime, dt.timedelta]] = []
        self._candidates: list[dt.tzinfo] | None = None
        self._days: dict[dt.date, dt.tzinfo | None] = {}
        self._zones: dict[tuple[dt.tzinfo, bool], Zone] = {}

    def observe(self, rows: list[Row], columns: tuple[str, ...]) -> None:
        """Learn from columns of these rows whose offset is the account's."""
        for row in rows:
            for column in columns:
                self._observe(row.get(column))

    def _observe(self, raw: Any) -> None:
        moment = stamped(raw)
        offset = moment.utcoffset() if moment else None
        if moment is None or offset is None or (moment.date(), offset) in self._seen:
            return
        self._seen.add((moment.date(), offset))
        self._news.append((moment, offset))

    def zone_of(self, resource: Resource, row: Row) -> Zone:
        """Return the account's clock for one row: where nothing is known, at the row's offset.

        Rows that are no witnesses keep to their own offset, whatever was read before them.
        Only values of accounts' and deals' fields are worth a request: their times may carry no
        offset at all, while those of other rows are told by stamped columns as well.
        """
        zone = resource.zone_of(row)
        if resource.endpoint_name not in WITNESSES:
            return zone
        offset = zone.offset
        may_ask = resource.custom_fields in VALUE_OWNERS
        key = (offset, may_ask)
        if key not in self._zones:
            self._zones[key] = Zone(offset, self._at_all_costs if may_ask else self.at)
        return self._zones[key]

    def at(self, moment: dt.datetime) -> dt.tzinfo | None:
        """Return the zone of a time on the account's clock, None where it is not known."""
        self._narrow()
        day = moment.date()
        if day not in self._days:
            self._days[day] = self._agreed(day)
        return self._days[day]

    def _at_all_costs(self, moment: dt.datetime) -> dt.tzinfo | None:
        found = self.at(moment)
        if found is None and self._ask is not None:
            ask, self._ask = self._ask, None
            self.observe(ask(), self._columns)
            found = self.at(moment)
        return found

    def _narrow(self) -> None:
        if not self._news:
            return
        if self._candidates is None:
            self._candidates = list(_all_zones())
        news, self._news = self._news, []
        kept = [
            zone
            for zone in self._candidates
            if all(moment.astimezone(zone).utcoffset() == offset for moment, offset in news)
        ]
        if len(kept) < len(self._candidates):
            self._candidates = kept
            self._days.clear()

    def _agreed(self, day: dt.date) -> dt.tzinfo | None:
        """Return a zone whose offset on a day all candidates share, None where they differ."""
        try:
            noons = [dt.datetime.combine(day + n * DAY, dt.time(12)) for n in (-1, 0, 1)]
        except OverflowError:
            return None
        found = {
            tuple(noon.replace(tzinfo=zone).utcoffset() for noon in noons): zone
            for zone in self._candidates or ()
        }
        return next(iter(found.values())) if len(found) == 1 else None


@cache
def _all_zones() -> tuple[dt.tzinfo, ...]:
    names = sorted(zoneinfo.available_timezones())
    return tuple(zoneinfo.ZoneInfo(name) for name in names if not name.startswith(_NO_PLACES))
