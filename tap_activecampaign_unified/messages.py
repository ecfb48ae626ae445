"""Singer messages on stdout: a line each, ASCII throughout, told onward when a page is done."""

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
# Room for a page of records, so that each page costs one call of the system.
GATHERED_BYTES = 1 << 20
# Deeper than anything that means something, and no deeper than loaders read.
MOST_LEVELS = 100


def _escape(problem: UnicodeError) -> tuple[str, int]:
    """Spell what is not ASCII as JSON can: a line stays whole, whoever splits or decodes it."""
    if not isinstance(problem, UnicodeEncodeError):
        raise problem
    return json.dumps(problem.object[problem.start : problem.end])[1:-1], problem.end


codecs.register_error(ESCAPED, _escape)


class MessageWriter(GenericSingerWriter[bytes, "Message"]):
    """The SDK's writer, with a short way for records that need no more of the SDK.

    Records gather in a buffer; `flush` lets them go. Every other message takes with it what
    was written before, so that a reader never has a STATE ahead of its records. A line goes into
    the buffer in one piece: a signal that ends the run never leaves half of one behind.
    """

    def __init__(self) -> None:
        """Write to whatever stdout is by then."""
        super().__init__()
        self._stdout: object = None
        self._lines: _Lines | None = None

    def write_record(self, stream: str, record: Record) -> None:
        """Write a record of JSON values as it stands."""
        try:
            line = encoder.encode(self.envelope(stream, record))
        except (ValueError, TypeError, OverflowError):  # numbers beyond 64 bits, for one
            line = serialize_json(self.envelope(stream, record)).encode("ascii")
        except RecursionError:
            line = encoder.encode(self.envelope(stream, _shallow(record)))
        self.write_line(line)

    def envelope(self, stream: str, record: Record) -> dict[str, Any]:
        """Return the message that carries a record."""
        return {
            "type": "RECORD",
            "stream": stream,
            "record": record,
            "time_extracted": utc_now().isoformat(),
        }

    def write_line(self, line: bytes) -> None:
        """Write a message that is JSON already."""
        if not line.isascii():
            line = line.decode().encode("ascii", ESCAPED)
        self._write(line)

    def serialize_message(self, message: Message) -> bytes:
        """Return a message's line: what stream maps made of a record may be more than JSON."""
        return serialize_json(message.to_dict()).encode("ascii")

    def write_message(self, message: Message) -> None:
        """Write a message."""
        self._write(self.format_message(message))
        if not isinstance(message, RecordMessage):
            self.flush()

    def flush(self) -> None:
        """Let go what was written; raise `OSError` where nobody takes it."""
        if self._lines is not None:
            self._lines.flush()

    def _write(self, line: bytes) -> None:
        if self._lines is None or sys.stdout is not self._stdout:
            self._lines, self._stdout = _lines_of(sys.stdout), sys.stdout
        self._lines.write(line + b"\n")


def _shallow(value: Any, left: int = MOST_LEVELS) -> Any:
    """Return a value with null in place of what is nested too deep for JSON to be written."""
    if not isinstance(value, (dict, list)):
        return value
    if not left:
        return None
    if isinstance(value, dict):
        return {name: _shallow(part, left - 1) for name, part in value.items()}
    return [_shallow(part, left - 1) for part in value]


class _Lines(Protocol):
    """Where lines gather."""

    def write(self, line: bytes, /) -> Any:
        """Take a line."""

    def flush(self) -> None:
        """Let go all lines taken."""


class _Text:
    """A stdout of text alone, as programs have it that run the tap in their own process."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, line: bytes, /) -> None:
        """Take a line."""
        self._stream.write(line.decode("ascii"))

    def flush(self) -> None:
        """Let go all lines taken."""
        self._stream.flush()


def _lines_of(stdout: TextIO) -> _Lines:
    """Return what is behind a stdout, with room for a page's lines where that is a file."""
    stdout.flush()
    try:
        return open(stdout.fileno(), "wb", GATHERED_BYTES, closefd=False)
    except (OSError, ValueError, AttributeError):  # no file
        return getattr(stdout, "buffer", None) or _Text(stdout)
