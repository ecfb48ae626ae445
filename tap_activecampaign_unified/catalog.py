"""Catalogs that users bring: checked, and brought up to date with the account's fields.

A catalog and its entries are the SDK's objects; here they are only looked at.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.config.settings import SettingsError
from tap_activecampaign_unified.resources.custom_objects import PREFIX, CustomObject
from tap_activecampaign_unified.resources.json_schema import DATE_TIME
from tap_activecampaign_unified.resources.resource import ACCOUNT_LABEL, DELETED_AT, described

from .raw import COLLECTIONS
from .resources import RESOURCES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tap_activecampaign_unified.resources.json_schema import Schema
    from tap_activecampaign_unified.resources.resource import Resource


logger = logging.getLogger(__name__)

#: Everything that may be a stream on any account.
STREAMS: tuple[Resource, ...] = (*RESOURCES, *COLLECTIONS)
BY_NAME: Mapping[str, Resource] = {one.name: one for one in STREAMS}
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


def streams_of(custom_objects: Iterable[Resource] = ()) -> dict[str, Resource]:
    """Return the streams of an account by name: those of every account and its own."""
    return {**BY_NAME, **{one.name: one for one in custom_objects}}


def selects_custom_objects(catalog: Any) -> bool:
    """Say whether a catalog selects a custom object, so that their schemas must be asked for."""
    return any(
        name.startswith(PREFIX) and entry.metadata.resolve_selection().get((), False)
        for name, entry in (catalog or {}).items()
    )


def selected_streams(
    catalog: Any, bookmarks: dict[str, Any], known: Mapping[str, Resource] = BY_NAME
) -> list[StreamSelection]:
    """Return the streams that a catalog selects; where there is none, those that are so by default.

    ``known`` are the streams that exist. Raises `SettingsError` for one that does not.
    """
    if catalog is None:
        by_default = [one for one in STREAMS if one.selected_by_default]
        return [StreamSelection(one, {}, bookmarks.get(one.name, {})) for one in by_default]
    found, unknown = [], []
    for name, entry in catalog.items():
        mask, resource = entry.metadata.resolve_selection(), known.get(name)
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
    known: Mapping[str, Resource] = BY_NAME,
    deletes: bool = False,
    label: str | None = None,
) -> None:
    """Refuse selected streams that do not exist; add custom fields that are newer.

    ``known`` are the streams that exist.

    With ``deletes`` every stream gets the column of its tombstones, with a ``label`` that of the
    account in its key; without one, a catalog that has it from before loses it.

    ``schema_of`` is only called for selected streams: it may cost a request. ``prefetch``
    gets all of them first.
    """
    selected = selected_streams(catalog, {}, known)
    chosen = [(catalog[one.resource.name], one) for one in selected]
    dated = [(entry, one.resource) for entry, one in chosen if _wants_fields(entry, one)]
    prefetch([resource for _, resource in dated])
    for entry, resource in dated:
        _add_newer_fields(entry, schema_of(resource))
    for entry, one in chosen:
        if isinstance(one.resource, CustomObject):
            _add_newer_columns(entry, schema_of(one.resource))
    if deletes:
        closed = [one for one in selected if not one.resource.is_open]
        for entry in (catalog[one.resource.name] for one in closed):
            known = type(entry.schema).from_dict(DATE_TIME)
            entry.schema.properties = {**(entry.schema.properties or {}), DELETED_AT: known}
    for one in selected:
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


def _add_newer_columns(entry: Any, schema: Schema) -> None:
    """Add columns of a custom object that the catalog does not know."""
    known = dict(entry.schema.properties or {})
    for name, live in schema["properties"].items():
        if name not in known:
            known[name] = type(entry.schema).from_dict(live)
    entry.schema.properties = known


def _add_newer_fields(entry: Any, schema: Schema) -> None:
    properties = entry.schema.properties
    known = properties["custom_fields"]
    merged = known.to_dict()
    live = schema["properties"]["custom_fields"]["properties"]
    merged["properties"] = {**live, **merged.get("properties", {})}
    properties["custom_fields"] = type(known).from_dict(merged)
