"""Cursors: the position of a page as opaque text, valid in other processes too."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from .filters import InvalidQuery
from .traversal import AFTER, BEFORE, Border

VERSION = 2
NONE_OF_OURS = "the cursor is none of ours: take it from a page as it stands"
OF_ANOTHER = "the cursor belongs to another question: begin without one"


@dataclass(frozen=True)
class Cursor:
    """A position and a direction. ``part`` names the last record of a row that has several."""

    way: str = AFTER
    course: str = ""
    border: Border | None = None
    part: tuple[str, int] | None = None

    def closed(self, question: str) -> str:
        """Return the cursor as text that is valid for this query only."""
        part = [*self.part] if self.part else None
        text = json.dumps([VERSION, question, self.way, self.course, self.border, part])
        return base64.urlsafe_b64encode(text.encode("utf-8", "surrogatepass")).decode()


def opened(text: Any, question: str) -> Cursor:
    """Parse a cursor. Raises `InvalidQuery` for an invalid one, or one of another query."""
    try:
        decoded = base64.b64decode(text.encode(), altchars=b"-_", validate=True)
        version, known, way, course, border, part = json.loads(decoded)
    except (AttributeError, ValueError, TypeError, RecursionError, binascii.Error):
        raise InvalidQuery(NONE_OF_OURS) from None
    if version != VERSION or way not in {AFTER, BEFORE} or not isinstance(known, str):
        raise InvalidQuery(NONE_OF_OURS)
    if known != question:
        raise InvalidQuery(OF_ANOTHER)
    if border is not None and not isinstance(border, list):
        raise InvalidQuery(NONE_OF_OURS)
    return Cursor(way, str(course), border, (str(part[0]), int(part[1])) if part else None)


def question_of(*parts: Any) -> str:
    """Return a fingerprint of a query."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
