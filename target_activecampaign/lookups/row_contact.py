"""The contact that a row writes to: the address and the id in the row."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import RequestError
from target_activecampaign.outcome import RowRejected
from target_activecampaign.records.clean_values import is_nothing
from target_activecampaign.records.row_references import parse_references

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tap_activecampaign_unified.resources.resource import Record
    from target_activecampaign.records.input_row import InputRow

    from .reference_resolver import ReferenceResolver

CONTACT_STREAMS = frozenset({"crm_contacts", "marketing_contacts"})
PAIR_STREAMS = frozenset({"marketing_contact_tags", "marketing_segment_memberships"})
#: Rows of these streams belong to the contact that they name, opportunities to the first contact.
_OF_CONTACTS = frozenset(
    {"crm_notes", "crm_opportunities", "crm_tasks", "marketing_events"}
    | {"commerce_orders", "commerce_subscriptions"}
)


def contact_of_row(lookups: ReferenceResolver, row: InputRow) -> tuple[str | None, str | None]:
    """Return the address and this account's id of the contact that a row writes to."""
    record = row.record
    with contextlib.suppress(RowRejected):
        if row.stream in CONTACT_STREAMS:
            return _address_of(record), _id_here(lookups, record.get("id"))
        if row.stream not in PAIR_STREAMS | _OF_CONTACTS:
            return None, None
        contacts = parse_references(record.get("contact"), "contact")
        ref: Record = dict(contacts[0]) if contacts else {}
        if row.stream in PAIR_STREAMS:
            ref.setdefault("email", record.get("contact_email") or record.get("email"))
            ref.setdefault("id", record.get("contact_id"))
        email = None if is_nothing(ref.get("email")) else str(ref["email"]).strip()
        return email, _id_here(lookups, ref.get("id"))
    return None, None


def prefetch_row_contacts(lookups: ReferenceResolver, rows: Iterable[InputRow]) -> None:
    """Look up the contacts of many rows at once. The write of a row reports its error."""
    refs = []
    for row in rows:
        with contextlib.suppress(RowRejected):
            refs += parse_references(row.record.get("contact"), "contact")
    with contextlib.suppress(RequestError):
        lookups.prefetch_contacts(refs)


def deciding_name(lookups: ReferenceResolver, row: InputRow) -> tuple[str | None, str | None]:
    """Return the address or the id that decides which contact a row writes to.

    The id decides, with two exceptions: the address decides for events and for contacts of another
    account.
    """
    email, native_id = contact_of_row(lookups, row)
    is_by_address = row.stream == "marketing_events" or (
        lookups.policy.is_foreign and row.stream in CONTACT_STREAMS
    )
    if native_id is not None and not (email and is_by_address):
        return None, native_id
    return email, None


def _id_here(lookups: ReferenceResolver, value: Any) -> str | None:
    text = None if is_nothing(value) else str(value).strip()
    return lookups.foreign_ids.resolve("contact", text)


def _address_of(record: Record) -> str | None:
    """Return the address of a contact's row: ``email``, or of ``email_addresses`` the primary.

    Without a primary address, the first address counts.
    """
    if not is_nothing(record.get("email")):
        return str(record["email"]).strip()
    emails = record.get("email_addresses")
    items = emails if isinstance(emails, list) else []
    entries = [item for item in items if isinstance(item, dict)]
    primary = _first(entry for entry in entries if entry.get("is_primary")) or _first(entries) or {}
    return None if is_nothing(primary.get("email")) else str(primary["email"]).strip()


def _first(values: Iterable[Any]) -> Any:
    return next(iter(values), None)
