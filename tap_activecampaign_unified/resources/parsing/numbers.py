"""Ids, whole numbers and amounts of money, from numbers or from their text.

`resources/amount_codecs.py` uses the amounts: it reads and writes ActiveCampaign's cents.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any

from . import InvalidValue, is_blank
from .ids import MAX_ID_LENGTH

MAX_DIGITS = 30
# Above this, a double cannot represent every whole number.
LARGEST_EXACT_FLOAT = 1 << 53
# A double that stands for a sum of two-decimal amounts lies this close to it, in cents.
NOISE = Decimal("0.001")
_WHOLE_FLOAT = re.compile(r"[0-9]+\.0+")
ID_FORMS = "not an id; use a whole number"
MONEY_FORMS = "must be an amount with at most two decimals"
AMOUNT_FORMS = "must be an amount of at least 0 with at most two decimals"


def parse_decimal(value: Any, problem: str) -> Decimal:
    """Return a finite number of at most `MAX_DIGITS` digits; raise `InvalidValue` otherwise."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float, Decimal)):
        raise InvalidValue(problem)
    try:
        found = Decimal(str(value).strip())
    except (InvalidOperation, ValueError):  # ValueError: an int of thousands of digits
        raise InvalidValue(problem) from None
    if not found.is_finite() or abs(found.adjusted()) > MAX_DIGITS:
        raise InvalidValue(f"{problem} of sensible size")
    return found


def parse_id(value: Any) -> str | None:
    """Return an id of ActiveCampaign as digits; null, blank and 0 are none.

    pandas and spreadsheets turn a column of ids into floats as soon as one of them is missing, so
    `1.0` and `"1.0"` are the id 1.
    """
    if is_blank(value):
        return None
    if isinstance(value, str) and value.strip().isdecimal() and value.strip().isascii():
        found = value.strip().lstrip("0")
    elif isinstance(value, str) and not value.strip().isascii():
        raise InvalidValue(ID_FORMS)
    else:
        number = parse_decimal(value, ID_FORMS)
        if number != number.to_integral_value() or number < 0:
            raise InvalidValue(ID_FORMS)
        if isinstance(value, float) and number > LARGEST_EXACT_FLOAT:
            raise InvalidValue(f"{ID_FORMS} that the number type can hold exactly")
        found = str(int(number)) if number else ""
    if len(found) > MAX_ID_LENGTH:
        raise InvalidValue(ID_FORMS)
    return found or None


def parse_foreign_id(value: Any) -> str | None:
    """Return another account's id as text; a whole float loses its `.0`, other text stays."""
    text = value.strip() if isinstance(value, str) else ""
    if not text or text == "0" or _WHOLE_FLOAT.fullmatch(text):
        return parse_id(value)
    if len(text) > MAX_ID_LENGTH:
        raise InvalidValue(ID_FORMS)
    return None if is_blank(text) else text


def parse_whole(value: Any) -> int | None:
    """Return a whole number, None where there is none."""
    if is_blank(value):
        return None
    found = parse_decimal(value, "must be a whole number")
    if found != found.to_integral_value():
        raise InvalidValue("must be a whole number")
    return int(found)


def parse_money(value: Any) -> Decimal:
    """Return an amount of two decimals, which may be negative.

    Binary noise below 1/1,000 of a cent is rounded (0.30000000000000004 is 0.30). A real third
    decimal raises `InvalidValue`.
    """
    cents = parse_decimal(value, "must be an amount").scaleb(2)
    whole = cents.to_integral_value()
    if abs(cents - whole) >= NOISE:
        raise InvalidValue(MONEY_FORMS)
    return whole.scaleb(-2)


def parse_cents(value: Any) -> int:
    """Return an amount in whole cents; a negative one raises `InvalidValue`."""
    try:
        found = int(parse_money(value).scaleb(2))
    except InvalidValue as problem:
        raise InvalidValue(AMOUNT_FORMS if str(problem) == MONEY_FORMS else str(problem)) from None
    if found < 0:
        raise InvalidValue(AMOUNT_FORMS)
    return found


def plain_text(value: str | float | Decimal) -> str:
    """Return a text or number as text, a whole float without `.0`: a phone, a postal code."""
    if isinstance(value, float) and value.is_integer() and abs(value) <= LARGEST_EXACT_FLOAT:
        return str(int(value))
    return str(value)
