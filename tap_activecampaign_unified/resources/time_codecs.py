"""Codecs of times and dates, in all forms that ActiveCampaign sends."""

from __future__ import annotations

import datetime as dt
import re
from functools import lru_cache
from typing import Any

from .codecs import UTC_ZONE, Codec, Zone
from .input_values import InvalidValue
from .input_values.times import parse_date, parse_time
from .schema_types import DATE, DATE_TIME

INSTANTS_REMEMBERED = 1024
_ZERO_YEARS = ("0000-", "0001-")
_FRACTION = re.compile(r"(\.\d{6})\d+")


def parse_instant(raw: Any, zone: Zone = UTC_ZONE) -> dt.datetime | None:
    """Read a time in any of ActiveCampaign's forms. Without offset, it is in ``zone``."""
    if raw is None or raw == "":
        return None
    if not isinstance(raw, str):
        raise InvalidValue("not a time")
    moment = _moment_of(raw)
    if moment is None or moment.tzinfo:
        return moment
    return moment.replace(tzinfo=zone.at(moment))


def instant_or_none(raw: Any, zone: Zone = UTC_ZONE) -> dt.datetime | None:
    """Read a time like `parse_instant`. Return None for a value that is no time."""
    try:
        return parse_instant(raw, zone)
    except InvalidValue:
        return None


# A row has the same few times in many columns, and the tap reads each of them several times.
@lru_cache(INSTANTS_REMEMBERED)
def _moment_of(raw: str) -> dt.datetime | None:
    text = raw.strip()
    if not text or text.startswith(_ZERO_YEARS):
        return None
    if "." in text:
        text = _FRACTION.sub(r"\1", text)
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        raise InvalidValue("not a time") from None


def format_instant(moment: dt.datetime) -> str:
    """Return a time in UTC with ``+00:00``. These texts sort in order of time."""
    try:
        return moment.astimezone(dt.UTC).isoformat()
    except OverflowError:
        raise InvalidValue("not a time") from None


def decode_instant(raw: Any, zone: Zone = UTC_ZONE) -> str | None:
    """Return a time in UTC with ``+00:00``, or None for a zero date."""
    if raw is None or raw == "":
        return None
    if not isinstance(raw, str):
        raise InvalidValue("not a time")
    moment = _moment_of(raw)
    if moment is None or moment.tzinfo:
        return _stamped_text(raw)
    return format_instant(moment.replace(tzinfo=zone.at(moment)))


@lru_cache(INSTANTS_REMEMBERED)
def _stamped_text(raw: str) -> str | None:
    moment = _moment_of(raw)
    return None if moment is None else format_instant(moment)


def encode_instant(value: Any) -> str:
    """Return a time with its offset. ActiveCampaign converts it to the account's time zone."""
    moment = parse_time(value)
    return "" if moment is None else moment.isoformat()


def decode_date(raw: Any, zone: Zone = UTC_ZONE) -> str | None:
    """Return the calendar day as it was entered, without a time."""
    if raw is None or raw == "":
        return None
    moment = parse_instant(raw, zone)
    return None if moment is None else moment.date().isoformat()


def encode_date(value: Any) -> str:
    """Return ``YYYY-MM-DD``."""
    date_ = parse_date(value)
    return "" if date_ is None else date_.isoformat()


def stamped(raw: Any) -> dt.datetime | None:
    """Return a time that has an offset, None for any other value."""
    try:
        moment = _moment_of(raw) if isinstance(raw, str) else None
    except InvalidValue:
        return None
    return moment if moment is not None and moment.tzinfo else None


def offset_of(raw: Any) -> dt.tzinfo | None:
    """Return the offset of a stamped time, None for any other value."""
    moment = stamped(raw)
    return None if moment is None else moment.tzinfo


instant = Codec(
    "instant", decode_instant, encode_instant, DATE_TIME, ("2031-03-02T14:15:04+00:00",)
)
date = Codec("date", decode_date, encode_date, DATE, ("2031-03-02",))
