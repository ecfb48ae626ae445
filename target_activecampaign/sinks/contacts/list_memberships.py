"""Subscribes contacts to lists and unsubscribes them, with a request per list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .contact_change import SUBSCRIBE, ContactChange, left_out_where_refused
from .contact_ids import look_up_addresses

if TYPE_CHECKING:
    from target_activecampaign.sinks.write_context import WriteContext

# The `sourceid` that ActiveCampaign requires to override a person's own opt-out.
RESUBSCRIBED = 4


def set_status(context: WriteContext, change: ContactChange, list_id: str, status: int) -> None:
    """Subscribe or unsubscribe a contact, unless it has the status already."""
    if change.memberships.get(list_id) == status:
        return
    look_up_addresses(context, [change])  # the response to a write may have had no id
    body: dict[str, Any] = {"list": list_id, "contact": change.id, "status": status}
    if list_id in change.resubscribed:
        body["sourceid"] = RESUBSCRIBED
    context.write_client.write("POST", "contactLists", {"contactList": body}, repeatable=True)
    change.is_touched = True


def subscribe_again(context: WriteContext, change: ContactChange) -> None:
    """Subscribe a contact to the lists whose opt-out is overridden. The importer cannot do this."""
    for list_id in sorted(change.resubscribed):
        with left_out_where_refused(change, f"list:{list_id}"):
            set_status(context, change, list_id, SUBSCRIBE)
