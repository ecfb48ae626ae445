"""Reads the body of a response, bounded in size and time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import requests
from urllib3.exceptions import HTTPError, ReadTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable

# A page of a hundred rows has some hundred kilobytes. Above this, the client asks for fewer rows.
MAX_BYTES = 64 << 20
# Decompressed bytes that are read between two checks of size and time.
PIECE_BYTES = 1 << 18


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
