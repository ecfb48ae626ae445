"""Values of records to write: addresses and flags."""

from __future__ import annotations

import re
from typing import Any

from tap_activecampaign_unified.resources.parsing import InvalidValue
from tap_activecampaign_unified.resources.parsing.flags import parse_flag
from target_activecampaign.outcome import RowRejected

Record = dict[str, Any]


_EMAIL = re.compile(
    r"[^@\s,;:<>()\[\]\\\"]{1,64}@[A-Za-z0-9](?:[^@\s,;:<>()\[\]\\\"./]|\.(?!\.))*"
    r"\.[^@\s,;:<>()\[\]\\\".\d][^@\s,;:<>()\[\]\\\".]*"
)


LONGEST_EMAIL = 254


def email_of(text: Any, what: str = "email") -> str:
    """Return an address without outer white space; raise `RowRejected` when it is none."""
    if isinstance(text, str):
        found = text.strip()
        if len(found) <= LONGEST_EMAIL and _EMAIL.fullmatch(found) and ".." not in found:
            return found
    raise RowRejected(f"{what}: not an e-mail address; correct it in the source")


def flag_of(record: Record, name: str, column: str | None = None) -> bool:
    """Return a flag of a record, False where there is none; raise `RowRejected` for other words."""
    try:
        return bool(parse_flag(record.get(name)))
    except InvalidValue as problem:
        raise RowRejected(f"{column or name}: {problem}") from None
