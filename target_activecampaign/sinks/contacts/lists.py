"""Subscribes contacts to lists and unsubscribes them, with a request per list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.resources.input_values.column_names import fold

from .contact_change import SUBSCRIBE, ContactChange, left_out_where_refused

if TYPE_CHECKING:
    from target_activecampaign.sinks.write_context import WriteContext

# The `sourceid` that ActiveCampaign requires to override a person's own opt-out.
RESUBSCRIBED = 4


def set_status(context: WriteContext, change: ContactChange, list_id: str, status: int) -> None:
    """Subscribe or unsubscribe a contact, unless it has the status already."""
    if change.memberships.get(list_id) == status:
        return
    body: dict[str, Any] = {"list": list_id, "contact": change.id, "status": status}
    if list_id in change.resubscribed:
        body["sourceid"] = RESUBSCRIBED
    if change.id is None and change.email is not None:
        change.id = context.references.contacts_by_email([change.email]).get(fold(change.email))
        body["contact"] = change.id
    context.write_client.write("POST", "contactLists", {"contactList": body}, repeatable=True)
    change.is_touched = True


def subscribe_again(context: WriteContext, change: ContactChange) -> None:
    """Subscribe a contact to the lists whose opt-out is overridden. The importer cannot do this."""
    for list_id in sorted(change.resubscribed):
        with left_out_where_refused(change, f"list:{list_id}"):
            set_status(context, change, list_id, SUBSCRIBE)
