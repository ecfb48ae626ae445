"""Catalogs that users bring: checked, and brought up to date with the account's fields.

A catalog and its entries are the SDK's objects; here they are only looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .settings import SettingsError
from .unified import by_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from .unified.mapping import Resource
    from .unified.schemas import Schema


def bring_up_to_date(
    catalog: Any,
    schema_of: Callable[[Resource], Schema],
    expect: Callable[[list[Resource]], None],
) -> None:
    """Refuse selected streams that do not exist; add custom fields that are newer.

    ``schema_of`` is only called for selected streams: it may cost a request. ``expect`` is told of
    all of them before.
    """
    unknown, dated = [], []
    for name, entry in catalog.items():
        if not entry.metadata.resolve_selection().get((), False):
            continue
        resource = by_name.get(name)
        if resource is None:
            unknown.append(
                f"the catalog selects stream {name}, which does not exist: "
                "run --discover for a new catalog"
            )
        elif _wants_fields(entry, resource):
            dated.append((entry, resource))
    if unknown:
        raise SettingsError(unknown)
    expect([resource for _, resource in dated])
    for entry, resource in dated:
        _add_newer_fields(entry, schema_of(resource))


def _wants_fields(entry: Any, resource: Resource) -> bool:
    known = (entry.schema.properties or {}).get("custom_fields")
    selected = entry.metadata.resolve_selection().get(("properties", "custom_fields"), True)
    return bool(resource.custom_fields and known is not None and selected)


def _add_newer_fields(entry: Any, schema: Schema) -> None:
    properties = entry.schema.properties
    known = properties["custom_fields"]
    merged = known.to_dict()
    live = schema["properties"]["custom_fields"]["properties"]
    merged["properties"] = {**live, **merged.get("properties", {})}
    properties["custom_fields"] = type(known).from_dict(merged)
