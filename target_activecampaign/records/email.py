"""Checks the e-mail addresses of records to write."""

from __future__ import annotations

import re
from typing import Any

from target_activecampaign.outcome import RowRejected

_EMAIL = re.compile(
    r"[^@\s,;:<>()\[\]\\\"]{1,64}@[A-Za-z0-9](?:[^@\s,;:<>()\[\]\\\"./]|\.(?!\.))*"
    r"\.[^@\s,;:<>()\[\]\\\".\d][^@\s,;:<>()\[\]\\\".]*"
)

MAX_EMAIL_LENGTH = 254


def email_of(text: Any, what: str = "email") -> str:
    """Return an address without outer white space; raise `RowRejected` for any other value."""
    if isinstance(text, str):
        email = text.strip()
        if len(email) <= MAX_EMAIL_LENGTH and _EMAIL.fullmatch(email) and ".." not in email:
            if not email.isprintable():  # such as a byte order mark or a zero-width blank
                raise RowRejected(
                    f"{what}: it has an invisible character; correct it in the source"
                )
            return email
    raise RowRejected(f"{what}: not an e-mail address; correct it in the source")
