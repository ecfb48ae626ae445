"""Writes protocol messages to stdout, a line for each, and the log as LOG messages."""

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
# The SDK's metrics are for Singer's dashboards.
_METRICS = "singer_sdk.metrics"


class AirbyteWriter(MessageWriter):
    """Writes the tap's Singer messages as Airbyte messages.

    The protocol has no SCHEMA and no ACTIVATE_VERSION. Subclasses handle STATE messages.
    """

    def send(self, message: AirbyteMessage) -> None:
        """Write a message, and flush it and all messages before it."""
        self.write_line(line_of(message))
        self.flush()

    def envelope(self, stream: str, record: Record) -> dict[str, Any]:
        """Return the RECORD message of a record."""
        message = AirbyteRecordMessage(stream, record, now_ms())
        envelope: dict[str, Any] = plain(AirbyteMessage(type=Type.RECORD, record=message))
        return envelope

    def write_message(self, message: Message) -> None:
        """Write a Singer message as an Airbyte message, if the protocol has one."""
        if isinstance(message, RecordMessage):
            self.write_record(message.stream, message.record)
        elif isinstance(message, StateMessage):
            self.write_states(dict(message.value))

    def write_states(self, value: dict[str, Any]) -> None:
        """Handle the value of a STATE message."""


class LogHandler(logging.Handler):
    """Writes log lines as LOG messages, in order with the records."""

    def __init__(self, writer: AirbyteWriter) -> None:
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line. It ignores a closed output, because the writer of records reports it."""
        level = next(
            (level for min_level, level in _LEVELS.items() if record.levelno >= min_level),
            Level.DEBUG,
        )
        with suppress(OSError, ValueError):
            self._writer.send(log(level, record.getMessage()))


def log_to(writer: AirbyteWriter) -> None:
    """Send the log of the whole program to Airbyte, from ``LOGLEVEL`` (default INFO) on."""
    root = logging.getLogger()
    root.handlers[:] = [LogHandler(writer)]
    level = os.environ.get("LOGLEVEL", "INFO").upper()
    root.setLevel(level if level in logging.getLevelNamesMapping() else "INFO")
    logging.captureWarnings(capture=True)
    logging.getLogger(_METRICS).disabled = True
