"""Sinks of associations: a contact with a tag, a contact with a list."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING

from tap_activecampaign_unified.client import NotFound, RequestError
from tap_activecampaign_unified.resources.input_values.column_names import fold
from target_activecampaign.outcome import RowRejected, RowSkipped
from target_activecampaign.records.clean_values import is_nothing
from target_activecampaign.records.columns.matching import LOADER_PREFIXES
from target_activecampaign.records.email import email_of
from target_activecampaign.records.list_status import consent_of
from target_activecampaign.records.row_references import key_text, parse_reference
from target_activecampaign.sinks.reject_existing import reject_existing

from .contact_change import ContactChange, RowRequest
from .parse_contact import note_requested, put_list, put_tag
from .sink import apply_changes, parse_or_report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tap_activecampaign_unified.resources.resource import Record
    from target_activecampaign.records.input_row import InputRow
    from target_activecampaign.sinks.sink_definition import Sink
    from target_activecampaign.sinks.write_context import WriteContext

#: The columns of a membership that name its contact and its list; every other one is a fact of it.
IDENTIFYING = frozenset(
    {"id", "email", "contact_email", "account_label", "remote_data", "_errors"}
    | {f"{what}{part}" for what in ("contact", "segment") for part in ("", "_id", "_name")}
)
#: The collection of each kind of association, and the column of the id of the tag or list.
_ASSOCIATIONS = {"tag": ("contactTags", "tag_id"), "list": ("contactLists", "segment_id")}


def write_contact_tags(context: WriteContext, sink: Sink, rows: list[InputRow]) -> None:
    """Apply tags, or remove them where the row says so."""
    _write(context, sink, rows, _tag_change)


def write_memberships(context: WriteContext, sink: Sink, rows: list[InputRow]) -> None:
    """Subscribe and unsubscribe."""
    _write(context, sink, rows, _list_change)


def _write(
    context: WriteContext,
    sink: Sink,
    rows: list[InputRow],
    read: Callable[[WriteContext, InputRow], ContactChange],
) -> None:
    _prefetch(context, rows)
    changes = []
    for row in rows:
        change = parse_or_report(context, row, partial(read, context, row))
        if change is not None:
            changes.append(change)
    apply_changes(context, sink, changes)


def _prefetch(context: WriteContext, rows: list[InputRow]) -> None:
    """Look up the addresses of rows without an id; an error surfaces when its row is parsed."""
    refs = []
    for row in rows:
        with contextlib.suppress(RowRejected):
            ref = _ref(row.record, "contact")
            email = row.record.get("email")
            email = ref.get("email") if is_nothing(email) else email
            is_known = bool(context.foreign_ids.resolve("contact", ref.get("id")))
            if not is_nothing(email) and not is_known:
                refs.append({"email": email_of(email)})
    with contextlib.suppress(RequestError):
        context.references.prefetch_contacts(refs)


def _tag_change(context: WriteContext, row: InputRow) -> ContactChange:
    change = _contact_change(context, row)
    ref = _ref(row.record, "tag")
    if not ref:
        raise RowRejected("tag_id: the row names no tag")
    status = row.record.get("status")
    status = "applied" if is_nothing(status) else str(status).strip().lower()
    if status not in {"applied", "active", "removed"}:
        raise RowRejected("status: must be removed, or absent to apply the tag")
    put_tag(context, change, ref, is_added=status != "removed")
    ids = [
        str(tag["id"])
        for name in change.adds
        for tag in context.references.find_by_name("tag", name)
    ]
    _reject_existing_association(context, change, "tag", ids)
    note_requested(change)
    return change


def _list_change(context: WriteContext, row: InputRow) -> ContactChange:
    change = _contact_change(context, row)
    ref = _ref(row.record, "segment")
    if not ref:
        raise RowRejected("segment_id: the row names no list")
    given = {name: row.record[name] for name in ("status",) if name in row.record}
    known = IDENTIFYING | row.key.keys()
    facts = [
        name
        for name in row.record
        if name not in known and not name.lower().startswith(LOADER_PREFIXES)
    ]
    put_list(context, change, ref, consent_of(given, facts), "status")
    if not change.lists:
        raise RowSkipped("; ".join(change.row_requests[0].reasons))
    _reject_existing_association(context, change, "list", change.lists)
    note_requested(change)
    return change


def _contact_change(context: WriteContext, row: InputRow) -> ContactChange:
    change = ContactChange([RowRequest(row)])
    ref = _ref(row.record, "contact")
    email = row.record.get("email")
    if is_nothing(email):
        email = ref.get("email")
    if not is_nothing(email):
        change.email = email_of(email)
    change.id = context.foreign_ids.read("contact", ref.get("id"), "contact_id")
    if change.id is None:
        if change.email is None:
            raise context.references.contact_not_found(None)
        # An association never creates a contact.
        change.id = context.references.contacts_by_email([change.email]).get(fold(change.email))
        if change.id is None:
            raise context.references.contact_not_found(change.email)
    change.email = None if change.id else change.email
    return change


def _reject_existing_association(
    context: WriteContext, change: ContactChange, kind: str, ids: Iterable[str]
) -> None:
    """Raise `RowRejected` if a create-only row names a tag or list that the contact has.

    ``ids`` are the ids of the tags or lists.
    """
    row = change.row_requests[0].row
    if not row.creates or change.id is None:
        return
    collection, column = _ASSOCIATIONS[kind]
    try:
        rows = context.references.nested_rows("contacts", change.id, collection)
    except NotFound:
        raise RowRejected("contact_id: the account has no contact with this id") from None
    present = {str(association.get(kind)) for association in rows}
    existing = next((native_id for native_id in ids if native_id in present), None)
    reject_existing(row, column, existing)


def _ref(record: Record, what: str) -> dict[str, str]:
    """Return a reference to ``what``: from its column, then from `<what>_id` and `<what>_name`."""
    ref = parse_reference(record.get(what), what)
    for part in ("id", "name", "email"):
        value = record.get(f"{what}_{part}")
        if part not in ref and not is_nothing(value):
            text = key_text(value, f"{what}_{part}", is_id=part == "id")
            if text is not None:
                ref[part] = text
    return ref
