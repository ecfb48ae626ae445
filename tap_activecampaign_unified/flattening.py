"""Keeps columns of null objects and titles of columns, which the SDK's flattening would drop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tap_activecampaign_unified.resources.resource import Record
    from tap_activecampaign_unified.resources.schema_types import Schema

CUSTOM_FIELDS = "custom_fields"


def nested_properties(schema: Schema) -> dict[str, Any]:
    """Return the properties of a schema: a nested dict for objects, None for all others."""
    return {
        name: nested_properties(part)
        for name, part in schema.get("properties", {}).items()
        if "object" in part.get("type", ()) and part.get("properties")
    } | {
        name: None
        for name, part in schema.get("properties", {}).items()
        if "object" not in part.get("type", ())
    }


def fill_null_objects(record: Record, objects: dict[str, Any]) -> None:
    """Replace null objects by objects of nulls, so that flattening does not drop the columns."""
    for name, inner in objects.items():
        if isinstance(inner, dict):
            if record.get(name) is None:
                record[name] = dict.fromkeys(inner)
            fill_null_objects(record[name], inner)


def title_flat_columns(schema: Schema, stream_maps: Iterable[Any]) -> None:
    """Restore the titles of flattened arrays and money in the SDK's ``stream_maps``."""
    custom = schema.get("properties", {}).get(CUSTOM_FIELDS, {}).get("properties", {})
    for stream_map in stream_maps:
        flat = (
            stream_map.transformed_schema.get("properties", {})
            if stream_map.flattening_enabled
            else {}
        )
        for key, field_schema in custom.items():
            for name in (f"{CUSTOM_FIELDS}__{key}", f"{CUSTOM_FIELDS}__{key}__amount"):
                if name in flat and field_schema.get("title"):
                    flat[name] = {"title": field_schema["title"], **flat[name]}
