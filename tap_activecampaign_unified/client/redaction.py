"""Keeps the key out of everything that comes back: whoever repeats it, we do not."""

from __future__ import annotations

import base64
import html
import re
from urllib.parse import quote, quote_plus

HIDDEN = "(api_key)"
# Shorter than any key of ActiveCampaign's: as likely a word as a secret.
FEWEST_CHARACTERS = 8


class Redactor:
    """Takes one key out of texts, in whichever way it is spelled there."""

    def __init__(self, key: str) -> None:
        """Think of the ways in which a server may repeat ``key``."""
        spelled = {
            key,
            key.replace("/", "\\/"),
            key.replace("\\", "\\\\").replace('"', '\\"'),
            key.replace("\\", "\\\\").replace('"', '\\"').replace("/", "\\/"),
            quote(key),
            quote(key, safe=""),
            quote_plus(key),
            html.escape(key),
            base64.b64encode(key.encode()).decode(),
            base64.urlsafe_b64encode(key.encode()).decode().rstrip("="),
        }
        known = sorted(spelled, key=len, reverse=True) if len(key) >= FEWEST_CHARACTERS else []
        self._spelled = [one.encode() for one in known]
        text = "|".join(map(re.escape, known)) or "(?!)"
        self._in_text = re.compile(text, re.IGNORECASE)
        self._in_bytes = re.compile(text.encode(), re.IGNORECASE)

    def out_of(self, content: bytes, *, is_good: bool) -> bytes:
        """Return an answer's bytes without the key; a good one is not searched for other cases."""
        if not is_good:
            return self._in_bytes.sub(HIDDEN.encode(), content)
        for one in self._spelled:
            if one in content:
                content = content.replace(one, HIDDEN.encode())
        return content

    def out_of_text(self, text: str) -> str:
        """Return a text without the key, in small and capital letters alike."""
        return self._in_text.sub(HIDDEN, text)
