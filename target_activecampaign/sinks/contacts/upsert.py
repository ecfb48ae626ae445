"""Writes a contact by single requests: upserts it, adds its tags, and sets its lists.

`list_memberships.py` sends the request of a list.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import NotFound
from tap_activecampaign_unified.resources.input_values.column_names import fold
from target_activecampaign.outcome import RowFailed, RowRejected, RowSkipped
from target_activecampaign.sinks.reject_existing import already_exists

from .contact_change import CONTACT_ITSELF, ContactChange, left_out_where_refused
from .list_memberships import set_status
from .tags import add_tag

if TYPE_CHECKING:
    from tap_activecampaign_unified.client import ApiResponse
    from target_activecampaign.sinks.write_context import WriteContext

ANOTHER_CONTACT = (
    "ActiveCampaign answered with a contact of another address: nothing else of the row was sent"
)


def write_one(context: WriteContext, change: ContactChange) -> None:
    """Write a change except removed tags, links and automations; set its id and ``created``."""
    body: dict[str, Any] = dict(change.columns)
    if change.values:
        body["fieldValues"] = [
            {"field": field_id, "value": value}
            for field_id, (_, value, __) in change.values.items()
        ]
    if change.new_email is not None:
        body["email"] = change.new_email
    if change.id is not None and (body or not change.email or not change.upserts):
        if body:
            _update(context, change, body)
    elif change.id is None and not change.upserts:
        _find(context, change)
    elif change.id is None and any(row_request.row.creates for row_request in change.row_requests):
        _create(context, change, body)
    elif change.id is None:
        _sync(context, change, body)
    for name in change.adds:
        with left_out_where_refused(change, f"tag:{fold(name)}"):
            add_tag(context, change, name)
    for list_id, status in change.lists.items():
        with left_out_where_refused(change, f"list:{list_id}"):
            set_status(context, change, list_id, status)


def _update(context: WriteContext, change: ContactChange, body: dict[str, Any]) -> None:
    try:
        context.write_client.write("PUT", f"contacts/{change.id}", {"contact": body})
    except NotFound:
        raise RowRejected("id: the account has no contact with this id") from None
    change.is_touched = True
    change.created = False
    if change.new_email is not None and change.id is not None:
        context.references.note_new_address(change.id, change.email or "", change.new_email)
        context.opt_outs.forget()


def _create(context: WriteContext, change: ContactChange, body: dict[str, Any]) -> None:
    """Create a contact. After a lost response, look for the address before another attempt."""
    email = change.email or ""

    def send() -> str:
        columns = {"email": email, **body}
        response = context.write_client.write("POST", "contacts", {"contact": columns})
        return str(response.body["contact"]["id"])

    def look() -> str | None:
        contact = context.references.read_contact(email, ignores_case=True)
        return str(contact["id"]) if contact is not None else None

    native_id, is_new = context.creates.create_named(send, look)
    if not is_new:
        raise already_exists("email", native_id)
    change.id, change.created, change.is_touched = native_id, True, True
    context.references.note_contact(email, native_id)


def _sync(context: WriteContext, change: ContactChange, body: dict[str, Any]) -> None:
    def check(response: ApiResponse) -> None:
        row = response.body.get("contact")
        address = row.get("email") if isinstance(row, dict) else None
        if address and fold(str(address)) != fold(change.email or ""):
            raise RowFailed(ANOTHER_CONTACT)

    # A second upsert by address has the same effect, so a retry is safe.
    response = context.write_client.write(
        "POST",
        "contact/sync",
        {"contact": {"email": change.email, **body}},
        repeatable=True,
        check=check,
    )
    row = response.body.get("contact")
    if isinstance(row, dict) and row.get("id"):
        change.id = str(row["id"])
        context.references.note_contact(change.email or "", change.id)
    change.created = response.status == 201
    change.is_touched = True


def _find(context: WriteContext, change: ContactChange) -> None:
    email = change.email or ""
    change.id = context.references.contacts_by_email([email]).get(fold(email))
    if change.id is None and change.enters:
        # A row that enters an automation creates the contact, like a row that adds a tag.
        for row_request in change.row_requests:
            row_request.requested.add(CONTACT_ITSELF)
        _sync(context, change, {})
    elif change.id is None:
        raise RowSkipped("the account has no contact with this address: nothing to remove")
