"""Parses arrays: JSON, SQL array text, ActiveCampaign's `||a||b||`, and delimited text."""

from __future__ import annotations

import ast
import json
import re
from typing import Any

from . import InvalidValue

FORMS = (
    'an array, JSON text like ["a", "b"] (to_json in DuckDB), SQL array text like {a,b}, '
    "or ||a||b||; for plain text, set list_delimiter"
)
# A text as Python prints it, and two of them without a comma.
_PYTHON_TEXT = re.compile(r"""[A-Za-z]{0,2}(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")""", re.DOTALL)
_JOINED = re.compile(r'"\s*"')
# An object as DuckDB prints it, which is neither JSON nor an SQL array.
_QUOTED_KEY = re.compile(r"\{\s*'[^']*'\s*:")


def parse_structure(value: Any, delimiter: str | None = None) -> Any:
    """Return the array or object of a text, and every other value unchanged.

    Without ``delimiter``, plain text stays text, and the caller decides about a single item. Raises
    `InvalidValue` for text that begins like an array or an object and is neither.
    """
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text[:1] in {"[", "{"}:
        return _bracketed(text)
    if text.startswith("||"):
        return _parts(text, "||")
    return _parts(text, delimiter) if delimiter and text else value


def delimiter_hint(value: Any, delimiter: str | None) -> str:
    """Return what to add to the reason of a value that is not found.

    It is empty unless the value is plain text with a usual separator of items and ``delimiter``,
    the setting `list_delimiter`, is not set.
    """
    is_several = isinstance(value, str) and any(sign in value for sign in ",;|")
    return "; if the text holds several, set list_delimiter" if is_several and not delimiter else ""


def _parts(text: str, delimiter: str) -> list[str]:
    return [part for part in (piece.strip() for piece in text.split(delimiter)) if part]


def _bracketed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        value = _python_literal(text)
    if value is None and text.startswith("{") and not _QUOTED_KEY.match(text):
        value = _sql_items(text)
    if value is None:
        raise InvalidValue(f"text that begins like an array but is none; use {FORMS}")
    return value


def _python_literal(text: str) -> list[Any] | dict[str, Any] | None:
    """Read a list or a dictionary as Python prints it, which pandas writes into CSV files."""
    if "'" not in text and '"' not in text:
        return None
    try:
        literal = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    is_structure = isinstance(literal, (list, dict)) and not _has_joined_texts(text)
    return literal if is_structure else None


def _has_joined_texts(text: str) -> bool:
    """Return whether two texts have no comma between them: numpy prints `['a' 'b']`.

    Python reads them as one text, `ab`.
    """
    return _JOINED.search(_PYTHON_TEXT.sub('"', text)) is not None


def _sql_items(text: str) -> list[str | None] | None:
    """Read PostgreSQL's array text `{a,"b, c",NULL}`. None for nested arrays or other text.

    An item in single quotes is one of a Python set, `{'a', 'b'}`.
    """
    if not text.endswith("}"):
        return None
    items: list[str | None] = []
    at, end = 1, len(text) - 1
    while True:
        at = _after_blanks(text, at)
        if at < end and text[at] == '"':
            item, at = _quoted(text, at + 1, end)
            if item is None:
                return None
            at = _after_blanks(text, at)
        else:
            stop = text.find(",", at, end)
            stop = end if stop < 0 else stop
            bare, at = text[at:stop].strip(), stop
            if not bare or any(c in bare for c in '{}"\\') or bare[0] == bare[-1] == "'":
                return None
            item = None if bare.upper() == "NULL" else bare
        items.append(item)
        if at >= end:
            return items if at == end else None
        if text[at] != ",":
            return None
        at += 1


def _after_blanks(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _quoted(text: str, at: int, end: int) -> tuple[str | None, int]:
    """Return a quoted item and the position after it. The item is None without a closing quote."""
    chars: list[str] = []
    while at < end:
        char = text[at]
        if char == '"':
            return "".join(chars), at + 1
        if char == "\\":
            at += 1
            if at >= end:
                break
        chars.append(text[at])
        at += 1
    return None, at
