"""Catalogs and states: what `discover` answers, and what a configured catalog selects."""

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
from tap_activecampaign_unified.config.settings import SettingsError
from tap_activecampaign_unified.resources.custom_objects import PREFIX
from tap_activecampaign_unified.resources.resource import DELETED_AT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tap_activecampaign_unified.resources.resource import Resource

#: Airbyte's destinations delete a row when the record of its key has this column set.
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


class Configured:
    """A configured catalog: which streams to read, which of their fields, and in which mode."""

    def __init__(self, document: _Json) -> None:
        """Read the document; raise `SettingsError` where it is not a configured catalog."""
        entries = document.get("streams")
        if not isinstance(entries, list) or not entries:
            raise SettingsError(["the configured catalog holds no streams: select at least one"])
        self._entries = [self._checked(entry) for entry in entries]
        self.names = [entry["stream"]["name"] for entry in self._entries]
        #: The streams to read whole, whatever state there is.
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
        found: _Json = entry
        return found

    def singer(self, known: Mapping[str, Resource] = BY_NAME) -> _Json:
        """Return the same selection as a Singer catalog; ``known`` are the streams that exist.

        It holds the other streams too, deselected: for a stream that a catalog does not hold, the
        tap would ask for a schema. A custom object that is not known yet is selected by its name.
        """
        chosen = {entry["stream"]["name"]: entry["stream"] for entry in self._entries}
        entries = [_singer(entry, chosen.get(name)) for name, entry in known.items()]
        entries += [_named(name) for name in chosen if name not in known]
        return {"streams": entries}

    def state(self, messages: Any) -> _Json:
        """Return Airbyte's states as the tap's state, without those of streams to read whole."""
        wanted = set(self.names) - self.full_refresh
        found = {name: entry for name, entry in _entries_of(messages) if name in wanted}
        return {"bookmarks": found} if found else {}


def _singer(resource: Resource, stream: _Json | None) -> _Json:
    """Return the entry of a stream; what its ``json_schema`` leaves out is deselected."""
    schema = (stream or {}).get("json_schema") or {}
    chosen = copy.deepcopy(schema.get("properties") or {})
    if AIRBYTE_DELETED_AT in chosen:
        chosen[DELETED_AT] = chosen.pop(AIRBYTE_DELETED_AT)
    known = resource.schema(remote_data=True)
    properties = {**known["properties"], **chosen}
    fields = [
        _metadata(("properties", name), selected=name in chosen or not chosen)
        for name in properties
        if name not in resource.keys
    ]
    return {
        "tap_stream_id": resource.name,
        "stream": resource.name,
        "schema": {**known, "properties": properties},
        "key_properties": list(resource.keys),
        "replication_key": resource.replication_key,
        "metadata": [_metadata((), selected=stream is not None), *fields],
    }


def _named(name: str) -> _Json:
    """Return the entry of a stream of which only the name is known."""
    root = _metadata((), selected=True)
    return {"tap_stream_id": name, "stream": name, "schema": {}, "metadata": [root]}


def _metadata(place: tuple[str, ...], *, selected: bool) -> _Json:
    return {"breadcrumb": list(place), "metadata": {"inclusion": "available", "selected": selected}}


def _entries_of(messages: Any) -> Iterator[tuple[str, _Json]]:
    """Return the state of each stream; raise `SettingsError` for another kind of state."""
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
            line = f"the state holds a message of type {kind}, where this source writes one STREAM "
            raise SettingsError([line + "state per stream: reset the connection"])
        entry = part.get("stream_state")
        if entry:
            yield name, entry
