"""Everything that a connector writes: protocol messages on stdout, a line each, and its log."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from airbyte_protocol_dataclasses.models import (
    AirbyteMessage,
    AirbyteRecordMessage,
    Level,
    Type,
)
from singer_sdk.singerlib import RecordMessage, StateMessage

from tap_activecampaign_unified.messages import MessageWriter

from .protocol import line_of, log, now_ms, plain

if TYPE_CHECKING:
    from singer_sdk.singerlib.encoding.simple import Message

    from tap_activecampaign_unified.resources.resource import Record

_LEVELS = {
    logging.CRITICAL: Level.FATAL,
    logging.ERROR: Level.ERROR,
    logging.WARNING: Level.WARN,
    logging.INFO: Level.INFO,
}
# The SDK's metrics are made for Singer's dashboards.
_METRICS = "singer_sdk.metrics"


class AirbyteWriter(MessageWriter):
    """Writes the tap's Singer messages as Airbyte messages.

    SCHEMA and ACTIVATE_VERSION have no counterpart in the protocol. Subclasses say what to do with
    a STATE.
    """

    def send(self, message: AirbyteMessage) -> None:
        """Write a message, and flush it with everything that was written before it."""
        self.write_line(line_of(message))
        self.flush()

    def envelope(self, stream: str, record: Record) -> dict[str, Any]:
        """Return the message that carries a record."""
        message = AirbyteRecordMessage(stream, record, now_ms())
        found: dict[str, Any] = plain(AirbyteMessage(type=Type.RECORD, record=message))
        return found

    def write_message(self, message: Message) -> None:
        """Write what a Singer message means to Airbyte."""
        if isinstance(message, RecordMessage):
            self.write_record(message.stream, message.record)
        elif isinstance(message, StateMessage):
            self.write_states(dict(message.value))

    def write_states(self, value: dict[str, Any]) -> None:
        """Take the value of a STATE message."""


class LogHandler(logging.Handler):
    """Writes log lines as LOG messages, between the records and in their order."""

    def __init__(self, writer: AirbyteWriter) -> None:
        """Keep the writer that records go through."""
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line; the caller that writes records reports a closed output."""
        level = next(
            (airbyte_level for least, airbyte_level in _LEVELS.items() if record.levelno >= least),
            Level.DEBUG,
        )
        with suppress(OSError, ValueError):
            self._writer.send(log(level, record.getMessage()))


def log_to(writer: AirbyteWriter) -> None:
    """Send the log of the whole program to Airbyte, from ``LOGLEVEL`` (INFO) on."""
    root = logging.getLogger()
    root.handlers[:] = [LogHandler(writer)]
    wanted = os.environ.get("LOGLEVEL", "INFO").upper()
    root.setLevel(wanted if wanted in logging.getLevelNamesMapping() else "INFO")
    logging.captureWarnings(capture=True)
    logging.getLogger(_METRICS).disabled = True
