"""Removes the key, and personal data in errors, from what a server sends back."""

from __future__ import annotations

import base64
import html
import re
from urllib.parse import quote, quote_plus

HIDDEN = "(api_key)"
# Shorter texts are as likely a word as a key; ActiveCampaign's keys are longer.
MIN_SECRET_LENGTH = 8

# ActiveCampaign quotes the values of a row that it repeats; addresses it repeats as they are.
_REPEATED = re.compile(r"""(?<!\w)'[^']*'(?!\w)|"[^"]*"|[^\s'"<>(]*@[^\s'"<>),;]*""")


def redact_values(text: str) -> str:
    """Return an error text without the values of a row that it repeats, for the log."""
    return _REPEATED.sub("…", text)


class Redactor:
    """Removes one key from texts, in each encoding that a server may repeat it in."""

    def __init__(self, key: str) -> None:
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
        known = sorted(spelled, key=len, reverse=True) if len(key) >= MIN_SECRET_LENGTH else []
        self._spelled = [secret.encode() for secret in known]
        text = "|".join(map(re.escape, known)) or "(?!)"
        self._in_text = re.compile(text, re.IGNORECASE)
        self._in_bytes = re.compile(text.encode(), re.IGNORECASE)

    def redact(self, content: bytes, *, is_good: bool) -> bytes:
        """Return a body without the key; of a success, only the exact case is searched."""
        if not is_good:
            return self._in_bytes.sub(HIDDEN.encode(), content)
        for spelling in self._spelled:
            if spelling in content:
                content = content.replace(spelling, HIDDEN.encode())
        return content

    def redact_text(self, text: str) -> str:
        """Return a text without the key, in any case."""
        return self._in_text.sub(HIDDEN, text)
