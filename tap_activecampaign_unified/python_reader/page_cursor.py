"""Cursors: the position of a page as opaque text, valid in other processes too."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from .filters import InvalidQuery
from .traversal import AFTER, BEFORE, Position

VERSION = 2
INVALID_CURSOR = "the cursor is invalid: use one from a page, unchanged"
OTHER_QUERY = "the cursor belongs to another query: start without a cursor"


@dataclass(frozen=True)
class Cursor:
    """A position and a direction.

    ``related`` is (row id, related id) of the last record, if the row has several records.
    """

    direction: str = AFTER
    traversal: str = ""
    position: Position | None = None
    related: tuple[str, int] | None = None

    def encode(self, query: str) -> str:
        """Return the cursor as text. ``query`` is the fingerprint of its query."""
        related = [*self.related] if self.related else None
        text = json.dumps([VERSION, query, self.direction, self.traversal, self.position, related])
        return base64.urlsafe_b64encode(text.encode("utf-8", "surrogatepass")).decode()


def parse_cursor(text: Any, query: str) -> Cursor:
    """Parse a cursor. Raises `InvalidQuery` if it is invalid or belongs to another query."""
    try:
        decoded = base64.b64decode(text.encode(), altchars=b"-_", validate=True)
        version, fingerprint, direction, traversal, position, related = json.loads(decoded)
    except (AttributeError, ValueError, TypeError, RecursionError, binascii.Error):
        raise InvalidQuery(INVALID_CURSOR) from None
    if version != VERSION or direction not in {AFTER, BEFORE} or not isinstance(fingerprint, str):
        raise InvalidQuery(INVALID_CURSOR)
    if fingerprint != query:
        raise InvalidQuery(OTHER_QUERY)
    if position is not None and not isinstance(position, list):
        raise InvalidQuery(INVALID_CURSOR)
    return Cursor(
        direction, str(traversal), position, (str(related[0]), int(related[1])) if related else None
    )


def query_fingerprint(*parts: Any) -> str:
    """Return a fingerprint of a query."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
