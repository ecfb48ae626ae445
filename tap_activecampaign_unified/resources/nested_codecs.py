"""Objects and arrays of objects inside a record, mapped by tables of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .codecs import UTC_ZONE, Codec, Zone
from .parsing import InvalidValue
from .parsing.arrays import parse_structure
from .schema_types import array_of, object_of

if TYPE_CHECKING:
    from .resource import Field
    from .schema_types import Schema

Row = dict[str, Any]


def nested_schema(fields: tuple[Field, ...]) -> Schema:
    """Return the schema of an object that these fields make."""
    return object_of(**{field.unified: field.codec.schema for field in fields})


def decode_nested(fields: tuple[Field, ...], raw: Any, zone: Zone = UTC_ZONE) -> Row:
    """Return the unified form of a native object; each of its fields is there."""
    if not isinstance(raw, dict):
        raise InvalidValue("not an object")
    found: Row = {}
    for field in fields:
        try:
            found[field.unified] = field.codec.decode(raw.get(field.native), zone)
        except InvalidValue as problem:
            raise InvalidValue(f"{field.unified}: {problem}") from None
    return found


def encode_nested(fields: tuple[Field, ...], value: Any) -> Row:
    """Return the native form of a unified object, which may be JSON text.

    What it does not name, or has null, is left out, and keys that no field has.
    """
    value = parse_structure(value)
    if not isinstance(value, dict):
        raise InvalidValue("must be an object")
    by_name = {field.unified: field for field in fields}
    sent: Row = {}
    for key, part in value.items():
        if part is None or key not in by_name:
            continue
        try:
            sent[by_name[key].native] = by_name[key].codec.encode(part)
        except InvalidValue as problem:
            raise InvalidValue(f"{key}: {problem}") from None
    return sent


def nested_object(name: str, *fields: Field, example: Row) -> Codec:
    """Return the codec of one object; one without any value is None."""

    def decode(raw: Any, zone: Zone = UTC_ZONE) -> Row | None:
        if raw is None or (isinstance(raw, str) and not raw.strip()):
            return None
        found = decode_nested(fields, raw, zone)
        return found if any(part not in (None, []) for part in found.values()) else None

    def encode(value: Any) -> Row | None:
        return None if value is None else encode_nested(fields, value)

    whole = {field.unified: example.get(field.unified) for field in fields}
    columns = tuple(field.native for field in fields)
    return Codec(name, decode, encode, nested_schema(fields), (None, whole), columns)


def nested_array(name: str, *fields: Field, example: Row) -> Codec:
    """Return the codec of an array of objects, empty where there is nothing."""

    def decode(raw: Any, zone: Zone = UTC_ZONE) -> list[Row]:
        if raw is None or (isinstance(raw, str) and not raw.strip()):
            return []
        if not isinstance(raw, list):
            raise InvalidValue("not an array")
        return [decode_nested(fields, part, zone) for part in raw if part is not None]

    def encode(value: Any) -> list[Row]:
        if value is None:
            return []
        if not isinstance(value, list):
            raise InvalidValue("must be an array of objects")
        return [encode_nested(fields, part) for part in value]

    whole = {field.unified: example.get(field.unified) for field in fields}
    columns = tuple(field.native for field in fields)
    return Codec(name, decode, encode, array_of(nested_schema(fields)), ([], [whole]), columns)
