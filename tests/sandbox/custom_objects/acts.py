"""Defining custom objects and writing their records."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tests.sandbox.custom_objects.rows import CustomRecord, CustomSchema

if TYPE_CHECKING:
    from tests.sandbox.world import World


def milliseconds(w: World) -> int:
    """Return the present moment in milliseconds."""
    return int(w.clock().timestamp() * 1000)


def stamp(w: World, instant: int) -> str:
    """Format an instant with the digits of the switch: live answers had three."""
    moment = datetime.fromtimestamp(instant / 1000, UTC)
    digits = f"{instant % 1000:03}".ljust(w.switches.record_stamp_digits, "0")
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{digits}Z"


def guid(w: World, kind: str, number: int) -> str:
    """Return the id of the nth row of a kind, the same for the same seed."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{w.seed}/{kind}/{number}"))


def add_schema(
    w: World,
    slug: str,
    fields: list[dict[str, Any]],
    relationships: list[dict[str, Any]] | None = None,
    *,
    appId: str | None = None,
    **document: Any,
) -> CustomSchema:
    """Define a custom object; an object with an `appId` belongs to a provider."""
    table, now = w.tables["customSchemas"], milliseconds(w)
    label = slug.replace("-", " ").title()
    whole = {
        "labels": {"singular": label, "plural": f"{label}s"},
        "description": "",
        "visibility": "public" if appId else "private",
        "fields": fields,
        "relationships": relationships or [],
        **document,
    }
    uuid_ = guid(w, "schema", table.last_id + 1)
    return table.insert(CustomSchema(uuid_, slug, now, now, whole, appId))


def field(name: str, type: str = "text", **more: Any) -> dict[str, Any]:
    """Define a field; `options` may be plain texts."""
    options = more.pop("options", None)
    if options is not None:
        more["options"] = [
            {"id": value.casefold().replace(" ", "-"), "value": value} for value in options
        ]
    label = name.replace("-", " ").capitalize()
    return {
        "id": name,
        "labels": {"singular": label, "plural": label},
        "type": type,
        "required": False,
        **more,
    }


def relationship(
    name: str, namespace: str = "contacts", *, hasMany: bool = False
) -> dict[str, Any]:
    """Define a relationship to contacts, accounts or deals."""
    label = name.replace("-", " ").capitalize()
    return {
        "id": name,
        "labels": {"singular": label, "plural": label},
        "description": "",
        "namespace": namespace,
        "hasMany": hasMany,
    }


def find_record(w: World, schema: int, external: str) -> CustomRecord | None:
    """Return the record with this external id."""
    return w.tables["customRecords"].first("key", (schema, external))


def put_record(
    w: World,
    schema: CustomSchema,
    external: str | None,
    fields: dict[str, Any],
    relationships: dict[str, list[str]] | None = None,
    *,
    row: CustomRecord | None = None,
    lags: bool = True,
) -> CustomRecord:
    """Upsert a record; absent fields are cleared unless a switch keeps them."""
    table, now = w.tables["customRecords"], milliseconds(w)
    if row is None and external is not None:
        row = find_record(w, schema.id, external)
    is_new = row is None
    if row is None:
        number = table.last_id + 1
        row = table.insert(
            CustomRecord(schema.id, guid(w, "record", number), external, now + number % 1000)
        )
    old = row.document
    if w.switches.record_upsert == "patch":
        fields = {**old.get("fields", {}), **fields}
    if relationships is None:
        keeps = w.switches.record_relationships == "kept"
        relationships = old.get("relationships", {}) if keeps else {}
    document = {"fields": fields, "relationships": relationships, "updated": now}
    table.change(row, document=document)
    seconds = w.switches.record_lag_seconds if lags else 0
    w.jobs.add(w.clock(), seconds, lambda: _show(w, row.id, document))
    w.trigger(f"{schema.slug}_{'created' if is_new else 'updated'}", record=row.uuid)
    return row


def _show(w: World, row_id: int, document: dict[str, Any]) -> None:
    table = w.tables["customRecords"]
    if row_id in table:
        table.change(table[row_id], seen=document)
