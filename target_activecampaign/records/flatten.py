"""Turns flat columns back into nested records."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from target_activecampaign.outcome import RowRejected

if TYPE_CHECKING:
    from .values import Record

# Columns like `account__name` are taken apart where the first word is one of these.
NESTED = frozenset(
    {
        "custom_fields",
        "account",
        "contact",
        "opportunity",
        "stage",
        "pipeline",
        "owner",
        "group",
        "tag",
        "segment",
        "store",
        "shipping_address",
        "billing_address",
    }
)


# Columns that a SQL source can only deliver as JSON text.
STRUCTURED = NESTED | {
    "tags",
    "remove_tags",
    "segments",
    "automations",
    "leave_automations",
    "email_addresses",
    "phone_numbers",
    "phones",
    "emails",
    "addresses",
    "groups",
    "options",
    "card_config",
    "permissions",
    "body",
    "lines",
    "discounts",
    "notes",
}


def unflatten(record: Record) -> Record:
    """Return the record with its flat columns nested and its JSON texts read.

    Raises `RowRejected` where a column that must be structured holds text that is no JSON.
    """
    found: Record = {}
    flat: dict[str, Record] = {}
    for name, value in record.items():
        head, mark, tail = name.partition("__")
        if mark and tail and head in NESTED:
            flat.setdefault(head, {})[tail] = value
        elif isinstance(value, str) and name in STRUCTURED and value[:1] in "[{":
            found[name] = _from_json(name, value) if value else None
        else:
            found[name] = value
    for head, parts in flat.items():
        beside = found.get(head)
        if isinstance(beside, dict):
            found[head] = {**beside, **parts}
        elif head == "custom_fields" or any(value is not None for value in parts.values()):
            found[head] = parts
        else:
            found.setdefault(head, None)
    return found


def _from_json(name: str, value: str) -> Any:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise RowRejected(f"{name}: text that starts like JSON but is not JSON") from None
