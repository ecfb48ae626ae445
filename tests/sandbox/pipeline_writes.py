"""Writes of pipelines, stages, secondary contacts and their roles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.sandbox.crm_rows import (
    show_contact_deal,
    show_deal,
    show_deal_role,
    show_pipeline,
    show_stage,
)
from tests.sandbox.relations import row_or_404
from tests.sandbox.routes import route
from tests.sandbox.rows import ContactDeal, DealRole
from tests.sandbox.wire import Answer, as_id, as_text, invalid, missing, related_missing, require

if TYPE_CHECKING:
    from tests.sandbox.rows import Stage
    from tests.sandbox.wire import Request
    from tests.sandbox.world import World

_FLAGS = ("autoassign", "allusers", "allgroups")
_LOOKS = (
    "color",
    "dealOrder",
    "cardRegion1",
    "cardRegion2",
    "cardRegion3",
    "cardRegion4",
    "cardRegion5",
)


@route("POST", "/dealGroups")
def create_pipeline(w: World, r: Request) -> Answer:
    """Create a pipeline with three stages."""
    body = r.wrapped("dealGroup")
    require(body, "dealGroup", "title", "currency")
    flags = {name: as_id(body[name]) or 0 for name in _FLAGS if name in body}
    currency = as_text(body["currency"]).lower()
    row = w.add_pipeline(as_text(body["title"]), currency=currency, **flags)
    document: dict[str, Any] = {}
    for sent, key, column in (
        ("users", "dealGroupUsers", "user"),
        ("groups", "dealGroupGroups", "group"),
    ):
        if body.get(sent):
            members = [{"dealGroup": str(row.id), column: str(member)} for member in body[sent]]
            document[key] = members
    return Answer(201, {**_stages(w, row.id), **document, "dealGroup": show_pipeline(w, row)})


@route("PUT", "/dealGroups/{id}")
def update_pipeline(w: World, r: Request, pipeline: int) -> dict[str, Any]:
    """Change a pipeline."""
    row = row_or_404(w, "dealGroups", pipeline)
    body = r.wrapped("dealGroup")
    columns: dict[str, Any] = {name: as_id(body[name]) or 0 for name in _FLAGS if name in body}
    columns |= {name: as_text(body[name]) for name in ("title", "currency") if body.get(name)}
    w.tables["dealGroups"].change(row, udate=w.now(), **columns)
    return {**_stages(w, pipeline), "dealGroup": show_pipeline(w, row)}


@route("DELETE", "/dealGroups/{id}")
def delete_pipeline(w: World, r: Request, pipeline: int) -> dict[str, Any]:
    """Delete a pipeline with everything in it."""
    row_or_404(w, "dealGroups", pipeline)
    w.delete_pipeline(pipeline)
    return {}


@route("POST", "/dealStages")
def create_stage(w: World, r: Request) -> Answer:
    """Add a stage; with `reorder=1` the stages after its place move by one."""
    body = r.wrapped("dealStage")
    require(body, "dealStage", "title", "group")
    pipeline = w.tables["dealGroups"].get(as_id(body["group"]))
    if pipeline is None:
        raise related_missing("group", "group")
    columns = _looks(body)
    if r.params.get("reorder") == "1" and columns.get("order"):
        _shift_stages(w, pipeline.id, columns["order"], None)
    row = w.add_stage(as_text(body["title"]), pipeline.id, **columns)
    shown = show_stage(w, row) | {"order": row.order, "width": row.width}
    if "group" in body:
        shown["group"] = body["group"]
    return Answer(201, {"dealGroups": [show_pipeline(w, pipeline)], "dealStage": shown})


@route("PUT", "/dealStages/{id}")
def update_stage(w: World, r: Request, stage: int) -> dict[str, Any]:
    """Change a stage; its pipeline does not change."""
    row = row_or_404(w, "dealStages", stage)
    body = r.wrapped("dealStage")
    columns = _looks(body)
    if body.get("title"):
        columns["title"] = as_text(body["title"])
    if r.params.get("reorder") == "1" and columns.get("order"):
        _shift_stages(w, row.group, columns["order"], row)
    w.tables["dealStages"].change(row, udate=w.now(), **columns)
    pipeline = show_pipeline(w, w.tables["dealGroups"][row.group])
    return {"dealGroups": [pipeline], "dealStage": show_stage(w, row)}


@route("DELETE", "/dealStages/{id}")
def delete_stage(w: World, r: Request, stage: int) -> dict[str, Any]:
    """Delete a stage with every deal in it."""
    row_or_404(w, "dealStages", stage)
    w.delete_stage(stage)
    return {}


@route("POST", "/contactDeals")
def add_secondary(w: World, r: Request) -> dict[str, Any]:
    """Add a secondary contact to a deal."""
    body = r.wrapped("contactDeal")
    for name in ("contact", "deal"):
        if body.get(name) in (None, ""):
            raise invalid("field_missing", name, f"The contactDeal {name} was not provided.")
    contact, deal, role = (as_id(body.get(name)) for name in ("contact", "deal", "role"))
    if w.tables["contacts"].get(contact) is None:
        raise related_missing("contact", "contact")
    found = w.tables["deals"].get(deal)
    if found is None:
        raise related_missing("deal", "deal")
    others = [row.contact for row in w.tables["contactDeals"].by("deal", deal)]
    if contact in (*others, found.contact):
        raise invalid("field_invalid", "contact", "The contact is already on this deal.")
    now = w.now()
    row = w.tables["contactDeals"].insert(ContactDeal(contact or 0, deal or 0, now, now, role))
    shown = show_contact_deal(w, row)
    shown |= {name: body[name] for name in ("contact", "deal", "role") if name in body}
    return {"deals": [show_deal(w, found)], "contactDeal": shown}


@route("PUT", "/contactDeals/{id}")
def update_secondary(w: World, r: Request, link: int) -> dict[str, Any]:
    """Give a secondary contact another role."""
    row = row_or_404(w, "contactDeals", link)
    body = r.wrapped("contactDeal")
    role = as_id(body["role"]) if "role" in body else row.role
    w.tables["contactDeals"].change(row, role=role, updated=w.now())
    deals = [show_deal(w, w.tables["deals"][row.deal])]
    return {"deals": deals, "contactDeal": show_contact_deal(w, row)}


@route("DELETE", "/contactDeals/{id}")
def remove_secondary(w: World, r: Request, link: int) -> dict[str, Any]:
    """Remove a secondary contact from a deal."""
    row_or_404(w, "contactDeals", link)
    w.tables["contactDeals"].delete(link)
    return {}


@route("POST", "/dealRoles")
def create_role(w: World, r: Request) -> dict[str, Any]:
    """Create a role; the documentation has an unwrapped body, a wrapped body works too."""
    body = r.wrapped("dealRole") or (r.json if isinstance(r.json, dict) else {})
    require(body, "dealRole", "title")
    now = w.now()
    row = w.tables["dealRoles"].insert(DealRole(as_text(body["title"]), now, now))
    return {"dealRole": show_deal_role(w, row)}


@route("DELETE", "/dealRoles/{id}")
def delete_role(w: World, r: Request, role: int) -> dict[str, Any]:
    """Delete a role; contacts with it have none afterwards."""
    if w.tables["dealRoles"].delete(role) is None:
        raise missing("DealRole", role)
    for row in w.tables["contactDeals"]:
        if row.role == role:
            row.role = None
    return {}


def _stages(w: World, pipeline: int) -> dict[str, Any]:
    stages = w.tables["dealStages"].by("group", pipeline)
    return {"dealStages": [show_stage(w, stage) for stage in stages]}


def _looks(body: dict[str, Any]) -> dict[str, Any]:
    columns: dict[str, Any] = {name: as_text(body[name]) for name in _LOOKS if name in body}
    for name in ("order", "width"):
        if as_id(body.get(name)) is not None:
            columns[name] = as_id(body[name])
    return columns


def _shift_stages(w: World, pipeline: int, order: int, own: Stage | None) -> None:
    for stage in w.tables["dealStages"].by("group", pipeline):
        if stage is not own and stage.order >= order:
            w.tables["dealStages"].change(stage, order=stage.order + 1)
