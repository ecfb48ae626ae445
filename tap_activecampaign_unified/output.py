"""Singer messages on stdout: a line each, ASCII throughout, told onward when a page is done."""

from __future__ import annotations

import codecs
import json
import sys
from typing import TYPE_CHECKING, Any

from singer_sdk.contrib.msgspec import encoder
from singer_sdk.helpers._util import utc_now
from singer_sdk.singerlib import RecordMessage
from singer_sdk.singerlib.encoding import GenericSingerWriter
from singer_sdk.singerlib.json import serialize_json

if TYPE_CHECKING:
    from singer_sdk.singerlib.encoding.simple import Message

    from .unified.mapping import Record

ESCAPED = "json-escaped"


def _escape(problem: UnicodeError) -> tuple[str, int]:
    """Spell what is not ASCII as JSON can: a line stays whole, whoever splits or decodes it."""
    if not isinstance(problem, UnicodeEncodeError):
        raise problem
    return json.dumps(problem.object[problem.start : problem.end])[1:-1], problem.end


codecs.register_error(ESCAPED, _escape)


class Output(GenericSingerWriter[bytes, "Message"]):
    """The SDK's writer, with a short way for records that need no more of the SDK.

    Records gather in stdout's buffer; `hand_over` lets them go. Every other message takes with it
    what was written before, so that a reader never has a STATE ahead of its records.
    """

    def write_record(self, stream: str, record: Record) -> None:
        """Write a record of JSON values as it stands."""
        message: dict[str, Any] = {
            "type": "RECORD",
            "stream": stream,
            "record": record,
            "time_extracted": utc_now().isoformat(),
        }
        try:
            line = encoder.encode(message)
        except (ValueError, TypeError, OverflowError):  # numbers beyond 64 bits, for one
            line = serialize_json(message).encode("ascii")
        if not line.isascii():
            line = line.decode().encode("ascii", ESCAPED)
        _write(line)

    def serialize_message(self, message: Message) -> bytes:
        """Return a message's line: what stream maps made of a record may be more than JSON."""
        return serialize_json(message.to_dict()).encode("ascii")

    def write_message(self, message: Message) -> None:
        """Write a message."""
        _write(self.format_message(message))
        if not isinstance(message, RecordMessage):
            self.hand_over()

    @staticmethod
    def hand_over() -> None:
        """Let go what was written; raise `OSError` where nobody takes it."""
        sys.stdout.flush()


def _write(line: bytes) -> None:
    """Write a line in one piece, so that a signal in between never leaves half of one."""
    buffer = getattr(sys.stdout, "buffer", None)
    if buffer is None:
        sys.stdout.write(line.decode("ascii") + "\n")
    else:
        buffer.write(line + b"\n")
