"""Codecs of arrays: the choices of a field, and an array with at most one text."""

from __future__ import annotations

import json
from typing import Any

from .codecs import UTC_ZONE, Codec, Zone, decode_text, encode_text
from .input_values import InvalidValue
from .input_values.flags import parse_flag
from .schema_types import BOOLEAN, STRING, array_of, object_of


def decode_choices(raw: Any, _: Zone = UTC_ZONE) -> list[str]:
    """Read several choices: ``||a||b||`` on contacts, an array or its JSON elsewhere."""
    if raw is None or raw == "":
        return []
    if isinstance(raw, list):
        if any(isinstance(item, (list, dict)) for item in raw):
            raise InvalidValue("not a list of choices")
        return [str(item) for item in raw if item is not None and item != ""]
    if not isinstance(raw, (str, int, float)):
        raise InvalidValue("not a list of choices")
    if str(raw).startswith("["):
        try:
            return decode_choices(json.loads(str(raw)))
        except (ValueError, RecursionError):
            pass  # a choice that begins with a bracket
    return [part for part in str(raw).split("||") if part]


def choice_list(value: Any) -> list[str]:
    """Return the choices of a record's value, which is an array or a single choice."""
    if value is None:
        return []
    if isinstance(value, (list, tuple)):
        return [encode_text(item) for item in value if item is not None and item != ""]
    return [encode_text(value)]


def encode_piped(value: Any) -> str:
    """Return choices as contacts' fields require them: ``||a||b||``."""
    chosen = choice_list(value)
    piped_text = f"||{'||'.join(chosen)}||" if chosen else ""
    if decode_choices(piped_text) != [choice for choice in chosen if choice]:
        raise InvalidValue("must be choices without pipes")
    return piped_text


piped = Codec("piped", decode_choices, encode_piped, array_of({"type": "string"}), ([], ["a", "b"]))
choices = Codec(
    "choices", decode_choices, choice_list, array_of({"type": "string"}), ([], ["a", "b"])
)


def single_item(name: str, **fixed: Any) -> Codec:
    """Return the codec of an array with at most one text, which ActiveCampaign stores as a text.

    ``name`` is the key of the text in the item. ``fixed`` are the other values of the item.
    """
    blank_item = {name: None, **fixed}

    def decode(raw: Any, zone: Zone = UTC_ZONE) -> list[dict[str, Any]]:
        value = decode_text(raw, zone)
        return [] if value is None else [{**blank_item, name: value}]

    def encode(value: Any) -> str:
        if not value:
            return ""
        if not isinstance(value, list):
            raise InvalidValue("must be an array of objects")
        objects = (item for item in value if isinstance(item, dict))
        chosen = next((item for item in objects if parse_flag(item.get("is_primary"))), value[0])
        return encode_text(chosen.get(name)) if isinstance(chosen, dict) else encode_text(chosen)

    properties = {name: STRING} | {
        key: BOOLEAN if isinstance(value, bool) else STRING for key, value in fixed.items()
    }
    example: list[dict[str, Any]] = [{name: "one", **fixed}]
    return Codec(f"single_{name}", decode, encode, array_of(object_of(**properties)), ([], example))
