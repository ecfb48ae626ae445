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
    """Return the present values of the contacts that exist, and set the ids of the changes.

    ``looked_up`` are the changes whose id was found by the address. Returns also the contacts
    of the ledger that were deleted. Changes are identified by `id`.
    """
    values = reader.read(change.id or change.ledger_id or "" for change in changes)
    deleted, left = {}, []
    for change in changes:
        native_id = change.id or change.ledger_id
        if native_id is None or (change.id is not None and id(change) not in looked_up):
            continue
        there = values.get(native_id)
        if there is not None and has_address(there.row, change.email):
            change.id = native_id
            continue
        # It was deleted, or has another address by now; the address may have a new contact.
        if there is None and change.id is None:
            deleted[id(change)] = native_id
        change.id = None
        context.references.forget_contact(change.email or "")
        left.append(change)
    found = look_up_addresses(context, left)
    values |= reader.read(change.id for change in found if change.id)
    return values, deleted
