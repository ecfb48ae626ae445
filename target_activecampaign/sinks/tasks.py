"""Sink of tasks of contacts and opportunities: creates, changes and completes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import (
    InvalidRequest,
    NotFound,
    PermissionDenied,
    walk_offset,
)
from tap_activecampaign_unified.resources.input_values.column_names import fold
from tap_activecampaign_unified.resources.time_codecs import instant_or_none
from target_activecampaign.lookups.users import find_user
from target_activecampaign.outcome import Action, Outcome, RowRejected
from target_activecampaign.records.clean_values import is_nothing
from target_activecampaign.records.row_parts import has_part
from target_activecampaign.records.row_references import parse_reference, parse_references
from target_activecampaign.records.skip_marked_rows import skip_flagged

from .fields.native_fields import NO_OWNER, native_fields_of
from .reject_existing import no_longer_exists, reject_created_earlier
from .row_by_row import row_by_row

if TYPE_CHECKING:
    from target_activecampaign.records.input_row import InputRow

    from .fields.native_fields import NativeFields
    from .sink_definition import Sink
    from .write_context import WriteContext

    Body = dict[str, Any]

STEP = "task"
STATUSES = {"open": 0, "completed": 1}
#: The columns of an outcome, with ActiveCampaign's names. An open task has no outcome.
OUTCOME = {"outcome": "outcomeId", "outcome_note": "outcomeInfo"}
OPEN = "outcome: left out, an open task has none; set status to completed"
OWNER_TYPES = {"deal": "Deal", "contact": "Subscriber"}
#: Columns beside those of the table that a row may have.
COLUMNS = frozenset({"external_id", "status", "type", "owner", "contact", "opportunity", "outcome"})


def write_task(context: WriteContext, sink: Sink, row: InputRow) -> Outcome:
    """Write a task: update the row's task, or create it."""
    skip_flagged(row.record)
    native = native_fields_of(context, sink, row)
    status = _status(row)
    columns = {**native.columns, **_references(context, row, native)}
    native_id = context.foreign_ids.read(sink.family, row.record.get("id"))
    if native_id is None:
        reject_created_earlier(context, row, "external_id", "dealTasks")
        native_id = row.ledger_id
    if native_id is None:
        return _create(context, sink, row, native, columns=columns, status=status)
    if status == STATUSES["open"] or (status is None and row.is_remainder):
        _drop_outcome(row, native, columns)
    body = columns | ({} if status is None else {"status": status})
    if not body:
        return native.outcome(Action.UNCHANGED, native_id)
    try:
        _update(context, native_id, body)
    except NotFound:
        raise no_longer_exists(context, sink, row) from None
    context.foreign_ids.record(sink.family, row, native_id)
    return native.outcome(Action.UPDATED, native_id)


write_tasks = row_by_row(write_task)


def _status(row: InputRow) -> int | None:
    """Return the status to write, None if the row has no status."""
    word = row.record.get("status")
    if is_nothing(word):
        return None
    status = STATUSES.get(fold(word)) if isinstance(word, str) else None
    if status is None:
        raise RowRejected("status: must be open or completed")
    return status


def _references(context: WriteContext, row: InputRow, native: NativeFields) -> Body:
    """Return the native columns of a row's references: type, owner and outcome."""
    columns: Body = {}
    for column, family, attribute in (
        ("type", "task_type", "dealTasktype"),
        ("outcome", "task_outcome", "outcomeId"),
    ):
        ref = parse_reference(row.record.get(column), column)
        if ref:
            columns[attribute] = context.references.resolve_id(family, ref)
    owner = parse_reference(row.record.get("owner"), "owner")
    if owner:
        user = find_user(context.references, owner)
        if user is None:
            native.left_out["owner"] = NO_OWNER
        else:
            columns["assignee"] = user
    return columns


def _parent(context: WriteContext, row: InputRow) -> tuple[str, str]:
    """Return the type and the id of a task's owner: a deal or a contact.

    Without the type, ActiveCampaign would give a contact's task to the deal with the same id.
    """
    deals = parse_references(row.record.get("opportunity"), "opportunity")
    if deals:
        return "deal", context.opportunities().resolve(deals[0])
    contacts = parse_references(row.record.get("contact"), "contact")
    if contacts:
        return "contact", context.references.contact(contacts[0])
    raise RowRejected("contact: a task needs a contact or an opportunity")


def _create(
    context: WriteContext,
    sink: Sink,
    row: InputRow,
    native: NativeFields,
    *,
    columns: Body,
    status: int | None,
) -> Outcome:
    kind, relid = _parent(context, row)
    for attribute, column in (("dealTasktype", "type"), ("duedate", "due_at")):
        if is_nothing(columns.get(attribute)):
            raise RowRejected(f"{column}: a new task needs one")
    outcome: Body = {}
    if status:
        outcome = {name: columns.pop(name) for name in OUTCOME.values() if name in columns}
    else:
        _drop_outcome(row, native, columns)
    body = {**columns, "ownerType": kind, "relid": relid, "status": 0}

    def send() -> str:
        response = context.write_client.write("POST", "dealTasks", {"dealTask": body})
        return str(response.body["dealTask"]["id"])

    def look(since: float) -> list[str]:
        params = [
            ("filters[reltype]", OWNER_TYPES[kind]),
            ("filters[relid]", relid),
        ]
        pages = walk_offset(context.client, "dealTasks", "dealTasks", params)
        rows = [task for page in pages for task in page.rows]
        return [str(task["id"]) for task in rows if _is_like(task, body, since)]

    native_id = row.ledger_id = context.creates.create(row.ledger_key, STEP, send, look)
    context.foreign_ids.record(sink.family, row, native_id)
    if status:
        _complete(context, row, native, native_id, outcome)
    return native.outcome(Action.CREATED, native_id)


def _drop_outcome(row: InputRow, native: NativeFields, columns: Body) -> None:
    """Remove the outcome from the columns of an open task, and add the reason."""
    for name, attribute in OUTCOME.items():
        columns.pop(attribute, None)
        if has_part(row.record, name):
            native.left_out[name] = OPEN


def _complete(
    context: WriteContext, row: InputRow, native: NativeFields, native_id: str, outcome: Body
) -> None:
    """Complete a new task. If ActiveCampaign refuses that, the task stays open."""
    try:
        _update(context, native_id, {"status": STATUSES["completed"], **outcome})
    except (InvalidRequest, NotFound, RowRejected) as problem:
        reason = f"status: the task was created and is open ({problem})"
        native.left_out |= dict.fromkeys(
            (column for column in ("status", *OUTCOME) if has_part(row.record, column)), reason
        )


def _update(context: WriteContext, native_id: str, body: Body) -> None:
    try:
        context.write_client.write("PUT", f"dealTasks/{native_id}", {"dealTask": body})
    except PermissionDenied:
        raise RowRejected("id: the account has no task with this id") from None


def _is_like(task: Body, body: Body, since: float) -> bool:
    """Return whether a task of the account may be the result of a create without response."""
    created = instant_or_none(task.get("cdate"))
    return (
        created is not None
        and created.timestamp() >= since
        and str(task.get("reltype")) == OWNER_TYPES[body["ownerType"]]
        and str(task.get("relid")) == str(body["relid"])
        and str(task.get("title") or "").strip() == str(body.get("title") or "").strip()
        and str(task.get("dealTasktype")) == str(body["dealTasktype"])
        and instant_or_none(task.get("duedate")) == instant_or_none(body["duedate"])
    )
