"""The sink of segments, which ActiveCampaign calls lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_activecampaign_unified.client import InvalidRequest, NotFound, PermissionDenied
from tap_activecampaign_unified.resources.custom_fields import slug
from target_activecampaign.outcome import Action, Outcome
from target_activecampaign.sinks.fields.native_fields import native_fields_of

from .named_resource import write_named

if TYPE_CHECKING:
    from target_activecampaign.records.input_row import InputRow
    from target_activecampaign.sinks.sink_definition import Sink
    from target_activecampaign.sinks.write_context import WriteContext


REMINDER = "You are on this list because you signed up for it."


def write_list(context: WriteContext, sink: Sink, row: InputRow) -> Outcome:
    """Create or update a list.

    ActiveCampaign never sends the last broadcast of a new list to new members.
    """
    native = native_fields_of(context, sink, row)
    name = str(native.columns.get("name") or "").strip()
    other = next(iter(context.references.table("list").values()), {})
    new_columns = {
        "stringid": slug(name).replace("_", "-") or "list",
        "sender_url": other.get("sender_url") or context.client.address.origin,
        "sender_reminder": other.get("sender_reminder") or REMINDER,
        **native.columns,
        "send_last_broadcast": 0,
    }
    channel = str(row.record.get("channel") or "").strip().lower()
    if channel in {"email", "sms"}:
        new_columns["channel"] = channel
    before = set(context.references.table("list"))
    outcome = write_named(context, sink, row, native, name=name, new_columns=new_columns)
    if outcome.action is Action.CREATED and outcome.id not in before:
        _show_list(context, str(outcome.id))
    return outcome


def _show_list(context: WriteContext, list_id: str) -> None:
    """Give the first group access to a new list. Without a group, users may not see the list."""
    try:
        groups = sorted(context.references.table("group"), key=lambda group: (len(group), group))
        if groups:
            body = {"listGroup": {"listid": list_id, "groupid": groups[0]}}
            context.write_client.write("POST", "listGroups", body, repeatable=True)
    except (InvalidRequest, PermissionDenied, NotFound):
        return  # the list exists; its access is not part of the row
