"""E-mail addresses of records to write: which texts count as an address."""

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
    """Return an address without outer white space; raise `RowRejected` when it is none."""
    if isinstance(text, str):
        found = text.strip()
        if len(found) <= MAX_EMAIL_LENGTH and _EMAIL.fullmatch(found) and ".." not in found:
            return found
    raise RowRejected(f"{what}: not an e-mail address; correct it in the source")
