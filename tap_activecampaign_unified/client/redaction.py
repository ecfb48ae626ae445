"""Removes the key, and personal data in errors, from the texts of a server."""

from __future__ import annotations

import base64
import html
import re
from urllib.parse import quote, quote_plus

HIDDEN = "(api_key)"
# A shorter text may be a common word. ActiveCampaign's keys are longer.
MIN_SECRET_LENGTH = 8

# ActiveCampaign repeats values of a row in quotes, and e-mail addresses without quotes.
_REPEATED = re.compile(r"""(?<!\w)'[^']*'(?!\w)|"[^"]*"|[^\s'"<>(]*@[^\s'"<>),;]*""")


def redact_values(text: str) -> str:
    """Return an error text for the log, without the repeated values of a row."""
    return _REPEATED.sub("…", text)


class Redactor:
    """Removes one key from texts, in each encoding that a server may use."""

    def __init__(self, key: str) -> None:
        spellings = {
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
        is_long = len(key) >= MIN_SECRET_LENGTH
        ordered = sorted(spellings, key=len, reverse=True) if is_long else []
        self._spellings = [spelling.encode() for spelling in ordered]
        text = "|".join(map(re.escape, ordered)) or "(?!)"
        self._in_text = re.compile(text, re.IGNORECASE)
        self._in_bytes = re.compile(text.encode(), re.IGNORECASE)

    def redact(self, content: bytes, *, is_good: bool) -> bytes:
        """Return a body without the key. A body of a good response is searched in exact case."""
        if not is_good:
            return self._in_bytes.sub(HIDDEN.encode(), content)
        for spelling in self._spellings:
            if spelling in content:
                content = content.replace(spelling, HIDDEN.encode())
        return content

    def redact_text(self, text: str) -> str:
        """Return a text without the key, in any case."""
        return self._in_text.sub(HIDDEN, text)
