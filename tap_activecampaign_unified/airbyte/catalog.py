"""Converts catalogs and states between Singer and Airbyte."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from airbyte_protocol_dataclasses.models import (
    AirbyteCatalog,
    AirbyteMessage,
    AirbyteStateType,
    AirbyteStream,
    SyncMode,
    Type,
)

from tap_activecampaign_unified.catalog import BY_NAME
from tap_activecampaign_unified.config.read_settings import SettingsError
from tap_activecampaign_unified.resources.custom_objects import PREFIX
from tap_activecampaign_unified.resources.resource import DELETED_AT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tap_activecampaign_unified.resources.resource import Resource

#: Airbyte's destinations delete a row if a record with its key has a value in this column.
AIRBYTE_DELETED_AT = "_ab_cdc_deleted_at"
_Json = dict[str, Any]


def catalog_message(entries: Iterable[_Json]) -> AirbyteMessage:
    """Return the CATALOG message for the entries of a Singer catalog."""
    streams = [_stream(entry) for entry in entries]
    return AirbyteMessage(type=Type.CATALOG, catalog=AirbyteCatalog(streams))


def _stream(entry: _Json) -> AirbyteStream:
    cursor = entry.get("replication_key")
    modes = [SyncMode.full_refresh, *([SyncMode.incremental] if cursor else [])]
    return AirbyteStream(
        name=entry["tap_stream_id"],
        json_schema=_for_airbyte(entry["schema"]),
        supported_sync_modes=modes,
        source_defined_cursor=True if cursor else None,
        default_cursor_field=[cursor] if cursor else None,
        source_defined_primary_key=[[key] for key in entry.get("key_properties") or ()],
        is_resumable=False,
    )


def _for_airbyte(schema: _Json) -> _Json:
    properties = dict(schema.get("properties") or {})
    if DELETED_AT in properties:
        properties[AIRBYTE_DELETED_AT] = properties.pop(DELETED_AT)
    draft = {"$schema": "http://json-schema.org/draft-07/schema#"}
    return draft | schema | {"properties": properties}


class ConfiguredCatalog:
    """A configured catalog: the streams to read, with their fields and modes."""

    def __init__(self, document: _Json) -> None:
        """Read the document. Raise `SettingsError` if it is not a configured catalog."""
        entries = document.get("streams")
        if not isinstance(entries, list) or not entries:
            raise SettingsError(["the configured catalog holds no streams: select at least one"])
        self._entries = [self._checked(entry) for entry in entries]
        self.names = [entry["stream"]["name"] for entry in self._entries]
        #: The streams to read in full, without their state.
        self.full_refresh = frozenset(
            entry["stream"]["name"]
            for entry in self._entries
            if entry.get("sync_mode") == SyncMode.full_refresh.value
        )

    @staticmethod
    def _checked(entry: Any) -> _Json:
        stream = entry.get("stream") if isinstance(entry, dict) else None
        name = stream.get("name") if isinstance(stream, dict) else None
        if not isinstance(name, str):
            raise SettingsError(["the configured catalog holds a stream without a name"])
        if name not in BY_NAME and not name.startswith(PREFIX):
            line = f"the configured catalog selects stream {name}, which does not exist: "
            raise SettingsError([line + "refresh the source's schema"])
        checked: _Json = entry
        return checked

    def singer_catalog(self, resources: Mapping[str, Resource] = BY_NAME) -> _Json:
        """Return the same selection as a Singer catalog. ``resources`` are the existing streams.

        It has the other streams too, deselected, because the tap would request the schema of a
        stream without an entry. It selects an unknown custom object by its name.
        """
        chosen = {entry["stream"]["name"]: entry["stream"] for entry in self._entries}
        entries = [_entry_of(resource, chosen.get(name)) for name, resource in resources.items()]
        entries += [_entry_of_name(name) for name in chosen if name not in resources]
        return {"streams": entries}

    def singer_state(self, messages: Any) -> _Json:
        """Return Airbyte's states as the tap's state, without streams to read in full."""
        wanted = set(self.names) - self.full_refresh
        bookmarks = {name: entry for name, entry in _state_entries_of(messages) if name in wanted}
        return {"bookmarks": bookmarks} if bookmarks else {}


def _entry_of(resource: Resource, stream: _Json | None) -> _Json:
    """Return the entry of a stream. Properties that its ``json_schema`` lacks are deselected."""
    schema = (stream or {}).get("json_schema") or {}
    chosen = copy.deepcopy(schema.get("properties") or {})
    if AIRBYTE_DELETED_AT in chosen:
        chosen[DELETED_AT] = chosen.pop(AIRBYTE_DELETED_AT)
    full_schema = resource.schema(remote_data=True)
    properties = {**full_schema["properties"], **chosen}
    fields = [
        _metadata(("properties", name), selected=name in chosen or not chosen)
        for name in properties
        if name not in resource.keys
    ]
    return {
        "tap_stream_id": resource.name,
        "stream": resource.name,
        "schema": {**full_schema, "properties": properties},
        "key_properties": list(resource.keys),
        "replication_key": resource.replication_key,
        "metadata": [_metadata((), selected=stream is not None), *fields],
    }


def _entry_of_name(name: str) -> _Json:
    """Return the entry of a stream with only a name."""
    root = _metadata((), selected=True)
    return {"tap_stream_id": name, "stream": name, "schema": {}, "metadata": [root]}


def _metadata(breadcrumb: tuple[str, ...], *, selected: bool) -> _Json:
    return {
        "breadcrumb": list(breadcrumb),
        "metadata": {"inclusion": "available", "selected": selected},
    }


def _state_entries_of(messages: Any) -> Iterator[tuple[str, _Json]]:
    """Yield (stream, state entry). Raise `SettingsError` for another kind of state."""
    if not messages:
        return
    if not isinstance(messages, list):
        raise SettingsError(["the state is not a list of STATE messages: reset the connection"])
    for message in messages:
        kind = message.get("type") if isinstance(message, dict) else None
        part = message.get("stream") if kind == AirbyteStateType.STREAM.value else None
        descriptor = part.get("stream_descriptor") if isinstance(part, dict) else None
        name = descriptor.get("name") if isinstance(descriptor, dict) else None
        if part is None or not isinstance(name, str):
            line = f"the state holds a message of type {kind}, but this source writes one "
            raise SettingsError([line + "STREAM state per stream: reset the connection"])
        entry = part.get("stream_state")
        if entry:
            yield name, entry
