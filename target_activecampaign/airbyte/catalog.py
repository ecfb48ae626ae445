"""The configured catalog of the destination: its sync modes, and the SCHEMA of each stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airbyte_protocol_dataclasses.models import DestinationSyncMode

from tap_activecampaign_unified.config.read_settings import SettingsError

if TYPE_CHECKING:
    from target_activecampaign.input.message_reader import Message

#: There is no overwrite mode: the target must not delete records that are not in the input.
MODES = [DestinationSyncMode.append, DestinationSyncMode.append_dedup]
DELETED_AT, AIRBYTE_DELETED_AT = "_sdc_deleted_at", "_ab_cdc_deleted_at"
# Prefixes of the columns that Airbyte and its sources add to every row.
_AIRBYTE_PREFIXES = ("_airbyte_", "_ab_")


def schemas_of(document: Message) -> list[Message]:
    """Return a SCHEMA for each stream of a configured catalog; raise `SettingsError`."""
    entries = document.get("streams")
    if not isinstance(entries, list):
        raise SettingsError(["the configured catalog holds no streams: select at least one"])
    return [_schema_of(entry) for entry in entries]


def _schema_of(entry: Any) -> Message:
    stream = entry.get("stream") if isinstance(entry, dict) else None
    name = stream.get("name") if isinstance(stream, dict) else None
    if not isinstance(stream, dict) or not isinstance(name, str):
        raise SettingsError(["the configured catalog holds a stream without a name"])
    mode = entry.get("destination_sync_mode")
    modes = [accepted.value for accepted in MODES]
    if mode not in modes:
        choices = " or ".join(modes)
        raise SettingsError(
            [f"stream {name}: destination_sync_mode {mode} is not possible here: use {choices}"]
        )
    schema = stream.get("json_schema") or {}
    properties = schema.get("properties") or {}
    paths = entry.get("primary_key") or stream.get("source_defined_primary_key") or []
    return {
        "type": "SCHEMA",
        "stream": name,
        "schema": {**schema, "properties": singer_columns(properties)},
        "key_properties": [path[0] for path in paths if len(path) == 1],
    }


def singer_columns(columns: Message) -> Message:
    """Return columns without Airbyte's own. Airbyte's time of a delete gets Singer's name."""
    kept = {name: part for name, part in columns.items() if not name.startswith(_AIRBYTE_PREFIXES)}
    if AIRBYTE_DELETED_AT in columns:
        kept[DELETED_AT] = columns[AIRBYTE_DELETED_AT]
    return kept
