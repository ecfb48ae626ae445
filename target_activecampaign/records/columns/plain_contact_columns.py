"""Plain columns of contacts, common in tables: `phone`, `company`, `tag`, `list`, `lists`."""

from __future__ import annotations

from typing import Any

from target_activecampaign.records.clean_values import is_nothing

from .conflicts import columns_conflict

Record = dict[str, Any]

#: The field of each plain column, if the contact stream has the field.
PLAIN = {"phone": "phone_numbers", "company": "account", "tag": "tags"} | dict.fromkeys(
    ("list", "lists"), "segments"
)
#: Columns of a membership beside its status, in lower case and without `_`.
_MEMBERSHIP_DATES = frozenset({"subscribedat", "unsubscribedat"})
_PHONES = {"phone_numbers": "number", "phones": "phone"}


def with_plain_columns(record: Record, phones: str) -> Record:
    """Return a contact's record in which the values of plain columns are in their fields.

    ``phones`` is the stream's own name of the phone numbers. Raises `RowRejected` if two columns
    name the same field.
    """
    if not record.keys() & PLAIN.keys():
        return record
    moved, columns = dict(record), dict[str, str]()
    for name in sorted(PLAIN.keys() & record.keys()):
        field = phones if name == "phone" else PLAIN[name]
        value = _value_of(field, moved.pop(name))
        if is_nothing(value):
            moved.setdefault(field, None)
        elif is_nothing(moved.get(field)):
            moved[field], columns[field] = value, name
        else:
            raise columns_conflict(field, columns.get(field, field), name)
    return moved


def with_status_of_dates(record: Record) -> Record:
    """Return a contact's record with a null status if it has a membership's dates and no status.

    Beside a null status, a list without a status of its own is not subscribed.
    """
    if "status" in record or is_nothing(record.get("segments")):
        return record
    names = {name.lower().replace("_", "") for name in record}
    return record if names.isdisjoint(_MEMBERSHIP_DATES) else {**record, "status": None}


def _value_of(field: str, value: Any) -> Any:
    if is_nothing(value):
        return None
    if field in _PHONES:
        return [{_PHONES[field]: value}]
    if field == "account":
        return value if isinstance(value, dict) else {"name": value}
    return value if isinstance(value, list) else [value]
