"""Writes a contact by single requests: upserts it, adds its tags, sets its lists (`lists.py`).

In a dry run, `plan` counts the contacts that would gain a tag or a list.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import NotFound, walk_keyset
from tap_activecampaign_unified.resources.input_values.column_names import fold
from target_activecampaign.outcome import RowFailed, RowRejected, RowSkipped
from target_activecampaign.sinks.reject_existing import already_exists

from .contact_change import CONTACT_ITSELF, SUBSCRIBE, ContactChange, left_out_where_refused
from .list_memberships import set_status
from .tags import add_tag

if TYPE_CHECKING:
    from tap_activecampaign_unified.client import ApiResponse
    from target_activecampaign.sinks.sink_definition import Sink
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


def plan(context: WriteContext, sink: Sink, changes: list[ContactChange]) -> None:
    """Count the gains of a dry run, and collect samples of old and new values."""
    emails = [change.email for change in changes if change.email and change.id is None]
    ids = context.references.contacts_by_email(emails) if emails else {}
    for change in changes:
        if change.id is None and change.email:
            change.id = ids.get(fold(change.email))
            change.created = change.id is None
    present = _PresentAssociations(context, changes)
    for change in changes:
        who = fold(change.email) if change.email else change.id
        for name in change.adds:
            if not present.has(change, "tagid", context.references.find_by_name("tag", name)):
                context.plan.gain(f"the tag {name}", who)
            if not context.references.find_by_name("tag", name):
                context.plan.unknown[f"tag {name}"] += 1
        for list_id, status in change.lists.items():
            row = context.references.table("list").get(list_id, {})
            if status == SUBSCRIBE and not present.has(change, "listid", [row]):
                context.plan.gain(f"the list {row.get('name') or list_id}", who)
        if context.plan.wants_sample():
            _sample(context, sink, change)


class _PresentAssociations:
    """The tags and lists of existing contacts; reads each tag and list at most once."""

    def __init__(self, context: WriteContext, changes: list[ContactChange]) -> None:
        self._context = context
        self._contact_ids = {change.id for change in changes if change.id}
        self._ids_by_filter: dict[tuple[str, str], set[str]] = {}

    def has(self, change: ContactChange, param: str, rows: list[dict[str, Any]]) -> bool:
        """Return whether a contact has the tag or list of this filter."""
        native_id = str(rows[0].get("id")) if rows else ""
        if not native_id or change.id not in self._contact_ids:
            return False
        if (param, native_id) not in self._ids_by_filter:
            params: list[tuple[str, Any]] = [(param, native_id)]
            params.append(("status", SUBSCRIBE if param == "listid" else -1))
            pages = walk_keyset(self._context.client, "contacts", "contacts", params)
            ids = {str(row.get("id")) for page in pages for row in page.rows}
            self._ids_by_filter[param, native_id] = ids & self._contact_ids
        return change.id in self._ids_by_filter[param, native_id]


def _sample(context: WriteContext, sink: Sink, change: ContactChange) -> None:
    present: dict[str, Any] = {}
    custom_values: dict[str, Any] = {}
    if change.id is not None:
        present = context.references.contacts_by_id([change.id]).get(change.id, {})
        rows = context.references.nested_rows("contacts", change.id, "fieldValues")
        custom_values = {str(row.get("field")): row.get("value") for row in rows}
    fields = {name: [present.get(name), text] for name, text in change.columns.items()}
    for field_id, (definition, value, _) in change.values.items():
        fields[definition.title] = [custom_values.get(field_id), value]
    changed = {name: [old, new] for name, (old, new) in fields.items() if old != new}
    context.plan.add_sample(sink.resource.name, change.id, changed)
