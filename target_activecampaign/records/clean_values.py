"""Cleans the values of a record: null, NaN and the JSON text `null` mean "no value"."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from tap_activecampaign_unified.resources.input_values import is_blank
from tap_activecampaign_unified.resources.input_values.numbers import plain_text

#: The columns that hold the user's own keys.
OWN_KEYS = frozenset({"external_id", "store_order_id", "store_product_id", "store_subscription_id"})
_WHOLE_FLOAT = re.compile(r"(?:0|[1-9][0-9]*)\.0+")


def without_nulls(value: Any) -> Any:
    """Return a value in which null is None at every depth. Arrays lose their nulls.

    Values without a null are not copied.
    """
    if isinstance(value, str):
        return None if value.strip() == "null" else value
    if isinstance(value, dict):
        parts = {name: without_nulls(part) for name, part in value.items()}
        return parts if any(parts[name] is not part for name, part in value.items()) else value
    if isinstance(value, list):
        items = [item for item in map(without_nulls, value) if item is not None]
        is_same = len(items) == len(value) and all(
            item is old for item, old in zip(items, value, strict=True)
        )
        return value if is_same else items
    return None if value is not None and is_blank(value) else value


def composed(value: Any) -> Any:
    """Return a value whose text is in Unicode's composed form (NFC), at every depth.

    Values that are in this form already are not copied.
    """
    if isinstance(value, str):
        return value if value.isascii() else unicodedata.normalize("NFC", value)
    if isinstance(value, dict):
        parts = {composed(name): composed(part) for name, part in value.items()}
        return parts if parts != value else value
    if isinstance(value, list):
        items = [composed(item) for item in value]
        return items if items != value else value
    return value


def plain_key(value: Any) -> Any:
    """Return a key of the user as text: 7, 7.0 and the text `7.0` are `7`; other text is unchanged.

    pandas and spreadsheets turn a column of whole numbers into floats if a number is missing.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return plain_text(value)
    if isinstance(value, str) and _WHOLE_FLOAT.fullmatch(value.strip()):
        return value.strip().partition(".")[0]
    return value


def is_nothing(value: Any) -> bool:
    """Return whether a value means "no value": null, blank text, an empty array or object."""
    return not value if isinstance(value, (list, dict)) else is_blank(value)
