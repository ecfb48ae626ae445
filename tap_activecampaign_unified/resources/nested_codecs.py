"""Codecs of objects, and of arrays of objects, inside a record. Each has its table of fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .codecs import UTC_ZONE, Codec, Zone, is_unset
from .input_values import InvalidValue
from .input_values.arrays import parse_structure
from .schema_types import array_of, object_of

if TYPE_CHECKING:
    from .resource import Field, Row
    from .schema_types import Schema


def nested_schema(fields: tuple[Field, ...]) -> Schema:
    """Return the schema of an object with these fields."""
    return object_of(**{field.unified: field.codec.schema for field in fields})


def decode_nested(fields: tuple[Field, ...], raw: Any, zone: Zone = UTC_ZONE) -> Row:
    """Return the unified form of a native object, with every field."""
    if not isinstance(raw, dict):
        raise InvalidValue("not an object")
    record: Row = {}
    for field in fields:
        try:
            record[field.unified] = field.codec.decode(raw.get(field.native), zone)
        except InvalidValue as problem:
            raise InvalidValue(f"{field.unified}: {problem}") from None
    return record


def encode_nested(fields: tuple[Field, ...], value: Any) -> Row:
    """Return the native form of a unified object, which may be JSON text.

    The result omits absent values, nulls and unknown keys.
    """
    value = parse_structure(value)
    if not isinstance(value, dict):
        raise InvalidValue("must be an object")
    by_name = {field.unified: field for field in fields}
    native: Row = {}
    for key, part in value.items():
        if part is None or key not in by_name:
            continue
        try:
            native[by_name[key].native] = by_name[key].codec.encode(part)
        except InvalidValue as problem:
            raise InvalidValue(f"{key}: {problem}") from None
    return native


def nested_object(name: str, *fields: Field, example: Row) -> Codec:
    """Return the codec of one object. An object without any value becomes None."""

    def decode(raw: Any, zone: Zone = UTC_ZONE) -> Row | None:
        if is_unset(raw):
            return None
        record = decode_nested(fields, raw, zone)
        return record if any(part not in (None, []) for part in record.values()) else None

    def encode(value: Any) -> Row | None:
        return None if value is None else encode_nested(fields, value)

    full_example = {field.unified: example.get(field.unified) for field in fields}
    columns = tuple(field.native for field in fields)
    return Codec(name, decode, encode, nested_schema(fields), (None, full_example), columns)


def nested_array(name: str, *fields: Field, example: Row) -> Codec:
    """Return the codec of an array of objects. No value becomes an empty array."""

    def decode(raw: Any, zone: Zone = UTC_ZONE) -> list[Row]:
        if is_unset(raw):
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

    full_example = {field.unified: example.get(field.unified) for field in fields}
    columns = tuple(field.native for field in fields)
    return Codec(
        name, decode, encode, array_of(nested_schema(fields)), ([], [full_example]), columns
    )
