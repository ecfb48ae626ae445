"""Types of JSON schema for single values. An absent value is null, or an empty array."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

STRING: Schema = {"type": ["string", "null"]}
INTEGER: Schema = {"type": ["integer", "null"]}
NUMBER: Schema = {"type": ["number", "null"]}
BOOLEAN: Schema = {"type": ["boolean", "null"]}
DATE: Schema = {"type": ["string", "null"], "format": "date"}
DATE_TIME: Schema = {"type": ["string", "null"], "format": "date-time"}


def array_of(items: Schema) -> Schema:
    """Return the schema of an array."""
    return {"type": ["array", "null"], "items": items}


def object_of(**properties: Schema) -> Schema:
    """Return the schema of an object or null.

    Without ``properties`` it declares none. Then flattening keeps the object as one column.
    """
    schema: Schema = {"type": ["object", "null"]}
    return {**schema, "properties": properties} if properties else schema
