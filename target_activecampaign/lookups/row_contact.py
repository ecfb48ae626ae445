"""The contact that a row refers to, by its address or id, and the record that a row writes."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from target_activecampaign.outcome import RowRejected
from target_activecampaign.records.clean import is_nothing
from target_activecampaign.records.reference import references

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tap_activecampaign_unified.resources.resource import Record
    from target_activecampaign.records.record import InputRecord

    from .references import References

CONTACT_STREAMS = frozenset({"crm_contacts", "marketing_contacts"})
PAIR_STREAMS = frozenset({"marketing_contact_tags", "marketing_segment_memberships"})
_NATURAL_KEYS = {"crm_accounts": ("account", "name"), "crm_opportunities": ("deal", "external_id")}
#: Rows of these streams belong to the contact that they name, opportunities to their first one.
_OF_CONTACTS = frozenset(
    {"crm_notes", "crm_opportunities", "crm_tasks", "marketing_events"}
    | {"commerce_orders", "commerce_subscriptions"}
)


def contact_of_row(lookups: References, row: InputRecord) -> tuple[str | None, str | None]:
    """Return the address or this account's id of the contact that a row writes to."""
    record = row.record
    with contextlib.suppress(RowRejected):
        if row.stream in CONTACT_STREAMS:
            return _address_of(record), _id_here(lookups, record.get("id"))
        if row.stream not in PAIR_STREAMS | _OF_CONTACTS:
            return None, None
        named = references(record.get("contact"), "contact")
        ref: Record = dict(named[0]) if named else {}
        if row.stream in PAIR_STREAMS:
            ref.setdefault("email", record.get("contact_email") or record.get("email"))
            ref.setdefault("id", record.get("contact_id"))
        email = None if is_nothing(ref.get("email")) else str(ref["email"]).strip()
        return email, _id_here(lookups, ref.get("id"))
    return None, None


def record_named_by(lookups: References, row: InputRecord) -> tuple[str, Any]:
    """Return the kind and the natural key of the record that other rows name; None without one."""
    if row.stream in CONTACT_STREAMS:
        return "contact", contact_of_row(lookups, row)[0]
    family, column = _NATURAL_KEYS.get(row.stream, ("", ""))
    return family, row.record.get(column)


def _id_here(lookups: References, source: Any) -> str | None:
    text = None if is_nothing(source) else str(source).strip()
    return lookups.foreign_ids.resolve("contact", text)


def _address_of(record: Record) -> str | None:
    """Return the address of a contact's row: its ``email``, else the primary or first one."""
    if not is_nothing(record.get("email")):
        return str(record["email"]).strip()
    given = record.get("email_addresses")
    several = (
        [entry for entry in given if isinstance(entry, dict)] if isinstance(given, list) else []
    )
    primary = _first(entry for entry in several if entry.get("is_primary")) or _first(several) or {}
    return None if is_nothing(primary.get("email")) else str(primary["email"]).strip()


def _first(values: Iterable[Any]) -> Any:
    return next(iter(values), None)
