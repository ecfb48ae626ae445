"""Finds the ids of contacts with a known address, in the ledger or in the account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.resources.input_values.column_names import fold

if TYPE_CHECKING:
    from target_activecampaign.sinks.write_context import WriteContext

    from .contact_change import ContactChange


def use_ledger_ids(context: WriteContext, changes: list[ContactChange]) -> None:
    """Set the ledger's ids of contacts that still have the address of their change.

    A contact's address may have changed since the ledger stored the id.
    """
    candidates = [change for change in changes if change.id is None and change.ledger_id]
    rows = context.references.contacts_by_id(change.ledger_id or "" for change in candidates)
    for change in candidates:
        if has_address(rows.get(change.ledger_id or ""), change.email):
            change.id = change.ledger_id


def has_address(row: dict[str, Any] | None, email: str | None) -> bool:
    """Return whether a contact has this address."""
    return bool(row and email) and fold(str((row or {}).get("email") or "")) == fold(email or "")


def look_up_addresses(context: WriteContext, changes: list[ContactChange]) -> list[ContactChange]:
    """Look up contacts without an id by address, and set the ids that the account has.

    Returns the changes that were looked up.
    """
    looked_up = [change for change in changes if change.id is None and change.email]
    emails = [change.email or "" for change in looked_up]
    ids = context.references.contacts_by_email(emails) if emails else {}
    for change in looked_up:
        change.id = ids.get(fold(change.email or ""))
    return looked_up
