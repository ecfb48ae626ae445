"""Writes of deals: stages belong to pipelines, values are minor units, hidden deals are refused."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.sandbox.contact_rows import show_contact
from tests.sandbox.crm_rows import is_hidden, show_deal, show_pipeline, show_stage
from tests.sandbox.field_inputs import write_fields
from tests.sandbox.relations import row_or_404
from tests.sandbox.routes import route
from tests.sandbox.wire import (
    Answer,
    Refusal,
    as_id,
    as_text,
    html_not_found,
    invalid,
    not_provided,
    related_missing,
    require,
)

if TYPE_CHECKING:
    from tests.sandbox.rows import Deal
    from tests.sandbox.wire import Request
    from tests.sandbox.world import World

_CURRENCY = re.compile("[a-z]{3}")
_RELATED = {"contact": "contacts", "account": "accounts", "owner": "users"}
_CREATED = (
    "title",
    "value",
    "currency",
    "contact",
    "owner",
    "group",
    "stage",
    "cdate",
    "mdate",
    "description",
    "organization",
    "status",
    "nextdate",
    "nextdealid",
    "hash",
    "winProbability",
    "winProbabilityMdate",
    "links",
)
_ECHOED = ("title", "value", "currency", "contact", "account", "owner", "group", "stage", "percent")


@route("POST", "/deals")
def create_deal(w: World, r: Request) -> Answer:
    """Create a deal; a repeated create makes a second deal."""
    body = r.wrapped("deal")
    require(body, "deal", "title", "value", "currency")
    if not body.get("contact") and not body.get("account"):
        raise not_provided("deal", "contact")
    columns = _columns(w, body)
    columns |= _place(w, body, None)
    pipeline = w.tables["dealGroups"][columns["group"]]
    if "owner" not in columns:
        if not pipeline.autoassign:
            raise not_provided("deal", "owner")
        columns["owner"] = 1
    row = w.add_deal(**columns)
    fields = write_fields(w, "deal", row.id, body.get("fields"))
    full = show_deal(w, row)
    shown = {name: full[name] for name in _CREATED} | _echo(body, row)
    shown |= {"fields": fields, "customFieldSaveStatus": {"status": "success"}, "id": full["id"]}
    shown |= {"isDisabled": False, "account": full["account"]}
    shown["customerAccount"] = full["customerAccount"]
    document: dict[str, Any] = {}
    if row.contact:
        document["contacts"] = [show_contact(w, w.tables["contacts"][row.contact])]
    document["dealGroups"] = [show_pipeline(w, pipeline)]
    document["dealStages"] = [show_stage(w, w.tables["dealStages"][row.stage])]
    return Answer(201, {**document, "deal": shown})


@route("PUT|PATCH", "/deals/{id}")
def update_deal(w: World, r: Request, deal: int) -> dict[str, Any]:
    """Change the columns that are sent; a stage of another pipeline needs that pipeline too."""
    row = _visible(w, deal)
    body = r.wrapped("deal")
    columns = _columns(w, body)
    if "stage" in body or "group" in body:
        columns |= _place(w, body, row)
    fields = write_fields(w, "deal", deal, body.get("fields"))
    w.edit_deal(deal, **columns)
    shown = show_deal(w, row) | _echo(body, row)
    shown |= {"fields": fields, "customFieldSaveStatus": {"status": "success"}, "nextTask": None}
    stage = show_stage(w, w.tables["dealStages"][row.stage])
    return {"dealStages": [stage], "deal": shown}


@route("DELETE", "/deals/{id}")
def delete_deal(w: World, r: Request, deal: int) -> dict[str, Any]:
    """Delete a deal."""
    _visible(w, deal)
    w.delete_deal(deal)
    return {}


@route("PATCH", "/deals/bulkUpdate", "/deals/bulkUpdate/owners")
def change_owners(w: World, r: Request) -> dict[str, Any] | Answer:
    """Change the owners of deals; it is not known which of the two routes exists."""
    if r.path != f"/deals/{w.switches.bulk_owner_route}":
        return html_not_found()
    entries = r.json.get("deals") if isinstance(r.json, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise Refusal(422, {"errors": [{"status": 422, "title": "Missing attribute"}]})
    outcome: dict[str, list[str]] = {"success": [], "nochange": [], "failed": []}
    for entry in entries:
        row = w.tables["deals"].get(as_id(entry.get("id")))
        owner = as_id(entry.get("ownerId"))
        if row is None or is_hidden(w, row) or owner not in w.tables["users"]:
            outcome["failed"].append(str(entry.get("id")))
        elif row.owner == owner:
            outcome["nochange"].append(str(row.id))
        else:
            w.edit_deal(row.id, owner=owner)
            outcome["success"].append(str(row.id))
    return outcome


@route("PUT", "/dealStages/{id}/deals")
def move_stage(w: World, r: Request, stage: int) -> dict[str, Any]:
    """Move every deal of a stage to another stage of its pipeline."""
    source = row_or_404(w, "dealStages", stage)
    target = w.tables["dealStages"].get(as_id(r.wrapped("deal").get("stage")))
    if target is None or target.group != source.group:
        raise _wrong_stage()
    deals = w.tables["deals"].by("stage", stage)
    for row in deals:
        w.edit_deal(row.id, stage=target.id)
    return {"deals": [show_deal(w, row) for row in deals]}


def _visible(w: World, deal: int) -> Deal:
    row: Deal = row_or_404(w, "deals", deal)
    if is_hidden(w, row):
        raise Refusal(403, {"message": "Forbidden"})
    return row


def _columns(w: World, body: dict[str, Any]) -> dict[str, Any]:
    columns: dict[str, Any] = {
        name: as_text(body[name]) for name in ("title", "description") if body.get(name) is not None
    }
    columns |= _numbers(body)
    for name, table in _RELATED.items():
        if body.get(name):
            columns[name] = as_id(body[name])
            if w.tables[table].get(columns[name]) is None:
                raise related_missing(name, name)
        elif name != "owner" and name in body:
            columns[name] = None
    return columns


def _numbers(body: dict[str, Any]) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    if "value" in body:
        text = as_text(body["value"])
        if not text.isdecimal():
            raise invalid("field_invalid", "value", "The deal value is not a whole number >= 0.")
        columns["value"] = int(text)
    if "currency" in body:
        columns["currency"] = as_text(body["currency"]).lower()
        if not _CURRENCY.fullmatch(columns["currency"]):
            raise invalid("field_invalid", "currency", "The deal currency is unknown.")
    if body.get("status") is not None:
        columns["status"] = as_id(body["status"])
        if columns["status"] not in (0, 1, 2):
            raise invalid("field_invalid", "status", "The deal status is not 0, 1 or 2.")
    if body.get("percent") not in (None, ""):
        columns["percent"] = as_id(body["percent"]) or 0
    return columns


def _place(w: World, body: dict[str, Any], row: Deal | None) -> dict[str, int]:
    """Return pipeline and stage: the stage must be in the resulting pipeline."""
    stages, pipelines = w.tables["dealStages"], w.tables["dealGroups"]
    stage, group = stages.get(as_id(body.get("stage"))), as_id(body.get("group"))
    if body.get("stage") and stage is None:
        raise related_missing("stage", "stage")
    if body.get("group") and pipelines.get(group) is None:
        raise related_missing("group", "group")
    if row is None and stage is None and not group:
        raise not_provided("deal", "group")
    if stage is not None:
        holding = group or (row.group if row is not None else stage.group)
        if stage.group != holding:
            if group or not w.switches.deal_stage_alone_moves:
                raise _wrong_stage()
            holding = stage.group
        chosen = {"group": holding, "stage": stage.id}
    elif row is not None and row.group == group:
        chosen = {"group": row.group, "stage": row.stage}
    else:
        first = w.first_stage(group or 0)
        if first is None:
            raise related_missing("stage", "stage")
        chosen = {"group": group or 0, "stage": first.id}
    if pipelines[chosen["group"]].hidden:
        raise Refusal(403, {"message": "Forbidden"})
    return chosen


def _wrong_stage() -> Refusal:
    pointer = {"pointer": "/data/attributes/stage"}
    error = {"status": 422, "title": "Invalid attribute", "source": pointer}
    return Refusal(422, {"errors": [error]})


def _echo(body: dict[str, Any], row: Deal) -> dict[str, Any]:
    """Repeat the sent columns as they were sent; the status is always an int."""
    shown = {name: body[name] for name in _ECHOED if name in body}
    return shown | {"status": row.status}
