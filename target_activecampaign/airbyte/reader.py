"""Reader of the destination's input: turns Airbyte messages into Singer messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airbyte_protocol_dataclasses.models import (
    AirbyteStreamStatus,
    DestinationSyncMode,
    TraceType,
    Type,
)

from tap_activecampaign_unified.config.settings import SettingsError
from target_activecampaign.input.message_reader import MessageReader

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterable

    from target_activecampaign.input.message_reader import BrokenLine, Message

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


class AirbyteReader(MessageReader):
    """Reads Airbyte messages as Singer messages: first the schemas, then a message per line.

    A STATE carries the whole Airbyte message as its value. A stream's status COMPLETE becomes
    ACTIVATE_VERSION. The reader ignores logs and other traces.
    """

    def __init__(self, on_fault: BrokenLine, schemas: list[Message]) -> None:
        """Begin before the first line; ``schemas`` are those of the configured catalog."""
        super().__init__(on_fault)
        self._schemas = schemas
        self._statuses: dict[str, str] = {}

    @property
    def unfinished(self) -> list[str]:
        """The streams that the source began and did not read to the end."""
        done = AirbyteStreamStatus.COMPLETE.value
        return [name for name, status in self._statuses.items() if status != done]

    def process_lines(
        self, file_input: Iterable[str] | None, callbacks: dict[str, Callable[[Message], None]]
    ) -> Counter[str]:
        """Pass each message to the callback of its Singer type and count them."""
        for schema in self._schemas:
            callbacks["SCHEMA"](schema)
        return super().process_lines(file_input, callbacks)

    def _parse(self, line: str) -> Message | None:
        message = super()._parse(line)
        if message is None:
            return None
        kind = message.get("type")
        if kind == Type.RECORD.value:
            return _record(message.get("record"))
        if kind == Type.STATE.value:
            return {"type": "STATE", "value": message}
        if kind == Type.TRACE.value:
            return self._status(message.get("trace"))
        return None

    def _status(self, trace: Any) -> Message | None:
        if not isinstance(trace, dict) or trace.get("type") != TraceType.STREAM_STATUS.value:
            return None
        status = _object(trace.get("stream_status"))
        name = _object(status.get("stream_descriptor")).get("name")
        if not isinstance(name, str):
            return None
        self._statuses[name] = str(status.get("status"))
        if self._statuses[name] == AirbyteStreamStatus.COMPLETE.value:
            return {"type": "ACTIVATE_VERSION", "stream": name, "version": 1}
        return None


def _object(part: Any) -> Message:
    return part if isinstance(part, dict) else {}


def _record(part: Any) -> Message:
    part = _object(part)
    data = part.get("data")
    record = singer_columns(data) if isinstance(data, dict) else data
    return {"type": "RECORD", "stream": part.get("stream"), "record": record}
