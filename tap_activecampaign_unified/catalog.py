"""Catalogs that users bring: checked, and brought up to date with the account's fields.

A catalog and its entries are the SDK's objects; here they are only looked at.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.config.settings import SettingsError
from tap_activecampaign_unified.resources.json_schema import DATE_TIME
from tap_activecampaign_unified.resources.resource import ACCOUNT_LABEL, DELETED_AT, described

from .raw import COLLECTIONS
from .resources import RESOURCES

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_activecampaign_unified.resources.json_schema import Schema
    from tap_activecampaign_unified.resources.resource import Resource


logger = logging.getLogger(__name__)

#: Everything that may be a stream.
STREAMS: tuple[Resource, ...] = (*RESOURCES, *COLLECTIONS)
_BY_NAME = {one.name: one for one in STREAMS}
_LABEL = described({"type": "string"}, "Whose row it is: the setting `account_label`")


@dataclass(frozen=True)
class StreamSelection:
    """A stream that a catalog selects, before it exists; ``entry`` is its state's."""

    resource: Resource
    mask: Any
    entry: dict[str, Any]

    def wanted(self, name: str) -> bool:
        """Say whether a property is selected."""
        return bool(self.mask.get(("properties", name), True))


def selected_streams(catalog: Any, bookmarks: dict[str, Any]) -> list[StreamSelection]:
    """Return the streams that a catalog selects; where there is none, those that are so by default.

    Raises `SettingsError` where it selects one that does not exist.
    """
    if catalog is None:
        by_default = [one for one in STREAMS if one.selected_by_default]
        return [StreamSelection(one, {}, bookmarks.get(one.name, {})) for one in by_default]
    found, unknown = [], []
    for name, entry in catalog.items():
        mask, resource = entry.metadata.resolve_selection(), _BY_NAME.get(name)
        if not mask.get((), False):
            continue
        if resource is None:
            unknown.append(
                f"the catalog selects stream {name}, which does not exist: "
                "run --discover for a new catalog"
            )
        else:
            found.append(StreamSelection(resource, mask, bookmarks.get(name, {})))
    if unknown:
        raise SettingsError(unknown)
    if not found:
        logger.warning("The catalog selects no stream: nothing is read")
    return found


def update_catalog(
    catalog: Any,
    schema_of: Callable[[Resource], Schema],
    prefetch: Callable[[list[Resource]], None],
    *,
    deletes: bool = False,
    label: str | None = None,
) -> None:
    """Refuse selected streams that do not exist; add custom fields that are newer.

    With ``deletes`` every stream gets the column of its tombstones, with a ``label`` that of the
    account in its key; without one, a catalog that has it from before loses it.

    ``schema_of`` is only called for selected streams: it may cost a request. ``prefetch``
    gets all of them first.
    """
    chosen = [(catalog[one.resource.name], one) for one in selected_streams(catalog, {})]
    dated = [(entry, one.resource) for entry, one in chosen if _wants_fields(entry, one)]
    prefetch([resource for _, resource in dated])
    for entry, resource in dated:
        _add_newer_fields(entry, schema_of(resource))
    if deletes:
        closed = [one for one in selected_streams(catalog, {}) if not one.resource.is_open]
        for entry in (catalog[one.resource.name] for one in closed):
            known = type(entry.schema).from_dict(DATE_TIME)
            entry.schema.properties = {**(entry.schema.properties or {}), DELETED_AT: known}
    for one in selected_streams(catalog, {}):
        _label(catalog[one.resource.name], is_labelled=label is not None)


def labelled(schema: Schema) -> Schema:
    """Return a schema with the column that says whose row it is."""
    properties = schema["properties"] | {ACCOUNT_LABEL: _LABEL}
    return schema | {"properties": properties, "required": [*schema["required"], ACCOUNT_LABEL]}


def _label(entry: Any, *, is_labelled: bool) -> None:
    """Have a catalog's entry say whose its rows are, in its key too, or not."""
    schema, keys = entry.schema, entry.key_properties or entry.metadata.root.table_key_properties
    properties = dict(schema.properties or {})
    if not is_labelled and properties.pop(ACCOUNT_LABEL, None) is None:
        return
    own = [ACCOUNT_LABEL] if is_labelled else []
    if is_labelled:
        properties[ACCOUNT_LABEL] = type(schema).from_dict(_LABEL)
    schema.properties = properties
    schema.required = [name for name in schema.required or () if name != ACCOUNT_LABEL] + own
    # What has no key shall have none: the label alone would make one row of all.
    left = [name for name in keys or () if name != ACCOUNT_LABEL]
    entry.key_properties = left + own if left else []
    entry.metadata.root.table_key_properties = entry.key_properties
    entry.metadata.pop(("properties", ACCOUNT_LABEL), None)  # so that nobody deselects it


def _wants_fields(entry: Any, one: StreamSelection) -> bool:
    known = (entry.schema.properties or {}).get("custom_fields")
    wanted = one.resource.custom_fields and one.wanted("custom_fields")
    return bool(wanted and known is not None)


def _add_newer_fields(entry: Any, schema: Schema) -> None:
    properties = entry.schema.properties
    known = properties["custom_fields"]
    merged = known.to_dict()
    live = schema["properties"]["custom_fields"]["properties"]
    merged["properties"] = {**live, **merged.get("properties", {})}
    properties["custom_fields"] = type(known).from_dict(merged)
