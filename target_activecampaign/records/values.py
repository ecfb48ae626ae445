"""Values of records to write: what counts as nothing, flags, addresses."""

from __future__ import annotations

import re
from typing import Any

from target_activecampaign.outcome import RowRejected

Record = dict[str, Any]


_EMAIL = re.compile(
    r"[^@\s,;:<>()\[\]\\\"]{1,64}@[A-Za-z0-9](?:[^@\s,;:<>()\[\]\\\"./]|\.(?!\.))*"
    r"\.[^@\s,;:<>()\[\]\\\".\d][^@\s,;:<>()\[\]\\\".]*"
)


LONGEST_EMAIL = 254


def is_nothing(value: Any) -> bool:
    """Say whether a value means "no value", as null does."""
    return value is None or value in ("", [], {}) or (isinstance(value, str) and not value.strip())


def email_of(text: Any, what: str = "email") -> str:
    """Return an address without outer white space; raise `RowRejected` when it is none."""
    if isinstance(text, str):
        found = text.strip()
        if len(found) <= LONGEST_EMAIL and _EMAIL.fullmatch(found) and ".." not in found:
            return found
    raise RowRejected(f"{what}: not an e-mail address; correct it in the source")


def fold(text: str) -> str:
    """Return a name as it is compared: without case and outer white space."""
    return text.strip().casefold()


def is_true(value: Any) -> bool:
    """Read a flag of a record, whichever way the source spells it."""
    return value is True or str(value).strip().lower() in {"1", "true", "yes"}
