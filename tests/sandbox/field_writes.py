"""Writes of contact fields, their options and their relations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.sandbox.acts import perstag_of
from tests.sandbox.mail_rows import show_field, show_field_option, show_field_rel
from tests.sandbox.relations import row_or_404
from tests.sandbox.routes import route
from tests.sandbox.rows import FieldOption, FieldRel
from tests.sandbox.store import fold
from tests.sandbox.wire import Answer, Refusal, as_id, as_text, invalid, missing, require

if TYPE_CHECKING:
    from tests.sandbox.wire import Request
    from tests.sandbox.world import World

TYPES = (
    "text",
    "textarea",
    "date",
    "datetime",
    "dropdown",
    "listbox",
    "radio",
    "checkbox",
    "hidden",
    "number",
    "NULL",
)
_FLAGS = ("isrequired", "show_in_list", "visible", "ordernum")
_TEXTS = ("title", "descript", "perstag", "defval")


@route("POST", "/fields")
def create_field(w: World, r: Request) -> Answer:
    """Create a field with a new title; its perstag comes from the title."""
    body = r.wrapped("field")
    require(body, "field", "title", "type")
    if as_text(body["type"]) not in TYPES:
        raise invalid("field_invalid", "type", "The field type is unknown.")
    title = as_text(body["title"])
    _refuse_taken_title(w, title, None)
    wanted = (as_text(body.get("perstag")) or perstag_of(title)).strip("%").upper()
    taken = {row.perstag for row in w.tables["fields"]}
    perstag, number = wanted, 1
    while perstag in taken:
        number += 1
        perstag = f"{wanted}_{number}"
    row = w.add_field(title, body["type"], perstag, **_columns(body, ("descript", "defval")))
    full = show_field(w, row)
    kept = ("title", "type", "created_by", "updated_by", "cdate", "udate", "perstag", "links", "id")
    shown = {name: full[name] for name in kept} | {"ordernum": row.ordernum}
    return Answer(201, {"field": shown})


@route("PUT", "/fields/{id}")
def update_field(w: World, r: Request, field: int) -> dict[str, Any]:
    """Change a field; its type does not change."""
    row = row_or_404(w, "fields", field)
    body = r.wrapped("field")
    if "title" in body:
        _refuse_taken_title(w, as_text(body["title"]), field)
    columns = _columns(body, _TEXTS)
    columns |= {name: int(body[name]) for name in _FLAGS if str(body.get(name, "")).isdecimal()}
    w.tables["fields"].change(row, udate=w.now(), **columns)
    return {"field": show_field(w, row)}


@route("DELETE", "/fields/{id}")
def delete_field(w: World, r: Request, field: int) -> dict[str, Any]:
    """Delete a field with its options, relations and every value."""
    row_or_404(w, "fields", field)
    w.delete_field(field)
    return {}


@route("POST", "/fieldOption/bulk")
def create_options(w: World, r: Request) -> Answer:
    """Add options to fields; an error is one text."""
    document = r.json
    sent = document.get("fieldOptions") if isinstance(document, dict) else None
    if not isinstance(sent, list) or not sent:
        raise Refusal(422, {"errors": "No field options were provided."})
    for entry in sent:
        if not isinstance(entry, dict) or w.tables["fields"].get(as_id(entry.get("field"))) is None:
            raise Refusal(422, {"errors": "A field option names no existing field."})
        if entry.get("value") in (None, ""):
            raise Refusal(422, {"errors": "A field option has no value."})
    now = w.now()
    shown = []
    for entry in sent:
        order, default = as_id(entry.get("orderid")) or 0, int(bool(entry.get("isdefault")))
        label = str(entry.get("label", entry["value"]))
        row = w.tables["fieldOptions"].insert(
            FieldOption(
                as_id(entry["field"]) or 0, order, str(entry["value"]), label, default, now, now
            )
        )
        shown.append(
            {
                "orderid": order,
                "value": row.value,
                "label": label,
                "isdefault": default,
                "field": entry["field"],
                "cdate": w.dt(now),
                "udate": w.dt(now),
                "links": show_field_option(w, row)["links"],
                "id": str(row.id),
            }
        )
    return Answer(201, {"fieldOptions": shown})


@route("POST", "/fieldRels")
def create_field_rel(w: World, r: Request) -> Answer:
    """Show a field on a list, or with relid 0 on all."""
    body = r.wrapped("fieldRel")
    field, relid = as_id(body.get("field")), as_id(body.get("relid"))
    if w.tables["fields"].get(field) is None:
        raise invalid("related_missing", "field", "Related field does not exist.")
    if relid is None or (relid and relid not in w.tables["lists"]):
        raise invalid("related_missing", "relid", "Related list does not exist.")
    row = w.tables["fieldRels"].insert(FieldRel(field or 0, relid, w.now()))
    full = show_field_rel(w, row)
    shown = {name: body[name] for name in ("relid", "field")}
    shown |= {name: full[name] for name in ("cdate", "links", "id")}
    return Answer(201, {"fieldRel": shown})


@route("DELETE", "/fieldRels/{id}")
def delete_field_rel(w: World, r: Request, relation: int) -> dict[str, Any]:
    """Remove a field from a list; a missing relation is 403."""
    if w.tables["fieldRels"].delete(relation) is None:
        raise Refusal(403, missing("FieldRel", relation).answer.document)
    return {}


def _columns(body: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: as_text(body[name]) for name in names if name in body}


def _refuse_taken_title(w: World, title: str, own: int | None) -> None:
    if any(fold(row.title) == fold(title) and row.id != own for row in w.tables["fields"]):
        if own is None:
            w.tables["fields"].take_id()
        raise invalid("duplicate", None, "A field of this title already exists.")
