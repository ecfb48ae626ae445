"""Codecs: decode native values to unified values, and encode unified values.

Text, ids, flags and numbers are here. Times are in `time_codecs.py`, amounts of money in
`amount_codecs.py`, arrays in `array_codecs.py`, objects in `nested_codecs.py`.

``decode`` gets the row's `Zone`, because half of ActiveCampaign's times have no offset. It returns
None for a native "no value", and raises `InvalidValue` for an unreadable value. ``encode`` returns
the value for a request.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from .input_values import InvalidValue
from .input_values.flags import parse_flag
from .input_values.ids import MAX_ID_LENGTH, parse_any_id
from .input_values.numbers import parse_decimal, parse_whole, plain_text
from .schema_types import (
    BOOLEAN,
    INTEGER,
    NUMBER,
    STRING,
    Schema,
    object_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Zone:
    """The account's time zone for one row: the offset of the row's stamped times.

    ``known`` returns the zone of a time without offset, or None if only the row's offset is known.
    """

    offset: dt.tzinfo = dt.UTC
    known: Callable[[dt.datetime], dt.tzinfo | None] | None = None

    def at(self, moment: dt.datetime) -> dt.tzinfo:
        """Return the zone of a time without offset."""
        return (self.known and self.known(moment)) or self.offset


UTC_ZONE = Zone()


@lru_cache(64)
def zone_at(offset: dt.tzinfo) -> Zone:
    """Return the zone of an offset. An account has one offset in summer and another in winter."""
    return Zone(offset)


@dataclass(frozen=True)
class Codec:
    """A pair of functions, and the JSON schema of the values that ``decode`` returns.

    ``examples`` are unified values that the law tests encode and decode.
    """

    name: str
    decode: Callable[[Any, Zone], Any]
    encode: Callable[[Any], Any]
    schema: Schema
    examples: tuple[Any, ...] = ()
    #: The native columns of the objects that ``decode`` reads; empty for a plain value.
    columns: tuple[str, ...] = ()


def decode_text(raw: Any, _: Zone = UTC_ZONE) -> str | None:
    """Return text without outer white space, None if no text remains."""
    if isinstance(raw, str):
        return raw.strip() or None
    if raw is None:
        return None
    if isinstance(raw, bool) or not isinstance(raw, (int, float)):
        raise InvalidValue("not text")
    return str(raw)


def decode_verbatim(raw: Any, _: Zone = UTC_ZONE) -> str | None:
    """Return text unchanged, None if it is empty. Notes keep their spaces."""
    if raw is None or raw == "":
        return None
    if isinstance(raw, bool) or not isinstance(raw, (str, int, float)):
        raise InvalidValue("not text")
    return str(raw)


def encode_text(value: Any) -> str:
    """Return a text. None becomes the empty string, which clears a text in ActiveCampaign."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, (str, int, float, Decimal)):
        raise InvalidValue("must be text")
    return plain_text(value)


def encode_trimmed(value: Any) -> str:
    """Return a text without outer white space: databases pad text of a fixed length."""
    return encode_text(value).strip()


text = Codec("text", decode_text, encode_trimmed, STRING, ("Ada", "Zoë & Søn", None))
verbatim = Codec("verbatim", decode_verbatim, encode_text, STRING, (" two\nlines ", None))


def decode_id(raw: Any, _: Zone = UTC_ZONE) -> str | None:
    """Return an id as a string, or None for ``""`` and for zeros, such as ``0`` and ``"00"``."""
    if isinstance(raw, str):
        text_ = raw.strip()
    elif raw is None or isinstance(raw, bool):
        return None
    elif isinstance(raw, int):
        text_ = str(raw)
    else:
        raise InvalidValue("not an id")
    if len(text_) > MAX_ID_LENGTH:
        raise InvalidValue("not an id")
    return text_ if text_.strip("0") else None


def encode_id(value: Any) -> str | None:
    """Return an id as ActiveCampaign accepts it."""
    return parse_any_id(value)


def decode_ref(raw: Any, zone: Zone = UTC_ZONE) -> dict[str, str] | None:
    """Return ``{id}`` of the referenced row, None without a reference."""
    found = decode_id(raw, zone)
    return None if found is None else {"id": found}


def encode_ref(value: Any) -> str | None:
    """Return the id of ``{id}``. The caller resolves natural keys before."""
    if value is None:
        return None
    native_id = parse_any_id(value.get("id")) if isinstance(value, dict) else None
    if native_id is None:
        raise InvalidValue("must be an object with an id")
    return native_id


identifier = Codec("identifier", decode_id, encode_id, {"type": "string"}, ("12",))
ref = Codec("ref", decode_ref, encode_ref, object_of(id=STRING), ({"id": "3"}, None))

MAX_INTEGER_DIGITS = 18
# The range of a loader's integer column.
MIN_INTEGER, MAX_INTEGER = -(1 << 63), (1 << 63) - 1
_FLAGS = {"0": False, "1": True, "false": False, "true": True, "no": False, "yes": True}


def decode_flag(raw: Any, _: Zone = UTC_ZONE) -> bool | None:
    """Read ActiveCampaign's flags: ``"0"``, ``"1"``, 0, 1, words, and JSON booleans."""
    if isinstance(raw, str) and raw in _FLAGS:
        return _FLAGS[raw]
    if is_unset(raw):
        return None
    if isinstance(raw, bool):
        return raw
    value = _FLAGS.get(str(raw).strip().lower())
    if value is None:
        raise InvalidValue("not a flag")
    return value


def encode_flag(value: Any) -> int:
    """Return 0 or 1."""
    return int(bool(parse_flag(value)))


def decode_integer(raw: Any, _: Zone = UTC_ZONE) -> int | None:
    """Read a whole number from an int or a numeric string."""
    if _is_plain_integer(raw):
        return int(raw)
    if is_unset(raw):
        return None
    whole = parse_decimal(raw, "not a whole number")
    if not MIN_INTEGER <= whole <= MAX_INTEGER or whole != whole.to_integral_value():
        raise InvalidValue("not a whole number")
    return int(whole)


def decode_number(raw: Any, _: Zone = UTC_ZONE) -> int | float | None:
    """Read a number: an int if it is whole, else a float."""
    if _is_plain_integer(raw):
        return int(raw)
    return None if is_unset(raw) else plain_number(parse_decimal(raw, "not a number"))


def _is_plain_integer(raw: Any) -> bool:
    """Return whether a text has only digits, like most numbers: a decimal costs ten times."""
    return (
        isinstance(raw, str)
        and raw.isdecimal()
        and raw.isascii()
        and len(raw) <= MAX_INTEGER_DIGITS
    )


def is_unset(raw: Any) -> bool:
    """Return whether a native number, flag or object has no value: null or blank text."""
    return raw is None or (isinstance(raw, str) and not raw.strip())


def plain_number(value: Decimal) -> int | float:
    """Return a decimal as a JSON number: an int if it is whole, else the nearest float."""
    if value == value.to_integral_value():
        return int(value)
    return float(value)


def encode_number(value: Any) -> str:
    """Return a number as ActiveCampaign spells it, without exponents."""
    if value is None:
        return ""
    number = parse_decimal(value, "must be a number")
    return format(number.normalize(), "f") if number else "0"


def encode_integer(value: Any) -> str:
    """Return a whole number as ActiveCampaign spells it."""
    found = parse_whole(value)
    return "" if found is None else str(found)


flag = Codec("flag", decode_flag, encode_flag, BOOLEAN, (True, False))
integer = Codec("integer", decode_integer, encode_integer, INTEGER, (0, 7, -3))
number = Codec("number", decode_number, encode_number, NUMBER, (0, 7, -3.25, 1e6))
