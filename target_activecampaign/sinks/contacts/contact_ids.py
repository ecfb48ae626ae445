"""Finds the ids of contacts of which only the address is known: in the ledger, in the account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.resources.parsing.names import fold

if TYPE_CHECKING:
    from target_activecampaign.sinks.context import WriteContext

    from .change import ContactChange


def use_ledger_ids(context: WriteContext, changes: list[ContactChange]) -> None:
    """Set the ids that the ledger knows of addresses, where the contacts still have them.

    Since the ledger noted an id, its contact may have got another address, and the address another
    contact.
    """
    mine = [change for change in changes if change.id is None and change.ledger_id]
    rows = context.references.contacts_by_id(change.ledger_id or "" for change in mine)
    for change in mine:
        if has_address(rows.get(change.ledger_id or ""), change.email):
            change.id = change.ledger_id


def has_address(row: dict[str, Any] | None, email: str | None) -> bool:
    """Return whether a contact has this address."""
    return bool(row and email) and fold(str((row or {}).get("email") or "")) == fold(email or "")


def look_up_ids(context: WriteContext, changes: list[ContactChange]) -> list[ContactChange]:
    """Set the ids of the contacts that only have an address, as far as the account has them.

    Returns the changes without an id that were looked up.
    """
    looked_up = [change for change in changes if change.id is None and change.email]
    emails = [change.email or "" for change in looked_up]
    ids = context.references.contacts_by_email(emails) if emails else {}
    for change in looked_up:
        change.id = ids.get(fold(change.email or ""))
    return looked_up
