"""Parses times and dates of records to write: ISO 8601 and similar forms of databases.

`resources/time_codecs.py` reads the times of ActiveCampaign.
"""

from __future__ import annotations

import datetime as dt
import re
from functools import lru_cache
from typing import Any

from . import InvalidValue, is_blank

FORMS = (
    "2026-01-31, 2026/01/31, 20260131, or with a time: 2026-01-31T13:45:00, a blank in place of T, "
    "a fraction, an offset Z, UTC, +00, +0000 or +00:00"
)
_DATE = r"(?P<year>\d{4})(?:-(?P<month>\d\d)-(?P<day>\d\d)|/(?P<m>\d\d)/(?P<d>\d\d)|(?P<md>\d{4}))"
_TIME = (
    r"(?P<hour>\d\d)(?::(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,12}))?)?"
    r"|(?P<ms>\d{4}(?:\d\d)?))"
)
_OFFSET = r"(?:Z|UTC|(?P<sign>[+-])(?P<oh>\d\d)(?::?(?P<om>\d\d))?)"
_MOMENT = re.compile(rf"{_DATE}(?:(?:T| +){_TIME}(?: ?(?P<offset>{_OFFSET}))?)?", re.IGNORECASE)
_REMEMBERED = 1024


def parse_time(value: Any) -> dt.datetime | None:
    """Return a time with its offset, None for a blank value. Raise `InvalidValue` otherwise.

    A time without an offset is UTC. A date means midnight, UTC.
    """
    moment = _parse(value, f"not a time; use {FORMS}")
    if moment is None or moment.tzinfo is not None:
        return moment
    return moment.replace(tzinfo=dt.UTC)


def parse_date(value: Any) -> dt.date | None:
    """Return a date, None for a blank value. Of a time, return the calendar day as written."""
    moment = _parse(value, f"not a date; use {FORMS}")
    return None if moment is None else moment.date()


def _parse(value: Any, problem: str) -> dt.datetime | None:
    if is_blank(value):
        return None
    if isinstance(value, dt.datetime):
        return value
    if isinstance(value, dt.date):
        return dt.datetime(value.year, value.month, value.day)  # noqa: DTZ001 - the caller decides
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)  # a date key of a warehouse: 20260131
    moment = _moment_of(value.strip()) if isinstance(value, str) else None
    if moment is None:
        raise InvalidValue(problem)
    return moment


@lru_cache(_REMEMBERED)
def _moment_of(text: str) -> dt.datetime | None:
    match = _MOMENT.fullmatch(text)
    if match is None or not text.isascii():
        return None
    part = match.groupdict()
    packed, clock = part["md"], part["ms"] or ""
    try:
        moment = dt.datetime(
            int(part["year"]),
            int(part["month"] or part["m"] or packed[:2]),
            int(part["day"] or part["d"] or packed[2:]),
            int(part["hour"] or 0),
            int(part["minute"] or clock[:2] or 0),
            int(part["second"] or clock[2:] or 0),
            int((part["fraction"] or "")[:6].ljust(6, "0")),
            tzinfo=_zone_of(part),
        )
        moment.astimezone(dt.UTC)  # a time in UTC must exist: not year 0 or 10000
    except (ValueError, OverflowError):
        return None
    # Some databases write a day of year 1, like 0001-01-01, for "no date".
    return moment if moment.year > 1 else None


def _zone_of(part: dict[str, str | None]) -> dt.tzinfo | None:
    if part["offset"] is None:
        return None
    size = dt.timedelta(hours=int(part["oh"] or 0), minutes=int(part["om"] or 0))
    return dt.timezone(-size if part["sign"] == "-" else size) if size else dt.UTC
