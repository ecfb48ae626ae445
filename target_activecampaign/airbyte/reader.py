"""The destination's input: Airbyte messages become the Singer messages that the target reads."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airbyte_protocol_dataclasses.models import (
    AirbyteStreamStatus,
    DestinationSyncMode,
    TraceType,
    Type,
)

from tap_activecampaign_unified.settings import SettingsError

from ..lines import LineReader

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterable

    from ..lines import Fault, Message

logger = logging.getLogger("destination-activecampaign")

#: Whole tables cannot be replaced: no one may delete what an input does not hold.
MODES = [DestinationSyncMode.append, DestinationSyncMode.append_dedup]
DELETED_AT, AIRBYTE_DELETED_AT = "_sdc_deleted_at", "_ab_cdc_deleted_at"
# Columns that Airbyte, and its sources, add to every row for themselves.
_OF_AIRBYTE = ("_airbyte_", "_ab_")


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
    if mode not in {one.value for one in MODES}:
        wanted = " or ".join(one.value for one in MODES)
        raise SettingsError(
            [f"stream {name}: destination_sync_mode {mode} is not possible here: use {wanted}"]
        )
    schema = stream.get("json_schema") or {}
    properties = schema.get("properties") or {}
    paths = entry.get("primary_key") or stream.get("source_defined_primary_key") or []
    return {
        "type": "SCHEMA",
        "stream": name,
        "schema": {**schema, "properties": ours(properties)},
        "key_properties": [path[0] for path in paths if len(path) == 1],
    }


def ours(columns: Message) -> Message:
    """Return columns without Airbyte's own; its mark of a deleted row becomes Singer's."""
    found = {name: part for name, part in columns.items() if not name.startswith(_OF_AIRBYTE)}
    if AIRBYTE_DELETED_AT in columns:
        found[DELETED_AT] = columns[AIRBYTE_DELETED_AT]
    return found


class AirbyteReader(LineReader):
    """Reads Airbyte messages as Singer messages: the schemas first, then a message per line.

    A STATE carries the whole Airbyte message as its value. A stream's status COMPLETE becomes
    ACTIVATE_VERSION. Logs and other traces are of no use here.
    """

    def __init__(self, on_fault: Fault, schemas: list[Message]) -> None:
        """Keep the schemas of the configured catalog."""
        super().__init__(on_fault)
        self._schemas = schemas

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
        status = trace.get("stream_status") or {}
        name = (status.get("stream_descriptor") or {}).get("name")
        if status.get("status") == AirbyteStreamStatus.INCOMPLETE.value:
            logger.warning("%s: the source could not read this stream to its end", name)
        if status.get("status") == AirbyteStreamStatus.COMPLETE.value:
            return {"type": "ACTIVATE_VERSION", "stream": name, "version": 1}
        return None


def _record(part: Any) -> Message:
    part = part if isinstance(part, dict) else {}
    data = part.get("data")
    record = ours(data) if isinstance(data, dict) else data
    return {"type": "RECORD", "stream": part.get("stream"), "record": record}
