"""Makes a resource, with typed fields, of each custom object that an account defines.

A row of a custom object has its values in an array. `native_row` converts it to plain columns,
``field:<id>`` and ``relation:<id>``, so that a table maps it like any other row.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .array_codecs import choices
from .codecs import (
    UTC_ZONE,
    Codec,
    Zone,
    decode_id,
    decode_text,
    encode_id,
    encode_text,
    flag,
    identifier,
    text,
    verbatim,
)
from .commerce.value_codecs import amount, measure
from .custom_fields import slug
from .input_values import InvalidValue
from .input_values.times import parse_time
from .resource import Field, Replication, Resource, Row, RowContext
from .schema_types import STRING, array_of, object_of
from .time_codecs import date, format_instant, instant

if TYPE_CHECKING:
    from collections.abc import Iterable

#: The prefix of the stream names, and of the paths of the rows.
PREFIX = "custom_"
RECORDS = "customObjects/records/"
_FIELD, _RELATION = "field:", "relation:"
_RESERVED = {"id", "external_id", "created_at", "updated_at"}
_TARGETS = {"contacts": "contact", "accounts": "account", "deals": "opportunity"}


def _encode_instant(value: Any) -> str | None:
    """Return a time in UTC with a `Z`, as documented."""
    moment = parse_time(value)
    return format_instant(moment).replace("+00:00", "Z") if moment else None


def _decode_anything(raw: Any, zone: Zone = UTC_ZONE) -> str | None:
    """Return a value of an unknown type as text; an object as its JSON."""
    if isinstance(raw, (dict, list, bool)):
        return json.dumps(raw, sort_keys=True)
    return decode_text(raw, zone)


def _decode_ids(raw: Any, zone: Zone = UTC_ZONE) -> list[Row]:
    """Return ``{id}`` of each related row."""
    if raw is None or raw == "":
        return []
    if not isinstance(raw, list):
        raise InvalidValue("not an array of ids")
    ids = [decode_id(raw_id, zone) for raw_id in raw]
    return [{"id": native_id} for native_id in ids if native_id is not None]


def _encode_ids(value: Any) -> list[int]:
    """Return the ids of ``[{id}]`` as numbers. The caller resolves natural keys before."""
    numbers = []
    for reference in value if isinstance(value, list) else [value] if value else []:
        text_ = encode_id(reference.get("id")) if isinstance(reference, dict) else None
        if text_ is None or not (text_.isascii() and text_.isdecimal()):
            raise InvalidValue("must be objects with an id")
        numbers.append(int(text_))
    return numbers


moment = Codec(
    "moment",
    instant.decode,
    _encode_instant,
    instant.schema,
    ("2031-03-02T14:15:04+00:00", None),
)
anything = Codec("anything", _decode_anything, encode_text, STRING, ("x", None))
related = Codec(
    "related", _decode_ids, _encode_ids, array_of(object_of(id=STRING)), ([], [{"id": "7"}])
)
_TYPES: dict[str, Codec] = {
    "text": text,
    "textarea": verbatim,
    "number": measure,
    "decimal": measure,
    "currency": amount,
    "datetime": moment,
    "date": date,
    "dropdown": text,
    "multiselect": choices,
    "boolean": flag,
    "checkbox": flag,
}


@dataclass(frozen=True)
class CustomObject(Resource):
    """A custom object. ``schema_id`` is the id of its schema.

    ``is_foreign``: a provider owns the object, and the target does not write it. ``relations_to``
    has (unified name, ``contact``, ``account`` or ``opportunity``) of each relationship.
    """

    schema_id: str = ""
    is_foreign: bool = False
    relations_to: tuple[tuple[str, str], ...] = ()


def native_row(row: Row, _: RowContext | None = None) -> Iterable[Row]:
    """Return a row with a column for each of its values."""
    native = {name: value for name, value in row.items() if name not in {"fields", "relationships"}}
    fields, relationships = row.get("fields"), row.get("relationships")
    for definition in fields if isinstance(fields, list) else ():
        if isinstance(definition, dict):
            native[f"{_FIELD}{definition.get('id')}"] = definition.get("value")
    for name, ids in relationships.items() if isinstance(relationships, dict) else ():
        native[f"{_RELATION}{name}"] = ids
    return (native,)


def record_of(native: Row) -> Row:
    """Return the body of an upsert from plain columns: the reverse of `native_row`."""
    return {
        "fields": [
            {"id": name.removeprefix(_FIELD), "value": value}
            for name, value in native.items()
            if name.startswith(_FIELD)
        ],
        "relationships": {
            name.removeprefix(_RELATION): value
            for name, value in native.items()
            if name.startswith(_RELATION)
        },
    }


def resources_of(schemas: Iterable[Row]) -> list[CustomObject]:
    """Return a resource per schema, in order of the schemas' slugs, with unique names."""
    resources: dict[str, CustomObject] = {}
    for schema in sorted(schemas, key=lambda row: (str(row.get("slug")), str(row.get("id")))):
        uuid = str(schema.get("id") or "")
        if not uuid:
            continue
        name = PREFIX + (slug(str(schema.get("slug") or "")) or slug(uuid))
        name = f"{name}_{slug(uuid)[:8]}" if name in resources else name
        resources[name] = _resource(name, uuid, schema)
    return list(resources.values())


def _resource(name: str, uuid: str, schema: Row) -> CustomObject:
    labels = schema.get("labels")
    title = labels.get("plural") if isinstance(labels, dict) else None
    taken = set(_RESERVED)
    entries = []
    relations = []
    for definition in _dicts(schema.get("relationships")):
        unified = _unused_name(str(definition.get("id")), taken, "relation")
        target = _TARGETS.get(str(definition.get("namespace")), "")
        relations.append((unified, target))
        doc = f"{_label(definition)}: {target or definition.get('namespace')}"
        entries.append(Field(unified, f"{_RELATION}{definition.get('id')}", related, doc))
    for definition in _dicts(schema.get("fields")):
        if definition.get("status") == "marked_for_deletion":
            continue
        unified = _unused_name(str(definition.get("id")), taken, "field")
        codec = _TYPES.get(str(definition.get("type")), anything)
        doc = _label(definition)
        if definition.get("defaultCurrency"):
            doc += f", in {definition['defaultCurrency']}"
        entries.append(Field(unified, f"{_FIELD}{definition.get('id')}", codec, doc))
    return CustomObject(
        name=name,
        title=str(title or name),
        endpoint_name=f"{RECORDS}{uuid}",
        endpoint=f"{RECORDS}{uuid}",
        replication=Replication.SCANNED,
        replication_key="updated_at",
        changed=("updatedTimestamp", "createdTimestamp"),
        stamps=(),
        expand=native_row,
        selected_by_default=False,
        is_documented=False,
        schema_id=uuid,
        is_foreign=bool(schema.get("appId")),
        relations_to=tuple(relations),
        entries=(
            Field("id", "id", identifier),
            Field("external_id", "externalId", text, "Your own key"),
            *entries,
            Field("created_at", "createdTimestamp", instant, read_only=True),
            Field("updated_at", "updatedTimestamp", instant, read_only=True),
        ),
    )


def _dicts(value: Any) -> list[Row]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _label(definition: Row) -> str:
    labels = definition.get("labels")
    label = labels.get("singular") if isinstance(labels, dict) else None
    return str(label or definition.get("id"))


def _unused_name(native: str, taken: set[str], kind: str) -> str:
    """Return an unused property name: the id as a column name, if necessary with its kind."""
    base = slug(native) or kind
    name, number = base if base not in taken else f"{kind}_{base}", 1
    while name in taken:
        number += 1
        name = f"{kind}_{base}_{number}"
    taken.add(name)
    return name
