"""The columns that each written stream accepts, derived from its resource's table."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.resources.resource import (
    ACCOUNT_LABEL,
    DELETED_AT,
    Derived,
    Field,
    empty,
    is_read_only,
    nothing,
)
from target_activecampaign.records.skip_marked_rows import FLAGS

from .matching import CUSTOM_FIELDS, ColumnTable, RecordColumn
from .reference_keys import REFERENCE_KEYS, spellings_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tap_activecampaign_unified.resources.resource import Entry, Resource

_ARRAYS = {"automations", "leave_automations", "list", "lists", "remove_tags"}
#: Objects with keys of any name.
_FREE_KEYS = {CUSTOM_FIELDS, "body", "permissions", "remote_data"}
#: Columns that every stream accepts and no sink writes.
_EVERYWHERE = ("id", "remote_data", "_errors", ACCOUNT_LABEL, DELETED_AT, *FLAGS)


def columns_of(
    resource: Resource,
    also: Iterable[str],
    aliases: Mapping[str, str] | None = None,
    relations: Mapping[str, str] | None = None,
) -> ColumnTable:
    """Return the columns of a resource's stream; ``also`` are further columns of the stream.

    ``relations`` are the columns of a custom object that refer to a contact, an account or an
    opportunity. All other columns of a custom object have plain values.
    """
    also = set(also)
    columns = {name: _column(name) for name in _EVERYWHERE}
    for entry in resource.entries:
        has_field = not _is_absent(entry) or entry.unified in also
        schema = _schema_of(entry)
        columns[entry.unified] = (
            replace(
                _column(entry.unified, schema, has_field=has_field),
                is_read_only=is_read_only(entry)
                or (isinstance(entry, Derived) and entry.unified not in also),
                native=entry.native if isinstance(entry, Field) else "",
            )
            if relations is None
            else RecordColumn(entry.unified, is_array="array" in (schema.get("type") or ()))
        )
    for name in also - columns.keys():
        columns[name] = _column(name)
    for name, target in (relations or {}).items():
        keys = REFERENCE_KEYS.get(target, ("id",))
        columns[name] = RecordColumn(name, spellings_of(target, keys), is_array=True)
    if resource.custom_fields:
        columns[CUSTOM_FIELDS] = _column(CUSTOM_FIELDS)
    return ColumnTable(columns, dict(aliases or {}))


def _is_absent(entry: Entry) -> bool:
    return isinstance(entry, Derived) and entry.read in {nothing, empty}


def _schema_of(entry: Entry) -> dict[str, Any]:
    return entry.codec.schema if isinstance(entry, Field) else entry.schema


def _column(
    name: str, schema: dict[str, Any] | None = None, *, has_field: bool = True
) -> RecordColumn:
    types = (schema or {}).get("type") or ()
    is_array = name in _ARRAYS or "array" in types
    if name in _FREE_KEYS:
        return RecordColumn(name, {}, is_array, has_field)
    inner = (schema or {}).get("items", schema or {})
    is_text = is_array and "string" in (inner.get("type") or ())
    keys = () if is_text else (*inner.get("properties", ()), *REFERENCE_KEYS.get(name, ()))
    is_object = bool(keys) or "object" in (inner.get("type") or ())
    return RecordColumn(name, spellings_of(name, keys) if is_object else None, is_array, has_field)
