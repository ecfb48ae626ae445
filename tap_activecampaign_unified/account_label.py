"""`account_label`: adds the account's column to schemas and catalogs, for tables of many accounts.

`unified_stream.py` adds it to records and to the keys of a stream. An entry is an
object of the SDK, but this module does not import the SDK.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.resources.resource import ACCOUNT_LABEL, described

if TYPE_CHECKING:
    from tap_activecampaign_unified.resources.schema_types import Schema

_LABEL = described({"type": "string"}, "The account of the record: the setting `account_label`")


def labelled(schema: Schema) -> Schema:
    """Return a schema with the account's column."""
    properties = schema["properties"] | {ACCOUNT_LABEL: _LABEL}
    return schema | {"properties": properties, "required": [*schema["required"], ACCOUNT_LABEL]}


def label_entry(entry: Any, *, is_labelled: bool) -> None:
    """Add the account's column to a catalog's entry and to its key, or remove it."""
    schema, keys = entry.schema, entry.key_properties or entry.metadata.root.table_key_properties
    properties = dict(schema.properties or {})
    if not is_labelled and properties.pop(ACCOUNT_LABEL, None) is None:
        return
    label_key = [ACCOUNT_LABEL] if is_labelled else []
    if is_labelled:
        properties[ACCOUNT_LABEL] = type(schema).from_dict(_LABEL)
    schema.properties = properties
    schema.required = [name for name in schema.required or () if name != ACCOUNT_LABEL] + label_key
    # A stream without a key stays without a key: the label alone would merge all its rows.
    other_keys = [name for name in keys or () if name != ACCOUNT_LABEL]
    entry.key_properties = other_keys + label_key if other_keys else []
    entry.metadata.root.table_key_properties = entry.key_properties
    entry.metadata.pop(("properties", ACCOUNT_LABEL), None)  # a key cannot be deselected


def version_of_table(version: int | None, *, is_labelled: bool) -> int | None:
    """Return the version of a full table. A labelled table has none.

    A loader deletes the rows of other versions: also those of other accounts.
    """
    return None if is_labelled else version
