"""Plain columns of contacts: `phone`, `company`, `tag`, `list`, `lists`, as tables have them."""

from __future__ import annotations

from typing import Any

from target_activecampaign.outcome import RowRejected

from .clean import is_nothing

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
    found = dict(record)
    for name in PLAIN.keys() & record.keys():
        field = phones if name == "phone" else PLAIN[name]
        value = _value_of(field, found.pop(name))
        if is_nothing(value):
            found.setdefault(field, None)
        elif is_nothing(found.get(field)):
            found[field] = value
        else:
            raise RowRejected(f"{field}: the column {name} names this field too; keep one of them")
    return found


def _value_of(field: str, value: Any) -> Any:
    if is_nothing(value):
        return None
    if field in _PHONES:
        return [{_PHONES[field]: value}]
    if field == "account":
        return value if isinstance(value, dict) else {"name": value}
    return value if isinstance(value, list) else [value]
