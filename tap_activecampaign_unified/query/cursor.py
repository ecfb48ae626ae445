"""Cursors: where a page ends, as opaque text that holds in another process too."""

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
    """Which way to go from where; ``part`` names the last record of a row that becomes several."""

    way: str = AFTER
    course: str = ""
    border: Border | None = None
    part: tuple[str, int] | None = None

    def closed(self, question: str) -> str:
        """Return it as text that serves this question alone."""
        part = [*self.part] if self.part else None
        text = json.dumps([VERSION, question, self.way, self.course, self.border, part])
        return base64.urlsafe_b64encode(text.encode("utf-8", "surrogatepass")).decode()


def opened(text: Any, question: str) -> Cursor:
    """Read a cursor; raises `InvalidQuery` for one that is not ours, or another question's."""
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
    """Return what tells one question from another."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
