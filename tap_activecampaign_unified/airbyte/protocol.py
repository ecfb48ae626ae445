"""Builds Airbyte protocol messages from Airbyte's models, and encodes them as lines of JSON."""

from __future__ import annotations

import enum
import time
from dataclasses import is_dataclass
from typing import Any

import msgspec
from airbyte_protocol_dataclasses.models import (
    AirbyteErrorTraceMessage,
    AirbyteEstimateTraceMessage,
    AirbyteLogMessage,
    AirbyteMessage,
    AirbyteStateMessage,
    AirbyteStateStats,
    AirbyteStateType,
    AirbyteStreamState,
    AirbyteStreamStatus,
    AirbyteStreamStatusTraceMessage,
    AirbyteTraceMessage,
    EstimateType,
    FailureType,
    Level,
    StreamDescriptor,
    TraceType,
    Type,
)


def now_ms() -> int:
    """Return the time in milliseconds since 1970, as the protocol requires it."""
    return time.time_ns() // 1_000_000


def log(level: Level, text: str) -> AirbyteMessage:
    """Return a LOG message."""
    return AirbyteMessage(type=Type.LOG, log=AirbyteLogMessage(level=level, message=text))


def stream_status(stream: str, status: AirbyteStreamStatus) -> AirbyteMessage:
    """Return a TRACE message with a stream's status."""
    message = AirbyteStreamStatusTraceMessage(StreamDescriptor(stream), status)
    return _trace(AirbyteTraceMessage(TraceType.STREAM_STATUS, now_ms(), stream_status=message))


def estimate(stream: str, rows: int) -> AirbyteMessage:
    """Return a TRACE message with the expected number of a stream's rows."""
    message = AirbyteEstimateTraceMessage(stream, EstimateType.STREAM, row_estimate=rows)
    return _trace(AirbyteTraceMessage(TraceType.ESTIMATE, now_ms(), estimate=message))


def error(text: str, kind: FailureType, stream: str | None = None) -> AirbyteMessage:
    """Return a TRACE message for an error, of one stream or of the whole run."""
    message = AirbyteErrorTraceMessage(
        message=text,
        failure_type=kind,
        stream_descriptor=StreamDescriptor(stream) if stream else None,
    )
    return _trace(AirbyteTraceMessage(TraceType.ERROR, now_ms(), error=message))


def stream_state(stream: str, entry: dict[str, Any], records: int) -> AirbyteMessage:
    """Return a STATE message of one stream. ``records`` is the count since its last STATE."""
    # The model has an empty class for the state, but any JSON object is valid.
    blob: Any = entry
    state = AirbyteStreamState(StreamDescriptor(stream), blob)
    stats = AirbyteStateStats(recordCount=float(records))
    message = AirbyteStateMessage(AirbyteStateType.STREAM, stream=state, sourceStats=stats)
    return AirbyteMessage(type=Type.STATE, state=message)


def line_of(message: AirbyteMessage) -> bytes:
    """Return a message as one line of JSON, without None values."""
    return msgspec.json.encode(plain(message))


def plain(value: Any) -> Any:
    """Return a protocol model as JSON values. Objects with user data stay unchanged."""
    if is_dataclass(value):
        return {name: plain(part) for name, part in vars(value).items() if part is not None}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, list):
        return [plain(part) for part in value]
    return value


def _trace(message: AirbyteTraceMessage) -> AirbyteMessage:
    return AirbyteMessage(type=Type.TRACE, trace=message)
