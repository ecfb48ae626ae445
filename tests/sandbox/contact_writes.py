"""Writes of contacts: create, upsert, partial update, delete, and single field values."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.sandbox.contact_rows import show_contact, show_field_value
from tests.sandbox.contacts import contact_or_404
from tests.sandbox.field_inputs import read_contact_value, write_contact_values
from tests.sandbox.relations import row_or_404
from tests.sandbox.routes import route
from tests.sandbox.wire import (
    Answer,
    Refusal,
    as_id,
    as_text,
    invalid,
    not_provided,
    related_missing,
)

if TYPE_CHECKING:
    from tests.sandbox.rows import Contact, FieldValue
    from tests.sandbox.wire import Request
    from tests.sandbox.world import World

_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_COLUMNS = ("firstName", "lastName", "phone")
FULL = "The contact limit of this account has been reached."
_ONLY_IN_LISTS = (
    "last_click_date",
    "last_open_date",
    "last_mpp_open_date",
    "whatsapp_id",
    "whatsapp_username",
    "scoreValues",
    "accountContacts",
)


def is_email(text: object) -> bool:
    """Return whether ActiveCampaign would accept an address."""
    return isinstance(text, str) and _EMAIL.fullmatch(text.strip()) is not None


def is_full(w: World) -> bool:
    """Return whether another contact would be refused; no recording shows such a refusal."""
    return w.switches.over_limit == "refused" and len(w.tables["contacts"]) >= w.contact_limit


def refuse_beyond_limit(w: World) -> None:
    """Refuse a contact beyond the account's contact limit."""
    if is_full(w):
        raise invalid("limit_reached", "email", FULL)


@route("POST", "/contacts", "/contacts/sync")
def create_contact(w: World, r: Request) -> Answer:
    """Create a contact; the plural sync route also creates (§10 trap 11)."""
    body = r.wrapped("contact")
    email = _email(w, body)
    if email and w.find_contact(email) is not None:
        w.tables["contacts"].take_id()
        raise _taken()
    refuse_beyond_limit(w)
    row = w.add_contact(email, **_columns(body))
    w.trigger("contact_added", contact=row.id)
    values = write_contact_values(w, row.id, body.get("fieldValues"))
    full = show_contact(w, row)
    kept: list[str] = [name for name in ("email", "firstName", "lastName") if name in body]
    kept += ["cdate", "udate", "phone", "orgid", "orgname", "links", "id", "organization"]
    contact = {name: full[name] for name in kept} | _echo(body)
    return Answer(201, _with_values(w, body, values, contact))


@route("POST", "/contact/sync")
def sync_contact(w: World, r: Request) -> Answer:
    """Create or update by address alone: 201 or 200."""
    body = r.wrapped("contact")
    email = _email(w, body)
    columns = _columns(body)
    if isinstance(body.get("fullName"), str) and not columns.keys() & {"firstName", "lastName"}:
        first, _, last = body["fullName"].partition(" ")
        columns |= {"firstName": first, "lastName": last}
    row = w.find_contact(email) if email else None
    if row is not None:
        return Answer(200, _updated(w, row, columns, body))
    refuse_beyond_limit(w)
    row = w.add_contact(email, **columns)
    w.trigger("contact_added", contact=row.id)
    values = write_contact_values(w, row.id, body.get("fieldValues"))
    full = show_contact(w, row)
    contact: dict[str, Any] = {"email": row.email, "phone": row.phone}
    contact |= {name: columns[name] for name in ("firstName", "lastName") if name in columns}
    contact |= {"email_empty": not email, "cdate": full["cdate"], "udate": full["udate"]}
    contact |= {"orgid": "", "orgname": "", "links": full["links"], "hash": row.hash}
    contact["fieldValues"] = [str(value.id) for value in values]
    contact |= {"id": str(row.id), "organization": ""} | _echo(body)
    return Answer(201, _with_values(w, body, values, contact))


@route("PUT|PATCH", "/contacts/{id}")
def update_contact(w: World, r: Request, contact: int) -> dict[str, Any]:
    """Change the columns that are sent, the address included."""
    row = contact_or_404(w, contact)
    body = r.wrapped("contact")
    columns = _columns(body)
    if "email" in body:
        email = _email(w, body)
        other = w.find_contact(email) if email else None
        if other is not None and other.id != contact:
            raise _taken()
        columns["email"] = email
    return _updated(w, row, columns, body)


@route("DELETE", "/contacts/{id}")
def delete_contact(w: World, r: Request, contact: int) -> dict[str, Any]:
    """Delete a contact; its 404 has a text of its own."""
    if contact not in w.tables["contacts"]:
        raise Refusal(404, {"message": f"No result found for contact with id {contact}"})
    w.delete_contact(contact)
    return {}


@route("POST", "/fieldValues")
def set_field_value(w: World, r: Request) -> Answer:
    """Set the value of one field for one contact, new or not: 201 (§13)."""
    body = _field_value_body(r)
    contact, field = _owner_and_field(w, body)
    row = w.set_field(contact, field.id, read_contact_value(w, field, body.get("value")))
    return Answer(201, _field_value_answer(w, row, body))


@route("PUT", "/fieldValues/{id}")
def update_field_value(w: World, r: Request, value: int) -> dict[str, Any]:
    """Change a value by its id; contact and field may be sent and must fit."""
    row = row_or_404(w, "fieldValues", value, verb="PUT")
    body = _field_value_body(r)
    field = w.tables["fields"][row.field]
    row = w.set_field(row.contact, field.id, read_contact_value(w, field, body.get("value")))
    return _field_value_answer(w, row, body)


@route("DELETE", "/fieldValues/{id}")
def delete_field_value(w: World, r: Request, value: int) -> dict[str, Any]:
    """Delete a value; a missing value is 404, unlike the documentation (§13)."""
    row_or_404(w, "fieldValues", value, verb="DELETE")
    w.tables["fieldValues"].delete(value)
    return {}


def _updated(
    w: World, row: Contact, columns: dict[str, Any], body: dict[str, Any]
) -> dict[str, Any]:
    values = write_contact_values(w, row.id, body.get("fieldValues"))
    w.edit_contact(row.id, **columns)
    w.trigger("contact_changed", contact=row.id, columns=sorted(columns))
    shown = show_contact(w, row)
    for name in _ONLY_IN_LISTS:
        del shown[name]
    if "fieldValues" in body:
        shown["fieldValues"] = [str(value.id) for value in values]
    return _with_values(w, body, values, shown | _echo(body))


def _email(w: World, body: dict[str, Any]) -> str:
    email = body.get("email")
    if email in (None, ""):
        if body.get("allowNullEmail"):
            return ""
        raise not_provided("contact", "email")
    if not is_email(email):
        refusal = invalid(
            "email_invalid",
            "email",
            "The contact email is not a valid address.",
            "must_be_valid_email_address",
        )
        raise Refusal(w.switches.email_invalid_status, refusal.answer.document)
    return str(email).strip()


def _taken() -> Refusal:
    return invalid("duplicate", "email", "The contact email is already taken.")


def _columns(body: dict[str, Any]) -> dict[str, Any]:
    return {name: as_text(body[name]) for name in _COLUMNS if body.get(name) is not None}


def _echo(body: dict[str, Any]) -> dict[str, Any]:
    """Repeat the sent columns in the client's JSON types (§1.3)."""
    return {name: body[name] for name in ("email", *_COLUMNS) if body.get(name) is not None}


def _with_values(
    w: World, body: dict[str, Any], values: list[FieldValue], contact: dict[str, Any]
) -> dict[str, Any]:
    if "fieldValues" not in body:
        return {"contact": contact}
    return {"fieldValues": [show_field_value(w, value) for value in values], "contact": contact}


def _field_value_body(r: Request) -> dict[str, Any]:
    body = r.wrapped("fieldValue")
    if not body:
        raise Refusal(403, {"message": "Field id not valid"})
    return body


def _owner_and_field(w: World, body: dict[str, Any]) -> tuple[int, Any]:
    field = w.tables["fields"].get(as_id(body.get("field")))
    if field is None:
        raise Refusal(403, {"message": "Field id not valid"})
    contact = as_id(body.get("contact"))
    if w.tables["contacts"].get(contact) is None:
        raise related_missing("contact", "contact")
    return contact or 0, field


def _field_value_answer(w: World, row: FieldValue, body: dict[str, Any]) -> dict[str, Any]:
    shown = show_field_value(w, row)
    shown |= {name: body[name] for name in ("contact", "field") if name in body}
    return {"contacts": [show_contact(w, w.tables["contacts"][row.contact])], "fieldValue": shown}
