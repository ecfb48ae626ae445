"""Writes of custom fields of accounts and deals, and of their values, singly and in bulk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.sandbox.crm_rows import show_custom_field, show_datum
from tests.sandbox.definitions import ACCOUNT_FIELDS
from tests.sandbox.field_inputs import custom_field, read_datum
from tests.sandbox.relations import row_or_404
from tests.sandbox.routes import route
from tests.sandbox.wire import Answer, Refusal, as_id, as_text, invalid, missing_plain

if TYPE_CHECKING:
    from tests.sandbox.rows import Datum
    from tests.sandbox.wire import Request
    from tests.sandbox.world import World

TYPES = {field_type for _, field_type, _, _ in ACCOUNT_FIELDS} | {"listbox"}
_COLUMNS = (
    "fieldLabel",
    "fieldOptions",
    "fieldDefault",
    "fieldDefaultCurrency",
    "isFormVisible",
    "isRequired",
    "displayOrder",
    "personalization",
    "hideFieldFlag",
)


def _kind(r: Request) -> str:
    return "account" if r.path.startswith("/account") else "deal"


@route("POST", "/accountCustomFieldMeta", "/dealCustomFieldMeta")
def create_custom_field(w: World, r: Request) -> Answer:
    """Create a field; creates answer 201 for deals (§13), 200 for accounts."""
    kind = _kind(r)
    body = r.wrapped(f"{kind}CustomFieldMetum")
    if not body.get("fieldLabel"):
        raise invalid("field_missing", "fieldLabel", "The field label was not provided.")
    if as_text(body.get("fieldType")) not in TYPES:
        error = {"title": "The field type is missing or unknown.", "code": 422}
        raise Refusal(422, {"errors": [error]})
    columns = _columns(body, _COLUMNS[1:])
    row = w.add_custom_field(kind, as_text(body["fieldLabel"]), body["fieldType"], **columns)
    shown = {f"{kind}CustomFieldMetum": show_custom_field(w, row, kind)}
    return Answer(201 if kind == "deal" else 200, shown)


@route("PUT", "/accountCustomFieldMeta/{id}", "/dealCustomFieldMeta/{id}")
def update_custom_field(w: World, r: Request, field: int) -> dict[str, Any]:
    """Change a definition; its type stays."""
    kind = _kind(r)
    row = row_or_404(w, f"{kind}CustomFieldMeta", field)
    body = r.wrapped(f"{kind}CustomFieldMetum")
    columns = _columns(body, _COLUMNS)
    w.tables[f"{kind}CustomFieldMeta"].change(row, updated=w.now(), **columns)
    return {f"{kind}CustomFieldMetum": show_custom_field(w, row, kind)}


@route("DELETE", "/accountCustomFieldMeta/{id}", "/dealCustomFieldMeta/{id}")
def delete_custom_field(w: World, r: Request, field: int) -> dict[str, Any]:
    """Delete a definition with all its values."""
    kind = _kind(r)
    row_or_404(w, f"{kind}CustomFieldMeta", field)
    w.delete_custom_field(kind, field)
    return {"message": f"{kind.title()}CustomFieldMeta deleted."}


@route("POST", "/accountCustomFieldData", "/dealCustomFieldData")
def create_datum(w: World, r: Request) -> dict[str, Any]:
    """Set a value; creates answer 200 here."""
    kind = _kind(r)
    body = r.wrapped(f"{kind}CustomFieldDatum")
    owner = _owner(w, kind, body)
    row = _write(w, kind, owner, body)
    _move(w, kind, owner)
    return {f"{kind}CustomFieldDatum": _echoed(w, row, kind, body)}


@route("PUT", "/accountCustomFieldData/{id}", "/dealCustomFieldData/{id}")
def update_datum(w: World, r: Request, datum: int) -> dict[str, Any]:
    """Change a value by its own id."""
    kind = _kind(r)
    row = row_or_404(w, f"{kind}CustomFieldData", datum)
    body = r.wrapped(f"{kind}CustomFieldDatum")
    _write(w, kind, row.owner, {"customFieldId": row.customFieldId} | body)
    _move(w, kind, row.owner)
    return {f"{kind}CustomFieldDatum": _echoed(w, row, kind, body)}


@route("DELETE", "/accountCustomFieldData/{id}", "/dealCustomFieldData/{id}")
def delete_datum(w: World, r: Request, datum: int) -> dict[str, Any]:
    """Delete a value."""
    kind = _kind(r)
    row_or_404(w, f"{kind}CustomFieldData", datum)
    w.tables[f"{kind}CustomFieldData"].delete(datum)
    return {"message": f"{kind.title()}CustomFieldData deleted."}


@route("POST", "/accountCustomFieldData/bulkCreate", "/dealCustomFieldData/bulkCreate")
def create_data(w: World, r: Request) -> dict[str, Any]:
    """Set many values from an unwrapped array: all or none."""
    kind = _kind(r)
    entries = _entries(r)
    for entry in entries:
        owner = _owner(w, kind, entry)
        read_datum(w, custom_field(w, kind, entry.get("customFieldId")), entry.get("fieldValue"))
    moved: set[int] = set()
    for entry in entries:
        owner = _owner(w, kind, entry)
        _write(w, kind, owner, entry)
        if owner not in moved:
            _move(w, kind, owner)
        moved.add(owner)
    return {"message": "The bulk insert was successful."}


@route("PATCH", "/accountCustomFieldData/bulkUpdate", "/dealCustomFieldData/bulkUpdate")
def update_data(w: World, r: Request) -> dict[str, Any]:
    """Change many values by their ids from an unwrapped array: all or none."""
    kind = _kind(r)
    found: list[tuple[Datum, dict[str, Any]]] = []
    for entry in _entries(r):
        row = w.tables[f"{kind}CustomFieldData"].get(as_id(entry.get("id")))
        if row is None:
            raise missing_plain()
        read_datum(w, custom_field(w, kind, row.customFieldId), entry.get("fieldValue"))
        found.append((row, entry))
    moved: set[int] = set()
    for row, entry in found:
        _write(w, kind, row.owner, {"customFieldId": row.customFieldId} | entry)
        if row.owner not in moved:
            _move(w, kind, row.owner)
        moved.add(row.owner)
    ids = ", ".join(str(row.id) for row, _ in found)
    name = f"{kind.title()}CustomFieldDatas"
    return {"message": f"{name} with ID(s): {ids} successfully bulk updated."}


def _columns(body: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    columns = {name: body[name] for name in names if name in body}
    for name in ("fieldLabel", "personalization"):
        if name in columns:
            columns[name] = as_text(columns[name])
    if "fieldOptions" in columns:
        options = columns["fieldOptions"]
        columns["fieldOptions"] = (
            [as_text(o) for o in options] if isinstance(options, list) else None
        )
    return columns


def _entries(r: Request) -> list[dict[str, Any]]:
    document = r.json
    if not isinstance(document, list) or not all(
        isinstance(entry, dict) for entry in document or [0]
    ):
        raise Refusal(422, {"errors": [{"detail": "A bare array of objects was expected."}]})
    return document


def _owner(w: World, kind: str, body: dict[str, Any]) -> int:
    names = ("customerAccountId", "accountId") if kind == "account" else ("dealId",)
    owner = next((as_id(body[name]) for name in names if name in body), None)
    if w.tables[f"{kind}s"].get(owner) is None:
        raise missing_plain()
    return owner or 0


def _write(w: World, kind: str, owner: int, body: dict[str, Any]) -> Datum:
    field = custom_field(w, kind, body.get("customFieldId"))
    value = read_datum(w, field, body.get("fieldValue"))
    return w.set_datum(kind, owner, field.id, value, body.get("fieldCurrency"))


def _move(w: World, kind: str, owner: int) -> None:
    """Change the parent's date: in account bulk writes only the first item does."""
    if kind == "account":
        w.tables["accounts"].change(w.tables["accounts"][owner], updated=w.now())
    else:
        w.edit_deal(owner)


def _echoed(w: World, row: Datum, kind: str, body: dict[str, Any]) -> dict[str, Any]:
    shown = show_datum(w, row, kind)
    return shown | {name: body[name] for name in ("fieldValue", "fieldCurrency") if name in body}
