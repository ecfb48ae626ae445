"""Parses amounts of money in major units, given as numbers or text.

`resources/amount_codecs.py` reads and writes ActiveCampaign's cents.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from . import InvalidValue
from .numbers import parse_decimal

# Cents. A sum of two-decimal amounts in doubles is at most this far from the exact sum.
NOISE = Decimal("0.001")
MONEY_FORMS = "must be an amount with at most two decimals"
AMOUNT_FORMS = "must be an amount of at least 0 with at most two decimals"


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
