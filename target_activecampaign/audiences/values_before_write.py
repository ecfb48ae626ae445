"""Finds the contacts that the rows of audiences will write to, and reads their present values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_activecampaign.sinks.contacts.contact_ids import has_address, look_up_addresses

if TYPE_CHECKING:
    from target_activecampaign.lookups.contact_values import ContactValues, ContactValuesReader
    from target_activecampaign.sinks.contacts.contact_change import ContactChange
    from target_activecampaign.sinks.write_context import WriteContext


def read_values(
    context: WriteContext,
    reader: ContactValuesReader,
    changes: list[ContactChange],
    looked_up: set[int],
) -> tuple[dict[str, ContactValues], dict[int, str]]:
    """Return the present values of existing contacts by id, and set the ids of the changes.

    ``looked_up`` holds the `id` of each change whose contact was found by address. Also returns, by
    the `id` of their change, the contacts of the ledger that were deleted.
    """
    values = reader.read(change.id or change.ledger_id or "" for change in changes)
    deleted, to_look_up = {}, []
    for change in changes:
        native_id = change.id or change.ledger_id
        if native_id is None or (change.id is not None and id(change) not in looked_up):
            continue
        present = values.get(native_id)
        if present is not None and has_address(present.row, change.email):
            change.id = native_id
            continue
        # The contact was deleted or has another address now. The address may have a new contact.
        if present is None and change.id is None:
            deleted[id(change)] = native_id
        change.id = None
        context.references.forget_contact(change.email or "")
        to_look_up.append(change)
    look_up_addresses(context, to_look_up)
    values |= reader.read(change.id for change in to_look_up if change.id)
    return values, deleted
