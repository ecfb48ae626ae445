"""Checks the user's catalog and adds the account's new custom fields to it.

`tap.py` (`discover_streams`) builds the catalog of ``--discover``. A catalog and its entries are
objects of the SDK, but this module does not import the SDK.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.config.read_settings import SettingsError
from tap_activecampaign_unified.resources.custom_objects import PREFIX, CustomObject
from tap_activecampaign_unified.resources.resource import DELETED_AT
from tap_activecampaign_unified.resources.schema_types import DATE_TIME

from .account_label import label_entry
from .raw import COLLECTIONS
from .resources import RESOURCES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tap_activecampaign_unified.resources.resource import Resource
    from tap_activecampaign_unified.resources.schema_types import Schema


logger = logging.getLogger(__name__)

#: The streams of every account.
STREAMS: tuple[Resource, ...] = (*RESOURCES, *COLLECTIONS)
BY_NAME: Mapping[str, Resource] = {listed.name: listed for listed in STREAMS}

FULL_TABLE, INCREMENTAL = "FULL_TABLE", "INCREMENTAL"


@dataclass(frozen=True)
class StreamSelection:
    """A selected stream. ``entry`` is its entry in the state.

    ``is_full_table``: the tap emits every record, and writes no new bookmark.
    """

    resource: Resource
    mask: Any
    entry: dict[str, Any]
    is_full_table: bool = False

    def wanted(self, name: str) -> bool:
        """Return whether a property is selected."""
        return bool(self.mask.get(("properties", name), True))


def method_of(entry: Any) -> str | None:
    """Return the replication method in a catalog's entry, None for the stream's default."""
    method: str | None = entry.metadata.root.forced_replication_method or entry.replication_method
    return method


def complete_catalog(catalog: Any, streams: list[dict[str, Any]]) -> None:
    """Copy parts of a catalog file's ``streams`` that the SDK ignores to the catalog.

    The parts are Meltano's `replication-method`, and `selected` outside the metadata. Raises
    `SettingsError` for an unknown method, and if no stream has a selection, because the SDK would
    read all streams.
    """
    faults, has_selection = [], False
    for raw in streams:
        entry, meta = catalog[raw["tap_stream_id"]], _root_of(raw)
        forced_method = meta.get("replication-method") or meta.get("forced-replication-method")
        method = str(forced_method or raw.get("replication_method") or "").upper() or None
        if method not in {None, FULL_TABLE, INCREMENTAL}:
            faults.append(
                f"the catalog: stream {entry.tap_stream_id}: replication-method must be "
                f"{FULL_TABLE} or {INCREMENTAL}"
            )
        # The SDK and the tap both read this attribute. The access creates the root entry.
        entry.metadata.root.forced_replication_method = entry.replication_method = method
        if meta.get("selected") is None and meta.get("selected-by-default") is None:
            has_selection = _copy_selection(entry, raw) or has_selection
        else:
            has_selection = True
    if streams and not has_selection:
        faults.append(
            'no stream of the catalog has a "selected" value: run --discover for a new catalog, '
            'or write "selected": true into each stream to read'
        )
    if faults:
        raise SettingsError(faults)


def _root_of(raw: dict[str, Any]) -> dict[str, Any]:
    for item in raw.get("metadata") or ():
        if not item["breadcrumb"]:
            return dict(item["metadata"])
    return {}


def _copy_selection(entry: Any, raw: dict[str, Any]) -> bool:
    """Copy `selected` from a stream or its schema. Return False without a selection."""
    schema = raw.get("schema") or {}
    is_selected = raw.get("selected", schema.get("selected"))
    if not isinstance(is_selected, bool):
        return False
    entry.metadata.root.selected = is_selected
    for name, part in (schema.get("properties") or {}).items():
        if isinstance(part, dict) and part.get("selected") is False:
            entry.metadata[("properties", name)].selected = False
    return True


def streams_of(custom_objects: Iterable[Resource]) -> dict[str, Resource]:
    """Return an account's streams by name: the common streams and its custom objects."""
    return {**BY_NAME, **{custom_object.name: custom_object for custom_object in custom_objects}}


def selects_custom_objects(catalog: Any) -> bool:
    """Return whether a catalog selects a custom object, whose schema costs requests."""
    return any(
        name.startswith(PREFIX) and entry.metadata.resolve_selection().get((), False)
        for name, entry in (catalog or {}).items()
    )


def selected_streams(
    catalog: Any, bookmarks: dict[str, Any], resources: Mapping[str, Resource]
) -> list[StreamSelection]:
    """Return the streams that a catalog selects; without a catalog, the default selection.

    ``resources`` are the existing streams. Raises `SettingsError` if the catalog selects another.
    """
    if catalog is None:
        by_default = [listed for listed in STREAMS if listed.selected_by_default]
        return [
            StreamSelection(listed, {}, bookmarks.get(listed.name, {})) for listed in by_default
        ]
    selected, unknown = [], []
    for name, entry in catalog.items():
        mask, resource = entry.metadata.resolve_selection(), resources.get(name)
        if not mask.get((), False):
            continue
        if resource is None:
            unknown.append(
                f"the catalog selects stream {name}, which does not exist: "
                "run --discover for a new catalog"
            )
        else:
            is_full = method_of(entry) == FULL_TABLE
            selected.append(StreamSelection(resource, mask, bookmarks.get(name, {}), is_full))
    if unknown:
        raise SettingsError(unknown)
    if not selected:
        logger.warning("The catalog selects no stream: the tap reads nothing")
    return selected


def update_catalog(
    catalog: Any,
    schema_of: Callable[[Resource], Schema],
    prefetch: Callable[[list[Resource]], None],
    *,
    resources: Mapping[str, Resource],
    deletes: bool,
    label: str | None,
) -> None:
    """Add the account's new custom fields to a catalog, the columns of settings, and the keys.

    ``resources`` are the existing streams. Raises `SettingsError` if the catalog selects another.

    With ``deletes``, every stream gets the column of tombstones. With a ``label``, every stream
    gets the account's column, as a part of its key. Without a label, the column is removed.

    ``schema_of`` may send requests. It is called only for selected streams, after a call of
    ``prefetch`` for all of them.
    """
    selected = selected_streams(catalog, {}, resources)
    entries = [(catalog[selection.resource.name], selection) for selection in selected]
    outdated = [
        (entry, selection.resource)
        for entry, selection in entries
        if _wants_fields(entry, selection)
    ]
    prefetch([resource for _, resource in outdated])
    for entry, resource in outdated:
        _add_newer_fields(entry, schema_of(resource))
    for entry, selection in entries:
        if isinstance(selection.resource, CustomObject):
            _add_newer_columns(entry, schema_of(selection.resource))
    if deletes:
        fixed = [selection for selection in selected if not selection.resource.schema_grows]
        for entry in (catalog[selection.resource.name] for selection in fixed):
            deleted_at = type(entry.schema).from_dict(DATE_TIME)
            entry.schema.properties = {**(entry.schema.properties or {}), DELETED_AT: deleted_at}
    for entry, selection in entries:
        _keep_keys(entry, selection.resource)
    for selection in selected:
        label_entry(catalog[selection.resource.name], is_labelled=label is not None)


def _keep_keys(entry: Any, resource: Resource) -> None:
    """Select and declare a stream's key, which a loader needs, whatever the catalog says."""
    properties = dict(entry.schema.properties or {})
    if missing := [key for key in resource.keys if key not in properties]:
        columns = resource.schema()["properties"]
        declared = {key: type(entry.schema).from_dict(columns[key]) for key in missing}
        entry.schema.properties = {**declared, **properties}
    for key in resource.keys:
        entry.metadata.pop(("properties", key), None)


def _wants_fields(entry: Any, selection: StreamSelection) -> bool:
    column = (entry.schema.properties or {}).get("custom_fields")
    wanted = selection.resource.custom_fields and selection.wanted("custom_fields")
    return bool(wanted and column is not None)


def _add_newer_columns(entry: Any, schema: Schema) -> None:
    """Add columns of a custom object that the catalog lacks."""
    columns = dict(entry.schema.properties or {})
    for name, column_schema in schema["properties"].items():
        if name not in columns:
            columns[name] = type(entry.schema).from_dict(column_schema)
    entry.schema.properties = columns


def _add_newer_fields(entry: Any, schema: Schema) -> None:
    properties = entry.schema.properties
    column = properties["custom_fields"]
    merged = column.to_dict()
    # The schema has no fields if the definitions failed. Then the sync of the stream fails.
    current = schema["properties"]["custom_fields"].get("properties", {})
    merged["properties"] = {**current, **merged.get("properties", {})}
    properties["custom_fields"] = type(column).from_dict(merged)
