"""Codecs of times and dates, in each of the forms in which ActiveCampaign sends them."""

from __future__ import annotations

import datetime as dt
import re
from functools import lru_cache
from typing import Any

from .codecs import UTC_ZONE, Codec, Zone
from .parsing import InvalidValue
from .parsing.times import parse_date, parse_time
from .schema_types import DATE, DATE_TIME

INSTANTS_REMEMBERED = 1024
_ZERO_YEARS = ("0000-", "0001-")
_FRACTION = re.compile(r"(\.\d{6})\d+")


def parse_instant(raw: Any, zone: Zone = UTC_ZONE) -> dt.datetime | None:
    """Read any of ActiveCampaign's times; one without offset is on the account's clock."""
    if raw is None or raw == "":
        return None
    if not isinstance(raw, str):
        raise InvalidValue("not a time")
    moment = _moment_of(raw)
    if moment is None or moment.tzinfo:
        return moment
    return moment.replace(tzinfo=zone.at(moment))


# A row says the same few instants in many columns, and each of them is looked at several times.
@lru_cache(INSTANTS_REMEMBERED)
def _moment_of(raw: str) -> dt.datetime | None:
    found = raw.strip()
    if not found or found.startswith(_ZERO_YEARS):
        return None
    if "." in found:
        found = _FRACTION.sub(r"\1", found)
    try:
        return dt.datetime.fromisoformat(found)
    except ValueError:
        raise InvalidValue("not a time") from None


def format_instant(moment: dt.datetime) -> str:
    """Write a time as UTC with ``+00:00``, the one form that sorts as text."""
    try:
        return moment.astimezone(dt.UTC).isoformat()
    except OverflowError:
        raise InvalidValue("not a time") from None


def decode_instant(raw: Any, zone: Zone = UTC_ZONE) -> str | None:
    """Return a time in UTC, written with ``+00:00``; zero dates are None."""
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
    """Return a time with its offset; ActiveCampaign turns it to the account's clock."""
    moment = parse_time(value)
    return "" if moment is None else moment.isoformat()


def decode_date(raw: Any, zone: Zone = UTC_ZONE) -> str | None:
    """Return the calendar day as it was entered, whatever stands behind it."""
    if raw is None or raw == "":
        return None
    moment = parse_instant(raw, zone)
    return None if moment is None else moment.date().isoformat()


def encode_date(value: Any) -> str:
    """Return ``YYYY-MM-DD``."""
    found = parse_date(value)
    return "" if found is None else found.isoformat()


def stamped(raw: Any) -> dt.datetime | None:
    """Return a time that carries an offset, None for everything else."""
    try:
        moment = _moment_of(raw) if isinstance(raw, str) else None
    except InvalidValue:
        return None
    return moment if moment is not None and moment.tzinfo else None


def offset_of(raw: Any) -> dt.tzinfo | None:
    """Return the offset that a stamped time carries, None when it carries none."""
    moment = stamped(raw)
    return None if moment is None else moment.tzinfo


instant = Codec(
    "instant", decode_instant, encode_instant, DATE_TIME, ("2031-03-02T14:15:04+00:00",)
)
date = Codec("date", decode_date, encode_date, DATE, ("2031-03-02",))
