"""Codecs of amounts of money in cents, and of their currency.

E-commerce has amounts in major units: see `amount` in `commerce/value_codecs.py`.
"""

from __future__ import annotations

from typing import Any

from .codecs import UTC_ZONE, Codec, Zone, decode_text, encode_text, is_unset, plain_number
from .input_values import InvalidValue
from .input_values.amounts import parse_cents
from .input_values.numbers import parse_decimal
from .schema_types import NUMBER, STRING


def decode_cents(raw: Any, _: Zone = UTC_ZONE) -> int | float | None:
    """Convert cents to a decimal amount: ``"140655"`` is 1406.55."""
    return None if is_unset(raw) else plain_number(parse_decimal(raw, "not an amount").scaleb(-2))


def encode_cents(value: Any) -> int:
    """Convert a decimal amount to cents. Raise `InvalidValue` if it is finer or negative."""
    return parse_cents(value)


def decode_currency(raw: Any, zone: Zone = UTC_ZONE) -> str | None:
    """Return an ISO-4217 code in upper case."""
    code = decode_text(raw, zone)
    return code.upper() if code else None


def encode_currency(value: Any) -> str:
    """Return the code in lower case, as deals require it. Databases may pad it with blanks.

    Raises `InvalidValue` for a symbol or a name of a currency.
    """
    code = encode_text(value).strip().lower()
    if not code or (len(code) == 3 and code.isascii() and code.isalpha()):
        return code
    raise InvalidValue("not a currency code; use three letters, such as EUR")


cents = Codec("cents", decode_cents, encode_cents, NUMBER, (0, 12, 1406.55, 0.01))
currency = Codec("currency", decode_currency, encode_currency, STRING, ("EUR", "USD"))
