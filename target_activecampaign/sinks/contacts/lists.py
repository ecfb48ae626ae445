"""Subscribes contacts to lists and unsubscribes them: one request for each list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.resources.parsing.names import fold

from .change import SUBSCRIBE, ContactChange, left_out_where_refused

if TYPE_CHECKING:
    from target_activecampaign.sinks.context import WriteContext

# What ActiveCampaign wants to be sent where a person's own opt-out is overridden.
RESUBSCRIBED = 4


def set_status(context: WriteContext, change: ContactChange, list_id: str, status: int) -> None:
    """Subscribe or unsubscribe, unless the contact has that status already."""
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
    """Subscribe where an opt-out is to be overridden, which the importer cannot."""
    for list_id in sorted(change.resubscribed):
        with left_out_where_refused(change, f"list:{list_id}"):
            set_status(context, change, list_id, SUBSCRIBE)
