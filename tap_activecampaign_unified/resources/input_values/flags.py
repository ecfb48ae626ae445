"""Parses flags: `true`, `t`, `yes`, `on`, `1` and their opposites."""

from __future__ import annotations

import contextlib
from typing import Any

from . import InvalidValue, is_blank
from .numbers import parse_decimal

WORDS = {
    "true": True,
    "t": True,
    "yes": True,
    "y": True,
    "on": True,
    "1": True,
    "false": False,
    "f": False,
    "no": False,
    "n": False,
    "off": False,
    "0": False,
}
FORMS = "true/false, t/f, yes/no, y/n, on/off or 1/0"


def parse_flag(value: Any) -> bool | None:
    """Return a flag, None for a blank value. Raise `InvalidValue` for every other word."""
    if isinstance(value, bool):
        return value
    if is_blank(value):
        return None
    if isinstance(value, str) and (flag := WORDS.get(value.strip().lower())) is not None:
        return flag
    with contextlib.suppress(InvalidValue):
        number = parse_decimal(value, "not a number")
        if number in {0, 1}:
            return number == 1
    raise InvalidValue(f"not a flag; use {FORMS}")
