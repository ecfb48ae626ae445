"""Ids, whole numbers and amounts of money, from numbers or from their text.

`resources/amount_codecs.py` reads and writes ActiveCampaign's cents.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any

from . import InvalidValue, is_blank
from .ids import MAX_ID_LENGTH

MAX_DIGITS = 30
# Above this number, a double cannot represent every whole number.
LARGEST_EXACT_FLOAT = 1 << 53
# Cents. A sum of two-decimal amounts in doubles is at most this far from the exact sum.
NOISE = Decimal("0.001")
_WHOLE_FLOAT = re.compile(r"[0-9]+\.0+")
ID_FORMS = "not an id; use a whole number"
MONEY_FORMS = "must be an amount with at most two decimals"
AMOUNT_FORMS = "must be an amount of at least 0 with at most two decimals"


def parse_decimal(value: Any, problem: str) -> Decimal:
    """Return a finite number of at most `MAX_DIGITS` digits. Raise `InvalidValue` otherwise."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float, Decimal)):
        raise InvalidValue(problem)
    try:
        number = Decimal(str(value).strip())
    except (InvalidOperation, ValueError):  # ValueError: an int of thousands of digits
        raise InvalidValue(problem) from None
    if not number.is_finite() or abs(number.adjusted()) > MAX_DIGITS:
        raise InvalidValue(f"{problem} of sensible size")
    return number


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


def parse_foreign_id(value: Any) -> str | None:
    """Return any id as text. A whole float loses its `.0`. Other text stays unchanged."""
    text = value.strip() if isinstance(value, str) else ""
    if not text or text == "0" or _WHOLE_FLOAT.fullmatch(text):
        return parse_id(value)
    if len(text) > MAX_ID_LENGTH:
        raise InvalidValue(ID_FORMS)
    return None if is_blank(text) else text


def parse_whole(value: Any) -> int | None:
    """Return a whole number, None for a blank value."""
    if is_blank(value):
        return None
    number = parse_decimal(value, "must be a whole number")
    if number != number.to_integral_value():
        raise InvalidValue("must be a whole number")
    return int(number)


def parse_money(value: Any) -> Decimal:
    """Return an amount with two decimals, which may be negative.

    Rounds binary noise below 1/1,000 of a cent: 0.30000000000000004 is 0.30. A real third decimal
    raises `InvalidValue`.
    """
    cents = parse_decimal(value, "must be an amount").scaleb(2)
    whole = cents.to_integral_value()
    if abs(cents - whole) >= NOISE:
        raise InvalidValue(MONEY_FORMS)
    return whole.scaleb(-2)


def parse_cents(value: Any) -> int:
    """Return an amount in whole cents. A negative amount raises `InvalidValue`."""
    try:
        cents = int(parse_money(value).scaleb(2))
    except InvalidValue as problem:
        raise InvalidValue(AMOUNT_FORMS if str(problem) == MONEY_FORMS else str(problem)) from None
    if cents < 0:
        raise InvalidValue(AMOUNT_FORMS)
    return cents


def plain_text(value: str | float | Decimal) -> str:
    """Return a text or a number as text. A whole float loses its `.0`, like a phone number."""
    if isinstance(value, float) and value.is_integer() and abs(value) <= LARGEST_EXACT_FLOAT:
        return str(int(value))
    return str(value)
