"""Paths of custom objects: `/records/{schemaId}` exists, `?schemaId=` and a slug do not."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING, Any

from tests.sandbox.custom_objects import acts
from tests.sandbox.paging import filters, orders, window
from tests.sandbox.routes import route
from tests.sandbox.wire import Answer, Refusal

if TYPE_CHECKING:
    from tests.sandbox.custom_objects.rows import CustomRecord, CustomSchema
    from tests.sandbox.wire import Request
    from tests.sandbox.world import World

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NUMBERS = ("number", "decimal", "currency")


@route("GET", "/customObjects/schemas")
def list_schemas(w: World, r: Request) -> dict[str, Any]:
    """Answer the schemas of the plan and its apps."""
    return _page(w, r, "schemas", [show_schema(w, row, r) for row in w.tables["customSchemas"]])


@route("GET", "/customObjects/schemas/{schema:text}")
def get_schema(w: World, r: Request, schema: str) -> dict[str, Any]:
    """Answer one schema."""
    return {"schema": show_schema(w, _schema(w, schema), r)}


@route("GET", "/customObjects/records")
def refuse_parameter(w: World, r: Request) -> Answer:
    """Refuse a list of records by a parameter."""
    raise _bad_request()


@route("GET", "/customObjects/records/{schema:text}")
def list_records(w: World, r: Request, schema: str) -> dict[str, Any]:
    """Answer records in no fixed order; a range of `createdTimestamp` gives no records."""
    owner = _schema(w, schema)
    rows = [row for row in w.tables["customRecords"].by("schema", owner.id) if row.seen is not None]
    for name, operator, value in filters(r):
        rows = _filtered(w, rows, name, operator, value)
    by = dict(orders(r))
    if "createdTimestamp" in by:
        rows.sort(key=lambda row: row.created, reverse=by["createdTimestamp"])
    else:
        random.Random(w.seed).shuffle(rows)
    return _page(w, r, "records", [show_record(w, owner, row) for row in rows])


@route("POST", "/customObjects/records/{schema:text}")
def upsert_record(w: World, r: Request, schema: str) -> Answer:
    """Create or replace a record: 201 for both, and no id in the answer."""
    owner = _schema(w, schema)
    if owner.appId:
        raise Refusal(403, {"message": "Forbidden"})
    record = r.wrapped("record")
    fields = _fields(w, owner, record.get("fields"))
    relationships = _relationships(owner, record.get("relationships"))
    external = record.get("externalId")
    row = None
    if record.get("id") is not None and w.switches.record_upsert_by_id:
        row = w.tables["customRecords"].first("uuid", str(record["id"]))
    key = None if external is None else str(external)
    row = acts.put_record(w, owner, key, fields, relationships, row=row)
    shown = show_record(w, owner, row, document=row.document)
    if not w.switches.record_answer_has_id:
        del shown["id"]
    return Answer(201, {"record": shown})


@route("PUT|PATCH", "/customObjects/records/{schema:text}/{record:text}")
def refuse_update(w: World, r: Request, schema: str, record: str) -> Answer:
    """Refuse an update: the upsert is the only write of records."""
    return Answer(405, {"message": "Method Not Allowed"})


@route("GET", "/customObjects/records/{schema:text}/{record:text}")
def get_record(w: World, r: Request, schema: str, record: str) -> dict[str, Any]:
    """Answer a record by its id."""
    return _record_answer(w, _schema(w, schema), w.tables["customRecords"].first("uuid", record))


@route("GET", "/customObjects/records/{schema:text}/external/{external:text}")
def get_external(w: World, r: Request, schema: str, external: str) -> dict[str, Any]:
    """Answer a record by its external id."""
    owner = _schema(w, schema)
    return _record_answer(w, owner, acts.find_record(w, owner.id, external))


@route("DELETE", "/customObjects/records/{schema:text}/{record:text}")
def delete_record(w: World, r: Request, schema: str, record: str) -> Answer:
    """Delete by id: 202 and an empty body; reads show it at once."""
    _schema(w, schema)
    return _deleted(w, w.tables["customRecords"].first("uuid", record))


@route("DELETE", "/customObjects/records/{schema:text}/external/{external:text}")
def delete_external(w: World, r: Request, schema: str, external: str) -> Answer:
    """Delete by external id."""
    return _deleted(w, acts.find_record(w, _schema(w, schema).id, external))


def show_schema(w: World, row: CustomSchema, r: Request) -> dict[str, Any]:
    """Show a schema; deleted fields are shown only with `showFields=all`."""
    document = dict(row.document)
    if r.params.get("showFields") != "all":
        document["fields"] = [
            field for field in document["fields"] if field.get("status") != "marked_for_deletion"
        ]
    return {
        "id": row.uuid,
        "slug": row.slug,
        **document,
        **({"appId": row.appId} if row.appId else {}),
        "icons": {"default": "app.png"},
        "customized": False,
        "createdTimestamp": acts.stamp(w, row.created),
        "updatedTimestamp": acts.stamp(w, row.updated),
    }


def show_record(
    w: World, schema: CustomSchema, row: CustomRecord, document: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Show a record as reads see it, or a given document of it."""
    document = document or row.seen or {}
    types = {field["id"]: field["type"] for field in schema.document["fields"]}
    return {
        "id": row.uuid,
        "externalId": row.externalId,
        "schemaId": schema.uuid,
        "fields": [
            {"id": name, "value": _shown(w, types.get(name, "text"), value)}
            for name, value in document["fields"].items()
        ],
        "relationships": document["relationships"],
        "createdTimestamp": acts.stamp(w, row.created),
        "updatedTimestamp": acts.stamp(w, document["updated"]),
    }


def _shown(w: World, type_: str, value: Any) -> Any:
    if type_ in _NUMBERS and value is not None:
        return float(value) if w.switches.record_numbers == "number" else str(value)
    return value


def _page(w: World, r: Request, key: str, rows: list[Any]) -> dict[str, Any]:
    limit, offset = window(w, r)
    page = rows[offset : offset + limit]
    meta = {"total": len(rows), "count": len(page), "limit": limit, "offset": offset}
    return {key: page, "meta": meta}


def _filtered(
    w: World, rows: list[CustomRecord], name: str, operator: str, value: str
) -> list[CustomRecord]:
    if name.startswith("relationships."):
        related = name.partition(".")[2]
        return [row for row in rows if value in (row.seen or {})["relationships"].get(related, [])]
    if name != "createdTimestamp":
        return rows
    if operator in ("", "eq"):
        return [row for row in rows if acts.stamp(w, row.created) == value]
    if w.switches.record_created_ranges == "empty":
        return []
    if operator == "gt":
        return [row for row in rows if acts.stamp(w, row.created) > value]
    return [row for row in rows if acts.stamp(w, row.created) < value]


def _schema(w: World, guid: str) -> CustomSchema:
    if not _GUID.fullmatch(guid):
        raise _bad_request()
    row: CustomSchema | None = w.tables["customSchemas"].first("uuid", guid)
    if row is None:
        raise Refusal(404, {"message": "Not Found"})
    return row


def _bad_request() -> Refusal:
    return Refusal(400, {"errors": [{"status": 400, "title": "Bad Request"}]})


def _record_answer(w: World, schema: CustomSchema, row: CustomRecord | None) -> dict[str, Any]:
    if row is None or row.seen is None or row.schema != schema.id:
        raise Refusal(404, {"message": "Not Found"})
    return {"record": show_record(w, schema, row)}


def _deleted(w: World, row: CustomRecord | None) -> Answer:
    if row is None:
        return Answer(w.switches.record_delete_missing, raw=b"")
    w.tables["customRecords"].delete(row.id)
    return Answer(202, raw=b"")


def _fields(w: World, schema: CustomSchema, sent: Any) -> dict[str, Any]:
    defined = {field["id"]: field for field in schema.document["fields"]}
    fields = {}
    for entry in sent if isinstance(sent, list) else []:
        name, value = entry.get("id"), entry.get("value")
        if name not in defined:
            if w.switches.record_unknown_field == "dropped":
                continue
            raise _invalid(f"The field {name} is not defined in the schema", str(name))
        _check_value(defined[name], value)
        if value is not None:
            fields[name] = value
    for name, field in defined.items():
        if field.get("required") and name not in fields:
            raise _invalid(f"The field {name} is required", name)
    return fields


def _check_value(field: dict[str, Any], value: Any) -> None:
    name = field["id"]
    if value is None:
        return
    if field["type"] in ("dropdown", "multiselect"):
        options = {option["value"] for option in field.get("options", [])}
        chosen = value if isinstance(value, list) else [value]
        if any(option not in options for option in chosen):
            raise _invalid("cannot accept a value that is not defined in the schema", name)
    if field["type"] in _NUMBERS:
        try:
            float(value)
        except (TypeError, ValueError):
            raise _invalid("must be a number", name) from None
    if field["type"] == "datetime" and not re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", str(value)
    ):
        raise _invalid("must be an ISO 8601 date and time", name)


def _relationships(schema: CustomSchema, sent: Any) -> dict[str, list[str]] | None:
    if not isinstance(sent, dict):
        return None
    defined = {relationship["id"] for relationship in schema.document["relationships"]}
    for name in sent:
        if name not in defined:
            raise _invalid(f"The relationship {name} is not defined in the schema", name)
    return {name: [str(record_id) for record_id in ids] for name, ids in sent.items()}


def _invalid(text: str, name: str) -> Refusal:
    source = {"pointer": f"/data/attributes/{name}", "value": f"/data/attributes/{name}"}
    return Refusal(422, {"errors": [{"status": 422, "title": text, "source": source}]})
