"""References to other records: an id or a natural key."""

from __future__ import annotations

from typing import Any

from tap_activecampaign_unified.resources.input_values import InvalidValue
from tap_activecampaign_unified.resources.input_values.arrays import FORMS
from tap_activecampaign_unified.resources.input_values.ids import parse_any_id, parse_id
from tap_activecampaign_unified.resources.input_values.numbers import (
    LARGEST_EXACT_FLOAT,
    plain_text,
)
from target_activecampaign.outcome import RowRejected

from .clean_values import is_nothing, plain_key

#: Columns that refer to another record.
REFERENCES = frozenset(
    {"account", "contact", "opportunity", "stage", "pipeline", "owner", "group", "tag", "segment"}
)

#: The references of which no record is found by a name.
WITHOUT_NAMES = frozenset({"contact", "opportunity"})


def parse_reference(value: Any, what: str) -> dict[str, str]:
    """Return a reference as text under ``id``, ``email`` and ``name``, without missing keys.

    An opportunity may also have ``external_id``, the user's own key. Plain text with `@` is an
    address, other plain text is a name. A number is an id, and so is text of digits where a name
    finds no record.
    """
    if is_nothing(value):
        return {}
    if isinstance(value, str):
        text = value.strip()
        if "@" in text:
            return {"email": text}
        if what not in WITHOUT_NAMES:
            return {"name": text}
        if what == "contact" and not text.replace(".", "").isdecimal():
            raise RowRejected("contact: must be an e-mail address or an id of ActiveCampaign")
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        native_id = parse_own_id(value, what)
        return {"id": native_id} if native_id else {}
    if not isinstance(value, dict):
        raise RowRejected(f"{what}: must be an object with an id or a natural key")
    ref: dict[str, str] = {}
    for name in ("id", "email", "name", *(["external_id"] if what == "opportunity" else [])):
        part = value.get(name)
        part = read_own_key(part, f"{what}.{name}") if name == "external_id" else part
        key = key_text(part, f"{what}.{name}", is_id=name == "id")
        if key is not None:
            ref[name] = key
    return ref


def key_text(value: Any, column: str, *, is_id: bool = False) -> str | None:
    """Return an id or a natural key as text, None for no value; raise `RowRejected` otherwise."""
    if is_nothing(value):
        return None
    if isinstance(value, (dict, list, bool)):
        raise RowRejected(f"{column}: must be text")
    try:
        return parse_any_id(value) if is_id else plain_text(value).strip()
    except InvalidValue as problem:
        raise RowRejected(f"{column}: {problem}") from None


def read_own_key(value: Any, column: str) -> Any:
    """Return a key of the user as trimmed text: databases pad text of a fixed length.

    Raises `RowRejected` for a float that may not be exact: two long keys can be one float.
    """
    if isinstance(value, float) and abs(value) > LARGEST_EXACT_FLOAT:
        raise RowRejected(f"{column}: a number that its type cannot hold exactly; send it as text")
    key = plain_key(value)
    return key.strip() if isinstance(key, str) else key


def parse_own_id(value: Any, column: str = "id") -> str | None:
    """Return an id of this account as digits, None for no id; raise `RowRejected` otherwise."""
    try:
        return None if isinstance(value, (dict, list)) and not value else parse_id(value)
    except InvalidValue as problem:
        raise RowRejected(f"{column}: {problem}") from None


def parse_references(value: Any, what: str) -> list[dict[str, str]]:
    """Return the references of an array, or a single reference, without empty references."""
    if is_nothing(value):
        return []
    items = value if isinstance(value, list) else [value]
    return [ref for item in items if (ref := parse_reference(item, what))]


def item_reference(item: Any, column: str) -> dict[str, str]:
    """Return the reference of an array item: text is a name, a whole number is an id."""
    if isinstance(item, str):
        return {"name": item.strip()} if item.strip() else {}
    if isinstance(item, dict):
        return parse_reference(item, column)
    try:
        native_id = None if isinstance(item, bool) else parse_id(item)
    except InvalidValue:
        native_id = None
    if native_id is None:
        raise RowRejected(f"{column}: must hold names, ids, or objects with an id or a name")
    return {"id": native_id}


def named_references(value: Any, column: str) -> list[dict[str, str]]:
    """Return the references of an array in which a plain text is a name."""
    if is_nothing(value):
        return []
    if not isinstance(value, list):
        raise RowRejected(f"{column}: must be {FORMS}")
    return [ref for item in value if (ref := item_reference(item, column))]


def id_text(value: Any) -> str | None:
    """Return an id of a native row as text; None for the values that mean "no id"."""
    return None if value in {None, "", "0", 0} else str(value)
