"""Writes of notes, at /notes and below deals and accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.sandbox.crm_rows import OWNER_TYPES, show_note
from tests.sandbox.relations import row_or_404
from tests.sandbox.routes import route
from tests.sandbox.shown import SHOW
from tests.sandbox.wire import Answer, Refusal, as_id, as_text, invalid, missing, require

if TYPE_CHECKING:
    from tests.sandbox.rows import Note
    from tests.sandbox.wire import Request
    from tests.sandbox.world import World

_PARENTS = {"Subscriber": "contacts", "Deal": "deals", "CustomerAccount": "accounts"}
_BELOW = {"deals": "Deal", "accounts": "CustomerAccount"}


@route("POST", "/notes")
def create_note(w: World, r: Request) -> Answer:
    """Create a note on a contact, deal, account, task or activity."""
    body = r.wrapped("note")
    require(body, "note", "note", "relid", "reltype")
    reltype, relid = as_text(body["reltype"]), as_id(body["relid"])
    if reltype not in OWNER_TYPES or relid is None:
        raise invalid("field_invalid", "reltype", "The note cannot be written on this.")
    if reltype in _PARENTS:
        row_or_404(w, _PARENTS[reltype], relid)
    row = w.add_note(reltype, relid, as_text(body["note"]))
    return Answer(201, _created(w, row))


@route("POST", "/deals/{id}/notes", "/accounts/{id}/notes")
def create_note_below(w: World, r: Request, parent: int) -> Answer:
    """Create a note on the deal or account of the path."""
    table = r.path.split("/")[1]
    row_or_404(w, table, parent)
    body = r.wrapped("note")
    require(body, "note", "note")
    return Answer(201, _created(w, w.add_note(_BELOW[table], parent, as_text(body["note"]))))


@route("PUT|PATCH", "/notes/{id}")
def update_note(w: World, r: Request, note: int) -> dict[str, Any]:
    """Change a note; a missing note is 403."""
    row = row_or_404(w, "notes", note, verb=r.method)
    return {**_sideload(w, row), "note": _rewritten(w, r, row)}


@route("POST", "/deals/{id}/notes/{id}")
def update_deal_note(w: World, r: Request, deal: int, note: int) -> Answer:
    """Change the note of a deal by POST: 201 (§13)."""
    return Answer(201, update_note_below(w, r, deal, note))


@route("PUT", "/deals/{id}/notes/{id}", "/accounts/{id}/notes/{id}")
def update_note_below(w: World, r: Request, parent: int, note: int) -> dict[str, Any]:
    """Change a note of the deal or account of the path."""
    table = r.path.split("/")[1]
    row_or_404(w, table, parent)
    row = row_or_404(w, "notes", note)
    if (row.reltype, row.relid) != (_BELOW[table], parent):
        raise missing("Note", note)
    document = {**_sideload(w, row), "note": _rewritten(w, r, row)}
    if table == "deals":
        document["users"] = [SHOW["users"](w, w.tables["users"][row.userid])]
    return document


@route("DELETE", "/notes/{id}")
def delete_note(w: World, r: Request, note: int) -> dict[str, Any]:
    """Delete a note; a missing note is 403."""
    if w.tables["notes"].delete(note) is None:
        raise Refusal(403, missing("Note", note).answer.document)
    return {}


def _rewritten(w: World, r: Request, row: Note) -> dict[str, Any]:
    body = r.wrapped("note")
    if "note" in body:
        w.tables["notes"].change(row, note=as_text(body["note"]), mdate=w.now())
        if row.reltype == "Subscriber" and row.relid in w.tables["contacts"]:
            w.touch(row.relid)
    return show_note(w, row)


def _created(w: World, row: Note) -> dict[str, Any]:
    shown = show_note(w, row)
    owner = {"type": OWNER_TYPES[row.reltype], "id": row.relid}
    return {
        **_sideload(w, row),
        "note": {
            "note": row.note,
            "cdate": shown["cdate"],
            "mdate": shown["mdate"],
            "reltype": row.reltype,
            "relid": row.relid,
            "userid": shown["userid"],
            "links": shown["links"],
            "owner": owner,
            "is_draft": "",
            "id": shown["id"],
            "user": shown["user"],
        },
    }


def _sideload(w: World, row: Note) -> dict[str, Any]:
    table = _PARENTS.get(row.reltype)
    if table is None:
        return {}
    parent = w.tables[table].get(row.relid)
    return {table: [SHOW[table](w, parent)]} if parent is not None else {}
