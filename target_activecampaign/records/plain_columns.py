"""Plain columns of contacts: `phone`, `company`, `tag`, `list`, `lists`, as tables have them."""

from __future__ import annotations

from typing import Any

from .clean import is_nothing
from .column_conflicts import columns_conflict

Record = dict[str, Any]

#: The field that each plain column gives, where the contact stream has it.
PLAIN = {"phone": "phone_numbers", "company": "account", "tag": "tags"} | dict.fromkeys(
    ("list", "lists"), "segments"
)
_PHONES = {"phone_numbers": "number", "phones": "phone"}


def with_plain_columns(record: Record, phones: str) -> Record:
    """Return a contact's record with its plain columns moved into the fields that they give.

    ``phones`` is the stream's own name of the phone numbers. Raises `RowRejected` where two columns
    give one field.
    """
    if not record.keys() & PLAIN.keys():
        return record
    found, given = dict(record), dict[str, str]()
    for name in sorted(PLAIN.keys() & record.keys()):
        field = phones if name == "phone" else PLAIN[name]
        value = _value_of(field, found.pop(name))
        if is_nothing(value):
            found.setdefault(field, None)
        elif is_nothing(found.get(field)):
            found[field], given[field] = value, name
        else:
            raise columns_conflict(field, given.get(field, field), name)
    return found


def _value_of(field: str, value: Any) -> Any:
    if is_nothing(value):
        return None
    if field in _PHONES:
        return [{_PHONES[field]: value}]
    if field == "account":
        return value if isinstance(value, dict) else {"name": value}
    return value if isinstance(value, list) else [value]
