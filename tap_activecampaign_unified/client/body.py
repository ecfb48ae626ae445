"""An answer's bytes: no more of them than any answer has, and no longer than it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import requests
from urllib3.exceptions import HTTPError, ReadTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable

# A page of a hundred rows has some hundred kilobytes; what is larger is asked for in smaller pages.
MOST_BYTES = 64 << 20
# So much is taken at once, unpacked, before it is counted and the clock is looked at.
PIECE_BYTES = 1 << 18


class BodyTooLarge(Exception):
    """An answer has more than `MOST_BYTES`; ``status`` is its status."""

    def __init__(self, status: int) -> None:
        """Say so."""
        super().__init__(f"an answer of more than {MOST_BYTES >> 20} MiB")
        self.status = status


def read_body(response: requests.Response, is_late: Callable[[], bool]) -> bytes:
    """Read an answer, and hang up where ``is_late`` says so before it is whole.

    Raises `BodyTooLarge`, and what `requests` raises for a response that is late or incomplete.
    The time-out of the connection bounds a single wait alone: it lets an answer drip in for ever.
    """
    length = response.headers.get("Content-Length", "")
    is_known = length.isdecimal() and "Content-Encoding" not in response.headers
    if is_known and int(length[:20]) > MOST_BYTES:
        response.close()
        raise BodyTooLarge(response.status_code)
    response.raw.decode_content = True
    pieces, size = [], 0
    try:
        while piece := response.raw.read1(PIECE_BYTES):
            pieces.append(piece)
            size += len(piece)
            if size > MOST_BYTES:
                response.close()
                raise BodyTooLarge(response.status_code)
            if is_late() and not (is_known and size >= int(length)):
                response.close()
                raise requests.exceptions.ReadTimeout("the answer drips in")
    except ReadTimeoutError as problem:
        raise requests.exceptions.ReadTimeout(problem) from problem
    except HTTPError as problem:
        raise requests.exceptions.ChunkedEncodingError(problem) from problem
    return b"".join(pieces)
