"""Notes: on a contact, an account or an opportunity, each of them once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import Forbidden, Missing
from tap_activecampaign_unified.resources.codecs import parse_instant
from tap_activecampaign_unified.resources.crm.notes import PARENTS
from target_activecampaign.client.create_once import create_once, settled
from target_activecampaign.lookups.deals import Deals
from target_activecampaign.outcome import Action, Outcome, Rejection
from target_activecampaign.records.identity import known_by
from target_activecampaign.records.reference import reference, references
from target_activecampaign.records.values import is_nothing

from .create_only import refuse_made
from .opportunities import prefetch
from .record_sink import each, native_of, own_id_of, refuse_marked

if TYPE_CHECKING:
    from target_activecampaign.records.identity import Sign
    from target_activecampaign.records.record import Row

    from .context import Desk
    from .record_sink import Native
    from .sink import Kind

STEP = "note"
_PATHS = {"Subscriber": "contacts", "CustomerAccount": "accounts", "Deal": "deals"}


def write_notes(desk: Desk, kind: Kind, rows: list[Row]) -> None:
    """Write the notes of a batch."""
    prefetch(desk, rows)
    each(write_note, _sign)(desk, kind, rows)


def _sign(desk: Desk, row: Row) -> Sign:
    """Return by what a note is known: its id, else its content and what it hangs on."""
    record = row.record
    content = "" if is_nothing(record.get("content")) else str(record["content"]).strip()
    for parent in ("opportunity", "contact", "account"):
        try:
            refs = references(record.get(parent), parent)
        except Rejection:
            break
        if refs:
            # A parent by id and one by address may be the same one.
            column = f"content on {parent} by {' and '.join(refs[0])}"
            return known_by(desk, row, {column: repr((content, refs[0]))})
    return known_by(desk, row, {"content": content})


def write_note(desk: Desk, kind: Kind, row: Row) -> Outcome:
    """Write one note."""
    refuse_marked(row)
    native = native_of(desk, kind, row)
    content = native.columns.get("note")
    native_id = own_id_of(desk, kind, row)
    if native_id is not None:
        return _rewrite(desk, kind, row, native, native_id)
    if is_nothing(content):
        raise Rejection("content: a note needs content")
    reltype, relid = _parent(desk, row)
    refuse_made(desk, row, "content", "notes")
    if row.known_id and row.key.keys() & {"content"}:
        return native.outcome(Action.UNCHANGED, row.known_id)
    if row.known_id:
        return _rewrite(desk, kind, row, native, row.known_id)
    body = {"note": str(content), "relid": relid, "reltype": reltype}

    def send() -> str:
        return str(desk.pen.write("POST", "notes", {"note": body}).body["note"]["id"])

    def look(since: float) -> list[str]:
        rows = desk.references.below(_PATHS[reltype], relid, "notes")
        return [str(one["id"]) for one in rows if _is_like(one, body, since)]

    native_id = create_once(desk, row.ledger_key, STEP, send, look)
    settled(desk, row.ledger_key, STEP, native_id)
    row.known_id = native_id
    desk.note_copy(kind, row, native_id)
    return native.outcome(Action.CREATED, native_id)


def _rewrite(desk: Desk, kind: Kind, row: Row, native: Native, native_id: str) -> Outcome:
    content = native.columns.get("note")
    if is_nothing(content):
        raise Rejection("content: nothing to write")
    try:
        desk.pen.write("PUT", f"notes/{native_id}", {"note": {"note": str(content)}})
    except (Missing, Forbidden):
        # A note that is not there answers 403.
        raise Rejection("id: the account has no note with this id") from None
    desk.note_copy(kind, row, native_id)
    return native.outcome(Action.UPDATED, native_id)


def _is_like(one: dict[str, Any], body: dict[str, Any], since: float) -> bool:
    made = parse_instant(one.get("cdate"))
    return (
        str(one.get("note") or "").strip() == body["note"].strip()
        and one.get("reltype") in {None, body["reltype"]}
        and str(one.get("relid") or body["relid"]) == str(body["relid"])
        and made is not None
        and made.timestamp() >= since
    )


def _parent(desk: Desk, row: Row) -> tuple[str, str]:
    """Return what the note hangs on, in ActiveCampaign's words."""
    record = row.record
    deals = references(record.get("opportunity"), "opportunity")
    if deals:
        return PARENTS["opportunity"], opportunity_of(desk, deals[0])
    contacts = references(record.get("contact"), "contact")
    if contacts:
        return PARENTS["contact"], desk.references.contact(contacts[0])
    account = reference(record.get("account"), "account")
    if account:
        return PARENTS["account"], desk.references.account(account)
    raise Rejection("contact: a note needs a contact, an account or an opportunity")


def opportunity_of(desk: Desk, ref: dict[str, str]) -> str:
    """Return a deal's id; another account's id only once its copy is here."""
    source = ref.get("id")
    if source and not desk.policy.is_foreign:
        return source
    own = desk.ledger.own_id("deal", source) if source else None
    if own:
        return own
    if ref.get("external_id"):
        return _keyed_by(desk, ref["external_id"])
    raise desk.references.absent("opportunity", "deal", "id" if source else "name")


def _keyed_by(desk: Desk, external_id: str) -> str:
    """Return the one deal that holds your own key; raises `Wait` when it may still come."""
    name = desk.policy.opportunity_external_id_field
    field = desk.references.fields("opportunity").find(name) if name else None
    if field is None:
        raise Rejection(
            "opportunity: external_id needs opportunity_external_id_field, and that deal field"
        )
    found = set(Deals(desk, []).keyed(external_id, field.id))
    if len(found) > 1:
        raise Rejection("opportunity: external_id fits several; give the id")
    if found:
        return found.pop()
    raise desk.references.absent("opportunity", "deal", "external_id")
