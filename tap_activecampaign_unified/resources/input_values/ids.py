"""Parses ids from numbers or text, and sorts them: ids grow in order of creation."""

from __future__ import annotations

import re
from typing import Any

from . import InvalidValue, is_blank
from .numbers import LARGEST_EXACT_FLOAT, parse_decimal

MAX_ID_LENGTH = 64
ID_FORMS = "not an id of ActiveCampaign; use a whole number"
_WHOLE_FLOAT = re.compile(r"[0-9]+\.0+")
_BEHIND_NUMBERS = 1 << 62


def id_number(value: Any) -> int | None:
    """Return an id as a number, None if it is not a number."""
    text = str(value)
    is_number = text.isascii() and text.isdigit() and len(text) <= MAX_ID_LENGTH
    return int(text) if is_number else None


def id_order(value: Any) -> tuple[int, str]:
    """Return the sort key of an id: numbers ascending, then other ids."""
    number = id_number(value)
    return (_BEHIND_NUMBERS, str(value)) if number is None else (number, "")


def parse_id(value: Any) -> str | None:
    """Return an id of ActiveCampaign as digits, or None for null, blank and 0.

    pandas and spreadsheets turn a column of ids into floats if an id is missing. So `1.0` and
    `"1.0"` are the id 1.
    """
    if is_blank(value):
        return None
    if isinstance(value, str) and value.strip().isdecimal() and value.strip().isascii():
        digits = value.strip().lstrip("0")
    elif isinstance(value, str) and not value.strip().isascii():
        raise InvalidValue(ID_FORMS)
    else:
        number = parse_decimal(value, ID_FORMS)
        if number != number.to_integral_value() or number < 0:
            raise InvalidValue(ID_FORMS)
        if isinstance(value, float) and number > LARGEST_EXACT_FLOAT:
            raise InvalidValue(f"{ID_FORMS} that the number type can hold exactly")
        digits = str(int(number)) if number else ""
    if len(digits) > MAX_ID_LENGTH:
        raise InvalidValue(ID_FORMS)
    return digits or None


def parse_any_id(value: Any) -> str | None:
    """Return an id of any system as text. A whole float loses its `.0`; other text is unchanged."""
    text = value.strip() if isinstance(value, str) else ""
    if not text or text == "0" or _WHOLE_FLOAT.fullmatch(text):
        return parse_id(value)
    if len(text) > MAX_ID_LENGTH:
        raise InvalidValue(ID_FORMS)
    return None if is_blank(text) else text
