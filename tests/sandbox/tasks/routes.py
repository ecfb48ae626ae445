"""Reads and writes of tasks: `/dealTasks` has those of contacts too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.sandbox.paging import collection, filters, ordered, orders
from tests.sandbox.remaining import invented
from tests.sandbox.routes import route
from tests.sandbox.tasks.rows import Task, TaskOutcome, TaskType, TypeOutcome
from tests.sandbox.wire import (
    Answer,
    Refusal,
    as_id,
    as_text,
    html_not_found,
    invalid,
    missing,
    related_missing,
    require,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox.wire import Request
    from tests.sandbox.world import World

_OWNERS = {"deal": ("Deal", "deals"), "contact": ("Subscriber", "contacts")}
_LINKS = (
    "activities",
    "automation",
    "dealTasktype",
    "doneAutomation",
    "assignee",
    "owner",
    "user",
    "taskNotifications",
)


def show_task(w: World, row: Task) -> dict[str, Any]:
    """Show a task as reads do, with every number as text."""
    kind = "contact" if row.reltype == "Subscriber" else "deal"
    return {
        "relid": str(row.relid),
        "reltype": row.reltype,
        "dealTasktype": str(row.type),
        "user": str(row.user),
        "assignee": str(row.assignee or row.user),
        "automation": None if row.automation is None else str(row.automation),
        "cdate": w.dt(row.created),
        "duedate": w.dt(row.due),
        "edate": w.dt(row.end),
        "duration": "0",
        "status": str(row.status),
        "title": row.title,
        "note": row.note,
        "donedate": w.dt(row.done),
        "doneAutomation": None if row.doneAutomation is None else str(row.doneAutomation),
        "udate": w.dt(row.updated),
        "owner": {"type": kind, "id": str(row.relid)},
        "outcomeId": row.outcome,
        "outcomeInfo": row.outcomeInfo,
        "links": w.links("dealTasks", row.id, _LINKS),
        "id": str(row.id),
    }


def show_type(w: World, row: TaskType) -> dict[str, Any]:
    """Show a task type with the additional columns of live answers."""
    rels = w.tables["tasktypeOutcomeRels"].by("type", row.id)
    return {
        "cdate": None,
        "udate": None,
        "defduration": "0",
        "status": str(row.status),
        "title": row.title,
        "display_order": str(row.id),
        "created_by": None,
        "updated_by": None,
        "created_utc_timestamp": None,
        "updated_utc_timestamp": None,
        "outcomes": [str(rel.outcome) for rel in rels],
        "links": w.links("dealTasktypes", row.id, ("dealTasks", "tasktypeOutcomeRels")),
        "id": str(row.id),
    }


def show_outcome(w: World, row: TaskOutcome) -> dict[str, Any]:
    """Show an outcome."""
    rels = [rel for rel in w.tables["tasktypeOutcomeRels"] if rel.outcome == row.id]
    return {
        "title": row.title,
        "sentiment": row.sentiment.upper(),
        "disabled": "0",
        "created_by": "1",
        "updated_by": "1",
        "created_utc_timestamp": w.dt(row.created),
        "updated_utc_timestamp": w.dt(row.created),
        "dealTasktype_ids": [str(rel.type) for rel in rels],
        "links": [],
        "id": str(row.id),
    }


def show_type_outcome(w: World, row: TypeOutcome) -> dict[str, Any]:
    """Show the link of a type and an outcome."""
    return {
        "tasktype_id": str(row.type),
        "outcome_id": str(row.outcome),
        "display_order": str(row.id),
        "created_by": "1",
        "tasktype": str(row.type),
        "links": [],
        "id": str(row.id),
    }


_SHOW: dict[str, Callable[[World, Any], dict[str, Any]]] = {
    "dealTasktypes": show_type,
    "taskOutcomes": show_outcome,
    "tasktypeOutcomeRels": show_type_outcome,
}


def is_served(w: World) -> bool:
    """Return whether tasks come from tables."""
    return w.switches.tasks == "served"


@route("GET", "/dealTasks")
def list_tasks(w: World, r: Request) -> dict[str, Any]:
    """Answer tasks; there is no filter by the date of a change."""
    if not is_served(w):
        return invented(w, r)
    rows = list(w.tables["dealTasks"])
    known: dict[str, Callable[[Task], Any]] = {
        "title": lambda row: row.title,
        "reltype": lambda row: row.reltype,
        "relid": lambda row: row.relid,
        "status": lambda row: row.status,
        "note": lambda row: row.note,
        "d_tasktypeid": lambda row: row.type,
        "userid": lambda row: row.user,
        "assignee_userid": lambda row: row.assignee,
        "outcome_id": lambda row: row.outcome,
    }
    for name, _, value in filters(r):
        if name in known:
            rows = [row for row in rows if str(known[name](row)) == value]
    ordered(rows, orders(r), {"cdate": lambda row: row.created})
    return collection(w, r, "dealTasks", rows, show_task)


@route("GET", *(f"/{name}" for name in _SHOW))
def list_definitions(w: World, r: Request) -> dict[str, Any]:
    """Answer task types, outcomes, or their links."""
    if not is_served(w):
        return invented(w, r)
    name = r.path.strip("/")
    return collection(w, r, name, list(w.tables[name]), _SHOW[name])


@route("GET", "/dealTasks/{id}")
def get_task(w: World, r: Request, task: int) -> Any:
    """Answer one task."""
    return {"dealTask": show_task(w, _task(w, task))} if is_served(w) else html_not_found()


@route("POST", "/dealTasks")
def create_task(w: World, r: Request) -> Answer:
    """Create a task; without `ownerType` its owner is the deal with that number."""
    if not is_served(w):
        return html_not_found()
    body = r.wrapped("dealTask")
    require(body, "dealTask", "relid", "duedate", "dealTasktype")
    columns = _columns(w, body)
    reltype, relid = _owner(w, body)
    now = w.now()
    columns.setdefault("end", columns["due"] + 15 * 60)
    row: Task = w.tables["dealTasks"].insert(
        Task(reltype, relid, created=now, updated=now, **columns)
    )
    automation = as_id(body.get("triggerAutomationOnCreate"))
    w.trigger("task_added", task=row.id)
    if automation:
        w.trigger("automation_entered", task=row.id, automation=automation)
    shown = show_task(w, row)
    del shown["duration"], shown["donedate"]
    return Answer(201, {"dealTask": shown | {"status": row.status}})


@route("PUT|PATCH", "/dealTasks/{id}")
def update_task(w: World, r: Request, task: int) -> Any:
    """Change the columns that are sent; status 1 completes the task, with an outcome if needed."""
    if not is_served(w):
        return html_not_found()
    row = _task(w, task)
    body = r.wrapped("dealTask")
    columns = _columns(w, body)
    if "relid" in body or "ownerType" in body:
        columns["reltype"], columns["relid"] = _owner(w, {"relid": row.relid, **body})
    type_ = columns.get("type", row.type)
    is_done = columns.get("status", row.status) == 1
    if is_done and row.status == 0:
        asks = w.tables["tasktypeOutcomeRels"].ids_by("type", type_)
        outcome = columns.get("outcome", row.outcome)
        if asks and outcome is None and w.switches.task_needs_outcome:
            raise invalid("field_missing", "outcomeId", "The outcomeId was not provided.")
        columns["done"] = w.now()
        w.trigger("task_completed", task=row.id)
    elif not is_done:
        columns["done"] = None
    w.tables["dealTasks"].change(row, updated=w.now(), **columns)
    return {"dealTask": show_task(w, row) | {"status": row.status}}


@route("DELETE", "/dealTasks/{id}")
def delete_task(w: World, r: Request, task: int) -> Any:
    """Delete a task."""
    if not is_served(w):
        return html_not_found()
    w.tables["dealTasks"].delete(_task(w, task).id)
    return {}


@route("POST", "/dealTasktypes")
def create_type(w: World, r: Request) -> Answer:
    """Create a type with a unique title: 201 live, 200 documented."""
    if not is_served(w):
        return html_not_found()
    body = r.wrapped("dealTasktype")
    require(body, "dealTasktype", "title")
    table, title = w.tables["dealTasktypes"], as_text(body["title"])
    if any(row.title.casefold() == title.casefold() for row in table):
        raise invalid("duplicate", "title", "The title is already in use.")
    row = table.insert(TaskType(title, as_id(body.get("status")) or 0))
    return Answer(201, {"dealTasktype": show_type(w, row)})


def _task(w: World, task: int) -> Task:
    row: Task | None = w.tables["dealTasks"].get(task)
    if row is None:
        raise missing("DealTask", task)
    return row


def _owner(w: World, body: dict[str, Any]) -> tuple[str, int]:
    kind = as_text(body.get("ownerType") or "deal").casefold()
    if kind not in _OWNERS:
        raise invalid("field_invalid", "ownerType", "The ownerType is invalid.")
    reltype, table = _OWNERS[kind]
    relid = as_id(body["relid"])
    if relid is None or relid not in w.tables[table]:
        raise related_missing("relid", kind.title())
    return reltype, relid


def _columns(w: World, body: dict[str, Any]) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for name, column in (("duedate", "due"), ("edate", "end")):
        if body.get(name):
            instant = w.zone.instant(as_text(body[name]))
            if instant is None:
                raise invalid("field_invalid", name, f"The {name} is not a valid date.")
            columns[column] = instant
    for name, column, table in (
        ("dealTasktype", "type", "dealTasktypes"),
        ("outcomeId", "outcome", "taskOutcomes"),
        ("assignee", "assignee", "users"),
    ):
        if body.get(name) is not None:
            found = as_id(body[name])
            if found is None or found not in w.tables[table]:
                raise related_missing(name, table.removesuffix("s"))
            columns[column] = found
    columns |= {
        name: as_text(body[name]) for name in ("title", "note", "outcomeInfo") if name in body
    }
    if "doneAutomation" in body:
        columns["doneAutomation"] = as_id(body["doneAutomation"])
    if "status" in body:
        status = as_id(body["status"])
        if status not in (0, 1):
            raise Refusal(422, {"errors": [{"title": "The status is invalid."}]})
        columns["status"] = status
    return columns
