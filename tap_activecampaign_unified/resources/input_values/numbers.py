"""Parses numbers, given as numbers or text. `ids.py` and `amounts.py` parse ids and money."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from . import InvalidValue, is_blank

MAX_DIGITS = 30
# Above this number, a double cannot represent every whole number.
LARGEST_EXACT_FLOAT = 1 << 53


def parse_decimal(value: Any, problem: str) -> Decimal:
    """Return a finite number of at most `MAX_DIGITS` digits. Raise `InvalidValue` otherwise."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float, Decimal)):
        raise InvalidValue(problem)
    text = str(value).strip()
    if "_" in text:  # Python takes 1_2 for 12
        raise InvalidValue(problem)
    try:
        number = Decimal(text)
    except (InvalidOperation, ValueError):  # ValueError: an int of thousands of digits
        raise InvalidValue(problem) from None
    if not number.is_finite() or abs(number.adjusted()) > MAX_DIGITS:
        raise InvalidValue(f"{problem} of sensible size")
    return number


def parse_whole(value: Any) -> int | None:
    """Return a whole number, None for a blank value."""
    if is_blank(value):
        return None
    number = parse_decimal(value, "must be a whole number")
    if number != number.to_integral_value():
        raise InvalidValue("must be a whole number")
    return int(number)


def plain_text(value: str | float | Decimal) -> str:
    """Return a text or a number as text. A whole float loses its `.0`, like a phone number."""
    if isinstance(value, float) and value.is_integer() and abs(value) <= LARGEST_EXACT_FLOAT:
        return str(int(value))
    return str(value)
