"""The account's time: an injectable clock, times in its zone, bounds of date filters."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from tests.sandbox.switches import Switches


def real_clock() -> datetime:
    """Return the present moment in UTC."""
    return datetime.now(UTC)


class FakeClock:
    """A clock that changes only when it is advanced."""

    def __init__(self, start: datetime | None = None) -> None:
        """Start at a moment, by default a winter Monday."""
        self.moment = start or datetime(2031, 3, 3, 15, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Return its moment."""
        return self.moment

    def advance(self, seconds: float) -> None:
        """Advance it."""
        self.moment += timedelta(seconds=seconds)


class AdvancedClock:
    """The machine's clock, which can be advanced: then time has passed for the account alone."""

    def __init__(self) -> None:
        """It starts now."""
        self._ahead = timedelta(0)

    def __call__(self) -> datetime:
        """Return the present moment of the account, in UTC."""
        return real_clock() + self._ahead

    def advance(self, seconds: float) -> None:
        """Advance it."""
        self._ahead += timedelta(seconds=seconds)


class Zone:
    """The account's time zone, and the two formats of ActiveCampaign for an instant in it."""

    def __init__(self, name: str) -> None:
        """Formatted times are cached, because the same instants occur often."""
        self.name = name
        self.info = ZoneInfo(name)
        self.stamp = lru_cache(1 << 16)(self._stamp)

    def _stamp(self, instant: int) -> str:
        return datetime.fromtimestamp(instant, self.info).isoformat()

    def plain(self, instant: int) -> str:
        """Print without an offset, `YYYY-MM-DD HH:MM:SS`."""
        text = self.stamp(instant)
        return f"{text[:10]} {text[11:19]}"

    def utc(self, instant: int | None) -> str | None:
        """Print an instant in UTC, with its offset."""
        return None if instant is None else datetime.fromtimestamp(instant, UTC).isoformat()

    def day(self, instant: int) -> str:
        """Print the local date alone."""
        return self.stamp(instant)[:10]

    def midnight(self, instant: int) -> int:
        """Return the start of the local day."""
        local = datetime.fromtimestamp(instant, self.info)
        return int(local.replace(hour=0, minute=0, second=0).timestamp())

    def instant(self, text: str) -> int | None:
        """Parse a value of a client; it is in local time if it has no offset."""
        try:
            moment = datetime.fromisoformat(text.strip())
        except ValueError:
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=self.info)
        return int(moment.timestamp())

    def bound(self, text: str, switches: Switches) -> int | None:
        """Parse a date filter in the way of the switches."""
        text = text.strip().replace(" ", "T", 1) if "+" not in text else text.strip()
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return None
        if moment.tzinfo is None:
            zone = UTC if switches.date_naive_zone == "UTC" else self.info
            moment = moment.replace(tzinfo=zone)
        elif switches.date_z_zone == "account":
            moment = moment.replace(tzinfo=self.info)
        instant = int(moment.timestamp())
        return self.midnight(instant) if switches.date_granularity == "day" else instant


def http_date(moment: datetime) -> str:
    """Print the `Date` header."""
    day = date(moment.year, moment.month, moment.day)
    return (
        f"{_DAYS[day.weekday()]}, {moment.day:02} {_MONTHS[moment.month - 1]} {moment.year}"
        f" {moment:%H:%M:%S} GMT"
    )


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
