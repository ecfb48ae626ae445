"""Writes Singer messages to stdout: one line of ASCII each, flushed after every page.

A record that is nested too deep to encode is written with null in place of its deepest values.
"""

from __future__ import annotations

import codecs
import json
import sys
from typing import TYPE_CHECKING, Any, Protocol

from singer_sdk.contrib.msgspec import encoder
from singer_sdk.helpers._util import utc_now
from singer_sdk.singerlib import RecordMessage
from singer_sdk.singerlib.encoding import GenericSingerWriter
from singer_sdk.singerlib.json import serialize_json

if TYPE_CHECKING:
    from typing import TextIO

    from singer_sdk.singerlib.encoding.simple import Message

    from tap_activecampaign_unified.resources.resource import Record

ESCAPED = "json-escaped"
# A page of records fits into the buffer and costs one system call.
BUFFER_BYTES = 1 << 20
# The levels that remain of a record that is nested too deep to encode.
MAX_LEVELS = 100


def _escape(problem: UnicodeError) -> tuple[str, int]:
    """Escape non-ASCII characters as JSON, so that every reader splits and decodes the line."""
    if not isinstance(problem, UnicodeEncodeError):
        raise problem
    return json.dumps(problem.object[problem.start : problem.end])[1:-1], problem.end


codecs.register_error(ESCAPED, _escape)


class MessageWriter(GenericSingerWriter[bytes, "Message"]):
    """The SDK's writer, with a fast path for records that need no mapping.

    All messages go through one buffer, in order, so that a reader never has a STATE before its
    records. The writer buffers records until `flush`, or until `BUFFER_BYTES` are full. Every other
    message flushes the buffer, so that the reader has it soon. The writer adds a line to the buffer
    in one piece, so that a signal never leaves half a line in the output.
    """

    def __init__(self) -> None:
        super().__init__()
        self._stdout: object = None
        self._lines: _Lines | None = None

    def write_record(self, stream: str, record: Record) -> None:
        """Write a record with JSON values only."""
        try:
            line = encoder.encode(self.envelope(stream, record))
        except (ValueError, TypeError, OverflowError):  # for example numbers beyond 64 bits
            line = serialize_json(self.envelope(stream, record)).encode("ascii")
        except RecursionError:
            line = encoder.encode(self.envelope(stream, _shallow(record)))
        self.write_line(line)

    def envelope(self, stream: str, record: Record) -> dict[str, Any]:
        """Return the RECORD message of a record."""
        return {
            "type": "RECORD",
            "stream": stream,
            "record": record,
            "time_extracted": utc_now().isoformat(),
        }

    def write_line(self, line: bytes) -> None:
        """Write a line of JSON text."""
        if not line.isascii():
            line = line.decode().encode("ascii", ESCAPED)
        self._write(line)

    def serialize_message(self, message: Message) -> bytes:
        """Return a message's line. Stream maps may have made values that are not JSON types."""
        return serialize_json(message.to_dict()).encode("ascii")

    def write_message(self, message: Message) -> None:
        """Write a message. Every message except a record flushes the buffer."""
        self._write(self.format_message(message))
        if not isinstance(message, RecordMessage):
            self.flush()

    def flush(self) -> None:
        """Flush the buffer to stdout. Raises `OSError` if that fails."""
        if self._lines is not None:
            self._lines.flush()

    def _write(self, line: bytes) -> None:
        if self._lines is None or sys.stdout is not self._stdout:
            self._lines, self._stdout = _lines_of(sys.stdout), sys.stdout
        self._lines.write(line + b"\n")


def _shallow(value: Any, levels: int = MAX_LEVELS) -> Any:
    """Return a value with null in place of values nested deeper than ``levels``."""
    if not isinstance(value, (dict, list)):
        return value
    if not levels:
        return None
    if isinstance(value, dict):
        return {name: _shallow(part, levels - 1) for name, part in value.items()}
    return [_shallow(part, levels - 1) for part in value]


class _Lines(Protocol):
    """A buffered output of lines."""

    def write(self, line: bytes, /) -> Any:
        """Buffer a line."""

    def flush(self) -> None:
        """Write all buffered lines."""


class _Text:
    """A text-only stdout, for example in a program that runs the tap in its own process."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, line: bytes, /) -> None:
        """Buffer a line."""
        self._stream.write(line.decode("ascii"))

    def flush(self) -> None:
        """Write all buffered lines."""
        self._stream.flush()


def _lines_of(stdout: TextIO) -> _Lines:
    """Return an output for a stdout. A file gets a buffer of `BUFFER_BYTES`."""
    stdout.flush()
    try:
        return open(stdout.fileno(), "wb", BUFFER_BYTES, closefd=False)
    except (OSError, ValueError, AttributeError):  # no file
        return getattr(stdout, "buffer", None) or _Text(stdout)
