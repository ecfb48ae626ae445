"""Reader of the destination's input: turns Airbyte messages into Singer messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airbyte_protocol_dataclasses.models import AirbyteStreamStatus, TraceType, Type

from target_activecampaign.input.message_reader import MessageReader

from .catalog import singer_columns

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterable

    from target_activecampaign.input.message_reader import BrokenLine, Message


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
