"""Sink of notes. A note belongs to a contact, an account or an opportunity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import NotFound, PermissionDenied
from tap_activecampaign_unified.resources.crm.notes import PARENTS
from tap_activecampaign_unified.resources.time_codecs import instant_or_none
from target_activecampaign.lookups.row_contact import prefetch_row_contacts
from target_activecampaign.outcome import Action, Outcome, RowRejected
from target_activecampaign.records.clean_values import is_nothing
from target_activecampaign.records.record_identity import identity_by
from target_activecampaign.records.row_references import parse_reference, parse_references
from target_activecampaign.records.skip_marked_rows import skip_flagged

from .fields.native_fields import native_fields_of
from .reject_existing import no_longer_exists, reject_created_earlier
from .row_by_row import row_by_row

if TYPE_CHECKING:
    from target_activecampaign.records.input_row import InputRow
    from target_activecampaign.records.record_identity import RecordIdentity

    from .fields.native_fields import NativeFields
    from .sink_definition import Sink
    from .write_context import WriteContext

STEP = "note"
_PATHS = {"Subscriber": "contacts", "CustomerAccount": "accounts", "Deal": "deals"}


def write_notes(context: WriteContext, sink: Sink, rows: list[InputRow]) -> None:
    """Write the notes of a batch."""
    prefetch_row_contacts(context.references, rows)
    row_by_row(write_note, _identity)(context, sink, rows)


def _identity(context: WriteContext, row: InputRow) -> RecordIdentity:
    """Return which notes may be the same, for the order of writes."""
    record = row.record
    content = "" if is_nothing(record.get("content")) else str(record["content"]).strip()
    for parent in ("opportunity", "contact", "account"):
        try:
            refs = parse_references(record.get(parent), parent)
        except RowRejected:
            break
        if refs:
            # A parent named by id and a parent named by address may be the same record.
            column = f"content on {parent} by {' and '.join(refs[0])}"
            return identity_by(
                row, {column: repr((content, refs[0]))}, ids_are_foreign=context.policy.is_foreign
            )
    return identity_by(row, {"content": content}, ids_are_foreign=context.policy.is_foreign)


def write_note(context: WriteContext, sink: Sink, row: InputRow) -> Outcome:
    """Write a note. Without an id, only the ledger knows whether the note exists.

    The account is searched only after a create without an answer.
    """
    skip_flagged(row.record)
    native = native_fields_of(context, sink, row)
    content = native.columns.get("note")
    native_id = context.foreign_ids.read(sink.family, row.record.get("id"))
    if native_id is not None:
        return _rewrite(context, sink, row, native, native_id)
    if is_nothing(content):
        raise RowRejected("content: a note needs content")
    reltype, relid = _parent(context, row)
    reject_created_earlier(context, row, "content", "notes")
    # If the text is part of the key, the note that the ledger knows has this text.
    if row.ledger_id and row.key.keys() & {"content"}:
        return native.outcome(Action.UNCHANGED, row.ledger_id)
    if row.ledger_id:
        return _rewrite(context, sink, row, native, row.ledger_id)
    body = {"note": str(content), "relid": relid, "reltype": reltype}

    def send() -> str:
        return str(context.write_client.write("POST", "notes", {"note": body}).body["note"]["id"])

    def look(since: float) -> list[str]:
        rows = context.references.nested_rows(_PATHS[reltype], relid, "notes")
        return [str(note["id"]) for note in rows if _is_like(note, body, since)]

    native_id = row.ledger_id = context.creates.create(row.ledger_key, STEP, send, look)
    context.foreign_ids.record(sink.family, row, native_id)
    return native.outcome(Action.CREATED, native_id)


def _rewrite(
    context: WriteContext, sink: Sink, row: InputRow, native: NativeFields, native_id: str
) -> Outcome:
    content = native.columns.get("note")
    if is_nothing(content):
        raise RowRejected("content: a note needs content")
    try:
        context.write_client.write("PUT", f"notes/{native_id}", {"note": {"note": str(content)}})
    except NotFound:
        raise no_longer_exists(context, sink, row) from None
    except PermissionDenied:
        # ActiveCampaign answers 403 for a note that does not exist.
        raise RowRejected("id: the account has no note with this id") from None
    context.foreign_ids.record(sink.family, row, native_id)
    return native.outcome(Action.UPDATED, native_id)


def _is_like(note: dict[str, Any], body: dict[str, Any], since: float) -> bool:
    created = instant_or_none(note.get("cdate"))
    return (
        str(note.get("note") or "").strip() == body["note"].strip()
        and note.get("reltype") in {None, body["reltype"]}
        and str(note.get("relid") or body["relid"]) == str(body["relid"])
        and created is not None
        and created.timestamp() >= since
    )


def _parent(context: WriteContext, row: InputRow) -> tuple[str, str]:
    """Return the parent of a note as ``reltype`` and ``relid``."""
    record = row.record
    deals = parse_references(record.get("opportunity"), "opportunity")
    if deals:
        return PARENTS["opportunity"], context.opportunities().resolve(deals[0])
    contacts = parse_references(record.get("contact"), "contact")
    if contacts:
        return PARENTS["contact"], context.references.contact(contacts[0])
    account = parse_reference(record.get("account"), "account")
    if account:
        return PARENTS["account"], context.references.account(account)
    raise RowRejected("contact: a note needs a contact, an account or an opportunity")
