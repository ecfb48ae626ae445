"""Finds the account's time zone from times that have an offset.

Half of ActiveCampaign's times are local times of the account, without an offset. No endpoint has
the account's time zone, and a user's `localZoneid` may differ. A time with an offset proves the
offset of its own date only, and offsets differ between summer and winter.

`bookmarks.py` (`filter_since`) decides how far before a bookmark the server's filter begins.
"""

from __future__ import annotations

import datetime as dt
import zoneinfo
from functools import cache
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.endpoints.endpoint_table import ENDPOINTS_WITH_OFFSETS
from tap_activecampaign_unified.resources.codecs import Zone
from tap_activecampaign_unified.resources.custom_field_rows import VALUE_OWNERS
from tap_activecampaign_unified.resources.time_codecs import stamped

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_activecampaign_unified.resources.resource import Resource, Row

DAY = dt.timedelta(days=1)
# Prefixes of zone names that ActiveCampaign's settings do not offer.
_NO_PLACES = ("Etc/", "posix", "right", "SystemV", "localtime", "Factory")


class AccountZone:
    """Reduces all time zones to those that match every offset seen so far.

    These zones may have different offsets at a date that a custom field needs. Then the object
    calls ``ask`` once for more times: rows whose ``columns`` have the account's offset. If the
    zones still differ, the row's own offset counts. Not thread-safe.
    """

    def __init__(self, ask: Callable[[], list[Row]], columns: tuple[str, ...]) -> None:
        self._ask: Callable[[], list[Row]] | None = ask
        self._columns = columns
        self._seen: set[tuple[dt.date, dt.timedelta]] = set()
        self._new: list[tuple[dt.datetime, dt.timedelta]] = []
        self._candidates: list[dt.tzinfo] | None = None
        self._days: dict[dt.date, dt.tzinfo | None] = {}
        self._zones: dict[tuple[dt.tzinfo, bool], Zone] = {}

    def observe(self, rows: list[Row], columns: tuple[str, ...]) -> None:
        """Collect the offsets of the times in ``columns``, which have the account's offset."""
        for row in rows:
            for column in columns:
                self._observe(row.get(column))

    def _observe(self, raw: Any) -> None:
        moment = stamped(raw)
        offset = moment.utcoffset() if moment else None
        if moment is None or offset is None or (moment.date(), offset) in self._seen:
            return
        self._seen.add((moment.date(), offset))
        self._new.append((moment, offset))

    def zone_of(self, resource: Resource, row: Row) -> Zone:
        """Return the zone of a row's local times. The fallback is the row's own offset.

        Rows of endpoints outside `ENDPOINTS_WITH_OFFSETS` keep their own offset. Only custom fields
        of accounts and deals may cause a request, because their rows may have no offset. Other rows
        have a column with an offset.
        """
        zone = resource.zone_of(row)
        if resource.endpoint_name not in ENDPOINTS_WITH_OFFSETS:
            return zone
        offset = zone.offset
        may_ask = resource.custom_fields in VALUE_OWNERS
        key = (offset, may_ask)
        if key not in self._zones:
            self._zones[key] = Zone(offset, self._at_or_ask if may_ask else self.at)
        return self._zones[key]

    def at(self, moment: dt.datetime) -> dt.tzinfo | None:
        """Return the zone of a local time of the account, None if it is unknown."""
        self._narrow()
        day = moment.date()
        if day not in self._days:
            self._days[day] = self._common_zone(day)
        return self._days[day]

    def _at_or_ask(self, moment: dt.datetime) -> dt.tzinfo | None:
        zone = self.at(moment)
        if zone is None and self._ask is not None:
            ask, self._ask = self._ask, None
            self.observe(ask(), self._columns)
            zone = self.at(moment)
        return zone

    def _narrow(self) -> None:
        if not self._new:
            return
        if self._candidates is None:
            self._candidates = list(_all_zones())
        new, self._new = self._new, []
        kept = [
            zone
            for zone in self._candidates
            if all(moment.astimezone(zone).utcoffset() == offset for moment, offset in new)
        ]
        if len(kept) < len(self._candidates):
            self._candidates = kept
            self._days.clear()

    def _common_zone(self, day: dt.date) -> dt.tzinfo | None:
        """Return a zone with the offset of all candidates on a day, None if they differ."""
        try:
            noons = [dt.datetime.combine(day + n * DAY, dt.time(12)) for n in (-1, 0, 1)]
        except OverflowError:
            return None
        zone_by_offsets = {
            tuple(noon.replace(tzinfo=zone).utcoffset() for noon in noons): zone
            for zone in self._candidates or ()
        }
        return next(iter(zone_by_offsets.values())) if len(zone_by_offsets) == 1 else None


@cache
def _all_zones() -> tuple[dt.tzinfo, ...]:
    names = sorted(zoneinfo.available_timezones())
    return tuple(zoneinfo.ZoneInfo(name) for name in names if not name.startswith(_NO_PLACES))
