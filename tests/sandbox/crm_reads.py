"""Reads of accounts, their links and custom fields, notes, pipelines, stages and roles."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from tests.sandbox import crm_rows
from tests.sandbox.includes import ACCOUNT_RELATIONS, LIVE_NAMES, Sideloads
from tests.sandbox.mail_reads import compares
from tests.sandbox.paging import (
    array,
    collection,
    filters,
    in_id_order,
    ordered,
    orders,
    page_of,
    total_meta,
)
from tests.sandbox.relations import row_or_404
from tests.sandbox.routes import route
from tests.sandbox.shown import SHOW, fragment
from tests.sandbox.wire import compact

if TYPE_CHECKING:
    from tests.sandbox.wire import Request
    from tests.sandbox.world import World


@route("GET", "/accounts")
def list_accounts(w: World, r: Request) -> dict[str, Any]:
    """Answer accounts; without `count_deals=true` both counts are "0"."""
    rows = list(w.tables["accounts"])
    if search := r.params.get("search"):
        rows = [row for row in rows if compares(row.name, "contains", search)]
    counted = r.params.get("count_deals") == "true"
    sides = Sideloads(w, r, ACCOUNT_RELATIONS)
    page = page_of(w, r, in_id_order(w, r, rows))
    texts = []
    for row in page:
        text = compact(crm_rows.show_counted_account(w, row, counted=counted))
        texts.append("{" + sides.members(row) + text[1:])
    meta = total_meta(w, len(rows), "s")
    document: dict[str, Any] = {**sides.arrays(page), "accounts": array(texts)}
    return document | ({} if meta is None else {"meta": meta})


@route("GET", "/accountContacts")
def list_account_contacts(w: World, r: Request) -> dict[str, Any]:
    """Answer the links of contacts to accounts."""
    table = w.tables["accountContacts"]
    ids = table.ids()
    for name, _, value in filters(r):
        if name in ("contact", "account"):
            found = set(table.ids_by(name, int(value))) if value.isdecimal() else set()
            ids = [row_id for row_id in ids if row_id in found]
    page = [table.rows[row_id] for row_id in page_of(w, r, ids)]
    rows = array([fragment(w, "accountContacts", row) for row in page])
    meta = total_meta(w, len(ids), "s")
    return {"accountContacts": rows} | ({} if meta is None else {"meta": meta})


@route("GET", "/accountCustomFieldMeta", "/dealCustomFieldMeta")
def list_custom_fields(w: World, r: Request) -> dict[str, Any]:
    """Answer the definitions of account or deal fields, without `meta`."""
    name = r.path.strip("/")
    rows = list(w.tables[name])
    return collection(w, r, name, rows, SHOW[name], "-", w.switches.fields_default_limit)


@route("GET", "/accountCustomFieldData", "/dealCustomFieldData")
def list_custom_data(w: World, r: Request) -> dict[str, Any]:
    """Answer the values of account or deal fields."""
    name = r.path.strip("/")
    owner = "customerAccountId" if name.startswith("account") else "dealId"
    table = w.tables[name]
    ids = table.ids()
    for column, _, value in filters(r):
        if column == owner:
            ids = table.ids_by("owner", int(value)) if value.isdecimal() else []
    page = [table.rows[row_id] for row_id in page_of(w, r, ids)]
    texts = [fragment(w, name, row) for row in page]
    if name.startswith("account") and w.switches.account_data == "live everywhere":
        name = LIVE_NAMES[name]
        texts = [compact(crm_rows.show_wide_datum(w, row, "account")) for row in page]
    document: dict[str, Any] = {name: array(texts)}
    meta = total_meta(w, len(ids), "i")
    return document | ({} if meta is None else {"meta": meta})


@route("GET", "/listGroups")
def list_list_groups(w: World, r: Request) -> dict[str, Any]:
    """Answer the permissions of groups on lists."""
    rows = list(w.tables["listGroups"])
    return collection(w, r, "listGroups", rows, SHOW["listGroups"], "s")


@route("GET", "/notes")
def list_notes(w: World, r: Request) -> dict[str, Any]:
    """Answer all notes; no filter is documented."""
    rows = list(w.tables["notes"])
    if w.switches.undocumented_filters:
        for name, _, value in filters(r):
            if name in ("reltype", "relid"):
                rows = [row for row in rows if str(getattr(row, name)) == value]
        ordered(rows, orders(r), {"cdate": lambda row: row.cdate})
    return collection(w, r, "notes", rows, crm_rows.show_note, "i")


@route("GET", "/dealGroups")
def list_pipelines(w: World, r: Request) -> dict[str, Any]:
    """Answer the pipelines that the key's user may see, with their stages."""
    stages = w.tables["dealStages"]
    rows = [row for row in w.tables["dealGroups"] if not row.hidden]
    for name, _, value in filters(r):
        if name == "title":
            rows = [row for row in rows if compares(row.title, "contains", value)]
        elif name == "have_stages":
            rows = [row for row in rows if bool(stages.ids_by("group", row.id)) is (value == "1")]
    ordered(rows, orders(r), {"title": lambda row: row.title.casefold()})

    def sideload(page: list[Any]) -> list[Any]:
        return [SHOW["dealStages"](w, s) for row in page for s in stages.by("group", row.id)]

    show = partial(crm_rows.show_pipeline, counted=True)
    return collection(w, r, "dealGroups", rows, show, "i", dealStages=sideload)


@route("GET", "/dealGroups/{id}")
def get_pipeline(w: World, r: Request, pipeline: int) -> dict[str, Any]:
    """Answer one pipeline with its stages."""
    row = row_or_404(w, "dealGroups", pipeline)
    stages = [
        SHOW["dealStages"](w, stage) for stage in w.tables["dealStages"].by("group", pipeline)
    ]
    return {"dealStages": stages, "dealGroup": crm_rows.show_pipeline(w, row)}


@route("GET", "/dealStages")
def list_stages(w: World, r: Request) -> dict[str, Any]:
    """Answer the stages of the pipelines that the key's user may see."""
    pipelines = w.tables["dealGroups"]
    rows = [row for row in w.tables["dealStages"] if not pipelines[row.group].hidden]
    for name, _, value in filters(r):
        if name == "title":
            rows = [row for row in rows if compares(row.title, "contains", value)]
        elif name == "d_groupid":
            rows = [row for row in rows if str(row.group) == value]
    ordered(rows, orders(r), {"title": lambda row: row.title.casefold()})
    return collection(w, r, "dealStages", rows, crm_rows.show_stage, "i")


@route("GET", "/contactDeals", "/dealRoles", "/dealActivities")
def list_plain(w: World, r: Request) -> dict[str, Any]:
    """Answer a small table; roles have a search, activities a filter by deal."""
    name = r.path.strip("/")
    rows = list(w.tables[name])
    if name == "dealRoles" and (search := r.params.get("search")):
        rows = [row for row in rows if compares(row.title, "contains", search)]
    if name == "dealActivities" and (deal := r.number("deal")):
        rows = [row for row in rows if row.deal == deal]
    return collection(w, r, name, rows, SHOW[name], "-" if name == "dealActivities" else "s")
