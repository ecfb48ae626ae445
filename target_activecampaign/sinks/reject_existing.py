"""Create-only rows: if the record exists, reject the row and leave the record unchanged.

`create` of the Python API (`api.py`) makes such rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import NotFound, PermissionDenied
from target_activecampaign.client.duplicates import is_duplicate
from target_activecampaign.outcome import RowRejected

if TYPE_CHECKING:
    from target_activecampaign.records.input_record import InputRecord
    from target_activecampaign.sinks.contacts.contact_change import ContactChange

    from .write_context import WriteContext


def already_exists(word: str, native_id: str | None) -> RowRejected:
    """Return the error of a create-only row whose record exists."""
    known = f" (id {native_id})" if native_id else ""
    return RowRejected(f"{word}: the account already has it{known}; update or upsert it instead")


def reject_existing(row: InputRecord, word: str, native_id: str | None) -> None:
    """Raise `RowRejected` if a create-only row has a record in the account."""
    if row.creates and native_id is not None:
        raise already_exists(word, native_id)


def reject_created_earlier(context: WriteContext, row: InputRecord, word: str, path: str) -> None:
    """Raise `RowRejected` if the record of an earlier create exists.

    If it does not exist any more, forget its id in the ledger and in the row, so that the row
    creates a record. Only create-only rows: others keep their id.
    """
    if not row.creates or row.ledger_id is None:
        return
    try:
        context.client.get(f"{path}/{row.ledger_id}")
    except (NotFound, PermissionDenied):
        # ActiveCampaign may answer 403 for a note that does not exist.
        context.ledger.forget(row.ledger_key)
        row.ledger_id = None
        return
    raise already_exists(word, row.ledger_id)


def gone(context: WriteContext, row: InputRecord, word: str, given_id: str | None) -> RowRejected:
    """Return the error of a row whose record no longer exists in the account.

    ``given_id`` is the id in the row. Without it, the ledger forgets the record.
    """
    if given_id is not None:
        return RowRejected(f"id: the account has no {word} with this id")
    context.ledger.forget(row.ledger_key)
    return RowRejected(
        f"the {word} of this row was deleted; the target creates it when it reads the row again"
    )


def reject_existing_contact(context: WriteContext, change: ContactChange) -> None:
    """Raise `RowRejected` for a create-only contact whose address exists."""
    if any(row_request.row.creates for row_request in change.row_requests) and change.email:
        contact = context.references.read_contact(change.email, ignores_case=True)
        if contact is not None:
            raise already_exists("email", str(contact.get("id")))


def create_contact(context: WriteContext, change: ContactChange, body: dict[str, Any]) -> None:
    """Create a contact. After a lost response, look for the address before another attempt."""
    email = change.email or ""

    def send() -> str:
        columns = {"email": email, **body}
        response = context.write_client.write("POST", "contacts", {"contact": columns})
        return str(response.body["contact"]["id"])

    def look() -> str | None:
        contact = context.references.read_contact(email, ignores_case=True)
        return str(contact["id"]) if contact is not None else None

    native_id, is_new = context.creates.create_named(send, look, is_taken=is_duplicate)
    if not is_new:
        raise already_exists("email", native_id)
    change.id, change.created, change.is_touched = native_id, True, True
    context.references.note_contact(email, native_id)
