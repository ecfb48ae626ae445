"""Upserts records of custom objects by external id, with all their fields.

An upsert clears the fields that it does not name. The target therefore reads the record first and
sends its other fields unchanged. Reads show a write some seconds late, so values that this run
wrote take precedence.
"""

from __future__ import annotations

import contextlib
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import (
    NotFound,
    PermissionDenied,
    RequestError,
    UnexpectedResponse,
    walk_offset,
)
from tap_activecampaign_unified.client.account_url import is_plain_path
from tap_activecampaign_unified.resources.custom_objects import (
    RECORDS,
    CustomObject,
    native_row,
    record_of,
    resources_of,
)
from tap_activecampaign_unified.resources.resource import Resource
from target_activecampaign.client.write_client import DocumentChange, is_planned
from target_activecampaign.holdout import HELD_OUT
from target_activecampaign.outcome import (
    Action,
    Outcome,
    RowRejected,
    RowSkipped,
    join_reasons,
)
from target_activecampaign.records.clean_values import is_nothing
from target_activecampaign.records.convert_record import convert_record
from target_activecampaign.records.null_policy import written_values
from target_activecampaign.records.row_references import parse_references
from target_activecampaign.records.skip_marked_rows import skip_flagged

from .row_by_row import row_by_row
from .sink_definition import Sink

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_activecampaign_unified.client import ApiResponse
    from target_activecampaign.records.input_row import InputRow

    from .write_context import WriteContext

    Columns = dict[str, Any]

DROPPED = "a field that ActiveCampaign did not take is sent again only when the row changes"
READ_ONLY = frozenset({"id", "created_at", "updated_at"})


class AnyColumn(frozenset[str]):
    """The columns of a custom object before the account is read: all but the columns in the set."""

    def __contains__(self, name: object) -> bool:
        """Return whether the target writes a column."""
        return isinstance(name, str) and name not in READ_ONLY and not name.startswith("_")


class CustomSink(Sink):
    """The sink of a custom object. The account defines its fields."""

    @cached_property
    def writable(self) -> frozenset[str]:
        """All columns except those that ActiveCampaign sets."""
        return AnyColumn()


def sink_of_object(stream: str) -> Sink:
    """Return the sink of a custom object's stream. The first write of a row reads the object."""
    resource = Resource(
        name=stream, title=stream, endpoint_name=RECORDS, endpoint=RECORDS, entries=()
    )
    return CustomSink(
        resource,
        "custom_object",
        (("external_id",),),
        row_by_row(write_record),
        starts_automations=True,
    )


def write_record(context: WriteContext, sink: Sink, row: InputRow) -> Outcome:
    """Upsert a record, completed by its present columns."""
    resource = _object_of(context, sink.resource.name)
    skip_flagged(row.record, resource)
    external = row.record.get("external_id")
    if is_nothing(external) or isinstance(external, (dict, list, bool)):
        raise RowRejected("external_id: missing; it identifies the record")
    row.document_key = key = str(external).strip()
    contacts = _contacts_of(resource)
    refs = [ref for name in contacts for ref in parse_references(row.record.get(name), name)[:1]]
    emails = [ref["email"] for ref in refs if "email" in ref]
    holdout = context.holdout
    if holdout.is_active and any(map(holdout.is_held_out, emails)):
        raise RowSkipped(HELD_OUT)
    columns = _columns_of(context, resource, row)
    place = (resource.schema_id, key)
    before = context.written_records.get(place)
    native_id = None
    if before is None:
        context.last_write.wait_before_read()
        record = read_record(context, resource, key)
        if record is not None:
            before, native_id = native_columns_of(record), str(record.get("id") or "") or None
    whole = {**(before or {}), **columns}
    whole = {name: value for name, value in whole.items() if value not in (None, [])}
    contact_ids = [str(ids[0]) for native in contacts.values() if (ids := whole.get(native))]
    if holdout.is_active and any(map(holdout.is_contact_held_out, contact_ids)):
        raise RowSkipped(HELD_OUT)
    if before is not None and whole == before:
        return Outcome(Action.UNCHANGED, native_id)
    context.last_write.note()
    response = send_record(context, resource, DocumentChange(resource.name, key, before, whole))
    context.written_records[place] = whole
    dropped = [] if context.policy.dry_run else _dropped(response.body, whole)
    reasons = [f"ActiveCampaign left out {', '.join(dropped)}", DROPPED] if dropped else []
    written = response.body.get("record")
    if native_id is None and isinstance(written, dict) and not context.policy.dry_run:
        native_id = str(written["id"]) if written.get("id") else None
    action = Action.CREATED if before is None else Action.UPDATED
    return Outcome(action, native_id, join_reasons(reasons), denied=frozenset(reasons[1:]))


def send_record(
    context: WriteContext, resource: CustomObject, change: DocumentChange
) -> ApiResponse:
    """Upsert a record with all its columns. Raises `RequestError`."""
    body = {"record": {"externalId": change.key, **record_of(change.after)}}
    return context.write_client.write(
        "POST", f"{RECORDS}{resource.schema_id}", body, repeatable=True, document=change
    )


def _contacts_of(resource: CustomObject) -> dict[str, str]:
    """Return the native columns of the relationships to contacts, by unified column."""
    targets = dict(resource.relations_to)
    return {
        entry.unified: getattr(entry, "native", "")
        for entry in resource.entries
        if targets.get(entry.unified) == "contact"
    }


def find_object(context: WriteContext, stream: str) -> CustomObject | None:
    """Return the account's object of a stream, None if it has no such object.

    Raises `RequestError`.
    """
    if context.custom_objects is None:
        schemas: list[dict[str, Any]] = []
        try:
            for page in walk_offset(context.client, "customObjects/schemas", "schemas", lean=True):
                schemas += page.rows
        except (PermissionDenied, NotFound):
            schemas = []
        context.custom_objects = {resource.name: resource for resource in resources_of(schemas)}
    return context.custom_objects.get(stream)


class AccountObjects:
    """Finds the account's custom objects while the target reads the input.

    The first call of ``context`` opens the run. Without custom objects, the input does not open it.
    """

    def __init__(self, context: Callable[[], WriteContext]) -> None:
        self._context = context

    def find(self, stream: str) -> CustomObject | None:
        """Return the account's object of a stream, None if it cannot be read."""
        with contextlib.suppress(RequestError):
            return find_object(self._context(), stream)
        return None


def _object_of(context: WriteContext, stream: str) -> CustomObject:
    resource = find_object(context, stream)
    if resource is None:
        raise RowRejected(f"{stream}: the account has no such custom object")
    if resource.is_foreign:
        raise RowRejected(f"{stream}: it belongs to an app and is only read")
    return resource


def _columns_of(context: WriteContext, resource: CustomObject, row: InputRow) -> Columns:
    """Return a row's native columns with resolved references."""
    clears = context.policy.clears
    targets = dict(resource.relations_to)
    record = {
        name: _resolved(context, name, targets[name], value) if name in targets else value
        for name, value in written_values(row.record, clears=clears).items()
        if name not in READ_ONLY | {"external_id"}
    }
    written = convert_record(resource, record)
    natives = {entry.unified: getattr(entry, "native", "") for entry in resource.entries}
    columns = dict(written.native)
    if clears:
        columns |= {natives[name]: None for name in written.nulls}
    return columns


def _resolved(context: WriteContext, name: str, target: str, value: Any) -> Any:
    """Return the ids of the records that a relationship names, by id or natural key."""
    ids = []
    for ref in parse_references(value, name):
        if target == "contact":
            ids.append(context.references.contact(ref))
        elif target == "account":
            ids.append(context.references.account(ref))
        elif target == "opportunity":
            ids.append(context.opportunities().resolve(ref))
        elif "id" in ref:
            ids.append(ref["id"])
        else:
            raise RowRejected(f"{name}: must be objects with an id")
    return [{"id": native_id} for native_id in ids if not is_planned(native_id)]


def read_record(context: WriteContext, resource: CustomObject, key: str) -> dict[str, Any] | None:
    """Return a record by external id, None if it does not exist. Raises `RequestError`.

    A response without the record does not mean that the record does not exist: an upsert would
    clear the columns that the row does not name.
    """
    path = f"{RECORDS}{resource.schema_id}/external/{key}"
    if "/" in key or not is_plain_path(path):
        raise RowRejected("external_id: has characters that cannot be part of a request's path")
    try:
        record = context.client.get(path).body.get("record")
    except NotFound:
        return None
    if not isinstance(record, dict):
        raise UnexpectedResponse("the response has no record", method="GET", path=path, status=200)
    return record


def native_columns_of(record: dict[str, Any]) -> Columns:
    """Return the native columns of a record, with the ids of relationships as numbers."""
    row = next(iter(native_row(record)))
    columns = {
        name: value
        for name, value in row.items()
        if name.startswith(("field:", "relation:")) and value not in (None, [])
    }
    for name, ids in columns.items():
        if name.startswith("relation:"):
            columns[name] = [int(native_id) for native_id in ids if str(native_id).isdecimal()]
    return columns


def _dropped(body: dict[str, Any], whole: Columns) -> list[str]:
    """Return the fields that were sent and are not in the response."""
    written = body.get("record")
    fields = written.get("fields") if isinstance(written, dict) else None
    if not isinstance(fields, list):
        return []
    stored = {f"field:{field.get('id')}" for field in fields if isinstance(field, dict)}
    return sorted(
        name.removeprefix("field:")
        for name in whole
        if name.startswith("field:") and name not in stored
    )
