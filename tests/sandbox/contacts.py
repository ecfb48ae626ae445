"""Reads of contacts: pages with sideloads, one contact, and collections below a contact."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from tests.sandbox import contact_rows
from tests.sandbox.contact_filters import wanted
from tests.sandbox.event_tracking import show_tracking_log
from tests.sandbox.includes import CONTACT_RELATIONS, Sideloads
from tests.sandbox.paging import array, page_of, total_meta, window
from tests.sandbox.routes import route
from tests.sandbox.shown import fragment
from tests.sandbox.wire import missing

if TYPE_CHECKING:
    from tests.sandbox.wire import Request
    from tests.sandbox.world import World

_BELOW = {
    "contactTags": ("contactTags", "contact"),
    "contactLists": ("contactLists", "contact"),
    "fieldValues": ("fieldValues", "contact"),
    "accountContacts": ("accountContacts", "contact"),
    "contactAutomations": ("contactAutomations", "contact"),
    "scoreValues": ("scoreValues", "contact"),
    "contactDeals": ("contactDeals", "contact"),
    "deals": ("deals", "contact"),
}
_ALWAYS_EMPTY = ("bounceLogs", "contactGoals", "contactLogs", "geoIps")
_EMPTY_SINGLES = ("contactData", "plusAppend", "organization")


@route("GET", "/contacts")
def list_contacts(w: World, r: Request) -> Any:
    """Answer a page of contacts."""
    return w.pages.page(w, r, lambda: _page(w, r))


def _page(w: World, r: Request) -> dict[str, Any]:
    sides = Sideloads(w, r, CONTACT_RELATIONS)
    ids, total = wanted(w, r)
    table = w.tables["contacts"].rows
    page = [table[row_id] for row_id in ids]
    arrays = sides.arrays(page)
    arrays.setdefault("scoreValues", array([]))
    meta = total_meta(w, total, "s") or {}
    meta = {"page_input": _page_input(w, r), **meta, "sortable": True}
    return {
        **arrays,
        "contacts": array([contact_rows.contact(w, row, sides.members(row)) for row in page]),
        "meta": meta,
    }


def _page_input(w: World, r: Request) -> dict[str, Any]:
    limit, offset = window(w, r)
    parameters = repr([pair for pair in r.query if pair[0] not in ("limit", "offset")])
    return {
        "segmentid": r.number("segmentid"),
        "formid": r.number("formid") or 0,
        "listid": r.number("listid") or 0,
        "tagid": r.number("tagid") or 0,
        "limit": limit,
        "offset": offset,
        "search": r.params.get("search"),
        "sort": None,
        "seriesid": r.number("seriesid") or 0,
        "waitid": r.number("waitid") or 0,
        "status": -1 if r.number("status") is None else r.number("status"),
        "forceQuery": r.number("forceQuery") or 0,
        "cacheid": hashlib.md5(parameters.encode(), usedforsecurity=False).hexdigest(),
    }


def contact_or_404(w: World, contact: int) -> Any:
    """Return a contact, or refuse with the model name `Subscriber`."""
    row = w.tables["contacts"].get(contact)
    if row is None:
        raise missing("Subscriber", contact)
    return row


@route("GET", "/contacts/{id}")
def get_contact(w: World, r: Request, contact: int) -> dict[str, Any]:
    """Return one contact with the sideloads that are always on; tags are not among them."""
    row = contact_or_404(w, contact)
    t = w.tables
    below = {
        "contactAutomations": "contactAutomations",
        "contactLists": "contactLists",
        "deals": "deals",
        "fieldValues": "fieldValues",
        "geoIps": None,
        "accountContacts": "accountContacts",
    }
    arrays: dict[str, Any] = {}
    ids: dict[str, list[str]] = {}
    for name, table in below.items():
        found = t[table].by("contact", contact) if table else []
        ids[name] = [str(related.id) for related in found]
        if name == "contactLists":
            channel = [t["lists"][m.list].columns.get("channel", "email") for m in found]
            texts = [
                contact_rows.contact_list(w, m, f'"channel":"{c}",')
                for m, c in zip(found, channel, strict=True)
            ]
        else:
            texts = [fragment(w, table, related) for related in found] if table else []
        arrays[name] = array(texts)
    sides = Sideloads(w, r, CONTACT_RELATIONS)
    arrays = {**sides.arrays([row]), **arrays}
    extra = "".join(
        f'"{name}":{json.dumps(ids[name])},' for name in below if name != "accountContacts"
    )
    shown = json.loads(contact_rows.contact(w, row, extra + sides.members(row)))
    del shown["scoreValues"]
    return {**arrays, "contact": shown}


@route("GET", "/contacts/{id}/{below:text}")
def list_below_contact(w: World, r: Request, contact: int, below: str) -> Any:
    """Return a collection below a contact, which is documented without `meta`."""
    contact_or_404(w, contact)
    t = w.tables
    if below in _EMPTY_SINGLES:
        return {}
    if below in _ALWAYS_EMPTY:
        return {below: []}
    if below == "trackingLogs":
        events = t[below].by("contact", contact)
        page = page_of(w, r, events) if w.switches.nested_paged else events
        return {below: [show_tracking_log(w, row) for row in page]}
    if below == "automationEntryCounts":
        return {below: [_entry_count(w, contact, row) for row in t["automations"]]}
    if below == "notes":
        table, found = "notes", t["notes"].by("parent", ("Subscriber", contact))
    elif below in _BELOW:
        table, index = _BELOW[below]
        found = t[table].by(index, contact)
    else:
        return None
    page = page_of(w, r, found) if w.switches.nested_paged else found
    document: dict[str, Any] = {}
    if below == "contactDeals":
        deals = sorted({row.deal for row in page})
        document["contacts"] = array([fragment(w, "contacts", t["contacts"][contact])])
        document["deals"] = array([fragment(w, "deals", t["deals"][deal]) for deal in deals])
    document[below] = array([fragment(w, table, row) for row in page])
    return document


def _entry_count(w: World, contact: int, automation: Any) -> dict[str, Any]:
    runs = w.tables["contactAutomations"].by("contact", contact)
    return {
        "id": str(automation.id),
        "name": automation.name,
        "status": str(automation.status),
        "hidden": "0",
        "contactEntryCount": str(sum(run.automation == automation.id for run in runs)),
    }
