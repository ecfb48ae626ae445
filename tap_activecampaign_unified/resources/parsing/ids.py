"""ActiveCampaign's ids as numbers: their order is the order of creation."""

from __future__ import annotations

from typing import Any

MAX_ID_LENGTH = 64
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
