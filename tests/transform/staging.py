"""Renders the staging layer of `transform/` from the declared resources.

`make render` writes one model per unified stream, the sources, and the descriptions of all columns.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from tap_activecampaign_unified.resources import RESOURCES
from tap_activecampaign_unified.resources.resource import (
    ACCOUNT_LABEL,
    Attribute,
    Derived,
    Field,
    Linked,
    Replication,
    empty,
    nothing,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_activecampaign_unified.resources.resource import Entry, Resource

FOLDER = "transform/models/staging"
SOURCE = "activecampaign"
PREFIX = "stg_activecampaign__"
BY_HAND = "-- Rendered from the resource tables by `make render`; do not edit.\n"
LABEL = "The account that the row belongs to; only with the variable `account_labels`"
ERRORS = "Fields of this row that could not be read, and why"
LOADED_AT = "When the loader wrote the row, UTC"
SCHEMA = "{{ var('loaded_schema', 'main' if target.type == 'duckdb' else 'activecampaign') }}"
TYPES = {
    "string": "text",
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
    "object": "json",
    "array": "json",
}
FORMATS = {"date": "date", "date-time": "time"}
SINGULAR = {"ies": "y", "s": ""}


class Column(NamedTuple):
    """A column of a staging model: its name, its place in the row, its type, its description."""

    name: str
    path: str
    type: str
    doc: str


def noun(stream: str) -> str:
    """Return the noun for a row of a stream: ``crm_opportunities`` → ``opportunity``."""
    word = stream.split("_", 1)[1]
    return next(
        word.removesuffix(ending) + instead
        for ending, instead in SINGULAR.items()
        if word.endswith(ending)
    )


def columns(resource: Resource) -> list[Column]:
    """Return the columns of a stream's staging model, without those that are always empty."""
    found = [column for entry in resource.entries for column in _columns(resource, entry)]
    if resource.custom_fields:
        doc = "The account's own fields, by key"
        found.append(Column("custom_fields", "custom_fields", "json", doc))
    return [*found, Column("mapping_errors", "_errors", "json", ERRORS)]


def keys(resource: Resource) -> list[str]:
    """Return the key of a stream's staging model."""
    names = {column.path: column.name for column in columns(resource)}
    return [names[key] for key in resource.keys]


def _columns(resource: Resource, entry: Entry) -> Iterator[Column]:
    if isinstance(entry, Derived) and entry.read in {nothing, empty}:
        return
    schema = entry.codec.schema if isinstance(entry, Field) else entry.schema
    name, doc = entry.unified, entry.doc or _origin(entry)
    if name == "id":
        name = f"{noun(resource.name)}_id"
    kind = _type(schema)
    if kind == "number" and name.endswith("amount"):
        kind = "money"
    parts = schema.get("properties") or {}
    if parts and all(_type(part) != "json" for part in parts.values()):
        for part, part_schema in parts.items():
            yield Column(
                f"{name}_{part}", f"{entry.unified}.{part}", _type(part_schema), f"{doc}: {part}"
            )
        return
    yield Column(name, entry.unified, kind, doc)
    if set(schema.get("items", {}).get("properties") or {}) in ({"id"}, {"id", "is_primary"}):
        yield Column(f"{name}_id", f"{entry.unified}[0].id", "text", f"{doc}: id of the first")


def _origin(entry: Entry) -> str:
    """Return where ActiveCampaign stores a value without a description of its own."""
    match entry:
        case Field():
            return f"ActiveCampaign's `{entry.native}`"
        case Attribute():
            return f"ActiveCampaign's field {', '.join(f'`{tag}`' for tag in entry.tags)}"
        case Linked() if entry.relation:
            return f"Read from `{entry.relation}`"
    return f"{entry.unified.replace('_', ' ').capitalize()} of the row"


def _type(schema: dict[str, Any]) -> str:
    if schema.get("format") in FORMATS:
        return FORMATS[schema["format"]]
    types = schema.get("type", "string")
    names = [types] if isinstance(types, str) else [name for name in types if name != "null"]
    return TYPES[names[0]]


def model(resource: Resource) -> str:
    """Return the SQL of a staging model."""
    lines = "".join(f"    {list(column[:3])!r},\n" for column in columns(resource))
    key = list(resource.keys)
    return (
        f"{BY_HAND}{{{{ staged(\n  {SOURCE!r}, {resource.name!r}, keys={key!r}, columns=[\n"
        f"{lines}  ]\n) }}}}\n"
    )


def sources() -> str:
    """Return the loaded tables as sources, with freshness where every run loads the table.

    An incremental stream may have no change for days, so its table has no rule.
    """
    lines = [
        BY_HAND.replace("--", "#"),
        "version: 2\n",
        "sources:",
        f"  - name: {SOURCE}",
        "    description: What the tap's streams hold, as the loader wrote it",
        f"    schema: {json.dumps(SCHEMA)}",
        "    tables:",
    ]
    for resource in _resources():
        lines += [
            f"      - name: {resource.name}",
            f"        description: {json.dumps(f'{resource.title}, from `/{resource.endpoint}`')}",
        ]
        if resource.replication is Replication.FULL and resource.selected_by_default:
            lines += [
                "        config:",
                "          loaded_at_field: _sdc_batched_at",
                "          freshness:",
                "            warn_after: {count: 26, period: hour}",
                "            error_after: {count: 50, period: hour}",
            ]
    return "\n".join(lines) + "\n"


def descriptions() -> str:
    """Return the description of every column of every model, and the tests of its key."""
    lines = [BY_HAND.replace("--", "#"), "version: 2\n", "models:"]
    for resource in _resources():
        key = keys(resource)
        names = ", ".join(key)
        lines += [
            f"  - name: {PREFIX}{resource.name}",
            f"    description: {json.dumps(f'{resource.title}: one row per {names}')}",
            "    data_tests:",
            f"      - unique_key: {{arguments: {{columns: [{names}]}}}}",
            "    columns:",
        ]
        about = [Column(ACCOUNT_LABEL, "", "", LABEL), *columns(resource)]
        for column in [*about, Column("loaded_at", "", "", LOADED_AT)]:
            lines += [
                f"      - name: {column.name}",
                f"        description: {json.dumps(column.doc, ensure_ascii=False)}",
            ]
            if column.name in key:
                lines.append("        data_tests: [not_null]")
    return "\n".join(lines) + "\n"


def files() -> dict[str, str]:
    """Return the staging layer's files, by path."""
    found = {f"{FOLDER}/{PREFIX}{resource.name}.sql": model(resource) for resource in _resources()}
    return found | {
        f"{FOLDER}/_sources.yml": sources(),
        f"{FOLDER}/_staging.yml": descriptions(),
    }


def _resources() -> list[Resource]:
    return sorted(RESOURCES, key=lambda resource: resource.name)
