"""Reads the body of a response, bounded in size and time, and parses its JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import requests
from urllib3.exceptions import HTTPError, ReadTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable

# A page of a hundred rows has some hundred kilobytes. Above this, the client asks for fewer rows.
MAX_BYTES = 64 << 20
# Decompressed bytes that are read between two checks of size and time.
PIECE_BYTES = 1 << 18
_NUL = b"\\u0000"


class BodyTooLarge(Exception):
    """The body has more than `MAX_BYTES`. ``status`` is the response's status."""

    def __init__(self, status: int) -> None:
        super().__init__(f"a response of more than {MAX_BYTES >> 20} MiB")
        self.status = status


def read_body(response: requests.Response, is_late: Callable[[], bool]) -> bytes:
    """Return the body. Close the connection once ``is_late`` returns true.

    Raises `BodyTooLarge`, or the error of `requests` for a late or incomplete response. The
    timeout of the connection bounds one read only, so ``is_late`` bounds the whole body.
    """
    length = response.headers.get("Content-Length", "")
    is_known = length.isdecimal() and "Content-Encoding" not in response.headers
    if is_known and int(length[:20]) > MAX_BYTES:
        response.close()
        raise BodyTooLarge(response.status_code)
    response.raw.decode_content = True
    pieces, size = [], 0
    try:
        while piece := response.raw.read1(PIECE_BYTES):
            pieces.append(piece)
            size += len(piece)
            if size > MAX_BYTES:
                response.close()
                raise BodyTooLarge(response.status_code)
            if is_late() and not (is_known and size >= int(length)):
                response.close()
                raise requests.exceptions.ReadTimeout("the response is too slow")
    except ReadTimeoutError as problem:
        raise requests.exceptions.ReadTimeout(problem) from problem
    except HTTPError as problem:
        raise requests.exceptions.ChunkedEncodingError(problem) from problem
    return b"".join(pieces)


def parse_json(content: bytes) -> Any:
    """Return what a body holds, or None if it is no JSON, incomplete, or nested too deep."""
    try:
        body = msgspec.json.decode(content)
    except (ValueError, RecursionError):
        return _lenient_json(content)
    return _whole_text(body) if _NUL in content else body


def _lenient_json(content: bytes) -> Any:
    """Read JSON that msgspec refuses: other encodings, NaN, 1e400, lone surrogates.

    Return None if Python refuses it too, for example for deep nesting or thousands of digits.
    """
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return None
    may_hold_surrogates = b"\\ud" in content.lower() or b"\xed" in content
    return _whole_text(body) if may_hold_surrogates or _NUL in content else body


def _whole_text(value: Any) -> Any:
    """Replace lone surrogates and NUL by U+FFFD. Loaders refuse a whole batch because of them.

    PostgreSQL allows NUL neither in text nor in JSON.
    """
    if isinstance(value, str):
        text = value.replace("\0", "\ufffd")
        if text.isascii():
            return text
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_whole_text(key): _whole_text(part) for key, part in value.items()}
    return [_whole_text(part) for part in value] if isinstance(value, list) else value
