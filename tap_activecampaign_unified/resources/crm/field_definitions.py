"""Definitions of the account's custom fields, with their keys in ``custom_fields``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_activecampaign_unified.resources.codecs import decode_flag, decode_integer
from tap_activecampaign_unified.resources.resource import Derived, Resource, Row, RowContext
from tap_activecampaign_unified.resources.schema_types import (
    BOOLEAN,
    DATE_TIME,
    INTEGER,
    STRING,
    array_of,
    object_of,
)
from tap_activecampaign_unified.resources.time_codecs import decode_instant

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_activecampaign_unified.resources.custom_fields import CustomFields, FieldDefinition

OPTIONS = array_of(object_of(id=STRING, value=STRING, label=STRING))


def _plain(name: str) -> Derived:
    return Derived(name, lambda row, _: row[name] or None, STRING)


def row_of(definition: FieldDefinition, fields: CustomFields) -> Row:
    """Return a definition as a row. The rows of all entities have the same columns."""
    native = definition.row
    required = native.get("isrequired", native.get("isRequired"))
    position = native.get("ordernum", native.get("displayOrder"))
    return {
        "entity": definition.entity,
        "id": definition.id,
        "key": fields.keys[definition.id],
        "name": definition.title,
        "type": definition.type,
        "tag": definition.tag,
        "options": [
            {"id": option.id, "value": option.value, "label": option.label}
            for option in definition.options
        ],
        "required": required,
        "position": position,
        "created": native.get("cdate") or native.get("createdTimestamp"),
        "updated": native.get("udate") or native.get("updatedTimestamp"),
    }


def _time(column: str) -> Callable[[Row, RowContext], str | None]:
    def read(row: Row, row_context: RowContext) -> str | None:
        return decode_instant(row.get(column), row_context.zone)

    return read


FIELDS = Resource(
    name="crm_fields",
    title="Custom fields",
    endpoint_name="fields",
    endpoint="fields",
    keys=("entity", "id"),
    stamps=("created", "updated"),
    entries=(
        Derived("entity", lambda row, _: row["entity"], STRING, "contact, account, opportunity"),
        Derived("id", lambda row, _: row["id"], STRING),
        Derived(
            "key", lambda row, _: row["key"], STRING, "The key of the field in `custom_fields`"
        ),
        _plain("name"),
        _plain("type"),
        _plain("tag"),
        Derived("options", lambda row, _: row["options"], OPTIONS, "Options, in order of id"),
        Derived("is_required", lambda row, _: decode_flag(row["required"]), BOOLEAN),
        Derived("position", lambda row, _: decode_integer(row["position"]), INTEGER),
        Derived("created_at", _time("created"), DATE_TIME),
        Derived("updated_at", _time("updated"), DATE_TIME),
    ),
)
