"""Collections of engagement: sends, links, opens and clicks, prefetches, bounces, activities.

Filters are ignored. The rows are in id order. Only `/logs` has a total.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.sandbox.paging import collection, page_of, total_meta
from tests.sandbox.remaining import invented
from tests.sandbox.routes import route
from tests.sandbox.wire import html_not_found

if TYPE_CHECKING:
    from tests.sandbox.engagement.rows import BounceLog, Link, LinkDatum, Log
    from tests.sandbox.wire import Request
    from tests.sandbox.world import World


def show_log(w: World, row: Log) -> dict[str, Any]:
    """Show a send."""
    return {
        "subscriberid": str(row.contact),
        "campaignid": str(row.campaign),
        "messageid": str(row.message),
        "sendid": str(row.id),
        "successful": str(row.successful),
        "tstamp": w.dt(row.tstamp),
        "created_timestamp": w.ts(row.tstamp),
        "updated_timestamp": w.ts(row.tstamp),
        "links": w.links("logs", row.id, ("contact", "campaign", "message")),
        "id": str(row.id),
        "contact": str(row.contact),
        "campaign": str(row.campaign),
        "message": str(row.message),
    }


def show_link(w: World, row: Link) -> dict[str, Any]:
    """Show a link."""
    return {
        "campaignid": str(row.campaign),
        "messageid": str(row.message),
        "link": row.link,
        "name": row.name,
        "ref": "",
        "tracked": "1",
        "uniquelinkclicks": "0",
        "linkclicks": "0",
        "created_timestamp": w.ts(row.created),
        "updated_timestamp": w.ts(row.created),
        "created_by": None,
        "updated_by": None,
        "links": w.links("links", row.id, ("campaign", "message", "linkData")),
        "id": str(row.id),
        "campaign": str(row.campaign),
        "message": str(row.message),
    }


def show_datum(w: World, row: LinkDatum) -> dict[str, Any]:
    """Show an open or a click; `messageid` 0 does not belong to a campaign's mail."""
    return {
        "linkid": str(row.link),
        "subscriberid": str(row.contact),
        "campaignid": str(row.campaign),
        "messageid": str(row.message),
        "isread": str(row.isread),
        "times": str(row.times),
        "tstamp": w.dt(row.tstamp),
        "ip": "0",
        "ip6": None,
        "ua": row.ua,
        "uasrc": "",
        "referer": "",
        "created_timestamp": w.ts(row.created),
        "links": w.links("linkData", row.id, ("contact", "link")),
        "id": str(row.id),
        "link": str(row.link),
        "contact": str(row.contact),
    }


def show_bounce(w: World, row: BounceLog) -> dict[str, Any]:
    """Show a bounce."""
    return {
        "tstamp": w.dt(row.tstamp),
        "bounceid": str(row.id),
        "subscriberid": str(row.contact),
        "campaignid": str(row.campaign),
        "messageid": str(row.message),
        "codeid": "1",
        "email": row.email,
        "error": row.error,
        "source": "",
        "created_timestamp": w.ts(row.tstamp),
        "updated_timestamp": w.ts(row.tstamp),
        "created_by": None,
        "updated_by": None,
        "links": w.links("bounceLogs", row.id, ("bounce", "contact", "campaign", "message")),
        "id": str(row.id),
        "bounce": str(row.id),
        "contact": str(row.contact),
        "campaign": str(row.campaign),
        "message": str(row.message),
        "code": row.code,
    }


_SHOW = {
    "logs": show_log,
    "links": show_link,
    "linkData": show_datum,
    "mppLinkData": show_datum,
    "bounceLogs": show_bounce,
}
_ONLY_SERVED = ("logs", "mppLinkData")


@route("GET", *(f"/{name}" for name in _SHOW))
def list_engagement(w: World, r: Request) -> Any:
    """Answer a page in id order, under any filter."""
    name = r.path.strip("/")
    if w.switches.engagement != "served":
        return html_not_found() if name in _ONLY_SERVED else invented(w, r)
    if name == "mppLinkData" and w.switches.mpp_link_data == "absent":
        return html_not_found()
    table, show = w.tables[name], _SHOW[name]
    page = [show(w, table.rows[row_id]) for row_id in page_of(w, r, table.ids())]
    meta = total_meta(w, len(table), "s" if name == "logs" else "-")
    return {name: page} | ({} if meta is None else {"meta": meta})


@route("GET", "/activities")
def list_activities(w: World, r: Request) -> Any:
    """Answer the activities of one contact, created when the contact was last read by its path."""
    if w.switches.engagement != "served":
        return invented(w, r)
    contact = r.number("contact")
    t = w.tables
    if contact is None or contact not in t["contacts"]:
        return {"activities": [], "meta": {"total": "0"}}
    until = w.now() if w.switches.activities_at_once else _last_read(w, contact)
    found = [(row.tstamp, "Log", row) for row in t["logs"].by("contact", contact)]
    found += [(row.tstamp, "LinkData", row) for row in t["linkData"].by("contact", contact)]
    found += [(row.tstamp, "MppLinkData", row) for row in t["mppLinkData"].by("contact", contact)]
    found += [(row.tstamp, row.kind, row) for row in t["reactions"].by("contact", contact)]
    after = r.params.get("after", "")
    found = [entry for entry in found if entry[0] <= until and (w.dt(entry[0]) or "")[:10] >= after]
    found.sort(
        key=lambda entry: entry[0], reverse=r.params.get("orders[tstamp]", "").casefold() == "desc"
    )
    rows = [_activity(w, number, *entry) for number, entry in enumerate(found, 1)]
    answer = collection(w, r, "activities", rows, lambda _w, row: row, "s")
    if w.switches.activities_sideload and "reference" in r.params.get("include", ""):
        tables = {"Log": "logs", "LinkData": "linkData", "MppLinkData": "mppLinkData"}
        for kind, name in tables.items():
            answer[name] = [_SHOW[name](w, row) for _, other, row in found if other == kind]
        links = {row.link for _, kind, row in found if kind in {"LinkData", "MppLinkData"}}
        answer["links"] = [show_link(w, t["links"].rows[link_id]) for link_id in sorted(links)]
    return answer


def _last_read(w: World, contact: int) -> float:
    path = f"/api/3/contacts/{contact}"
    reads = [entry.time.timestamp() for entry in w.log if entry.path == path]
    return max(reads, default=0)


def _activity(w: World, number: int, tstamp: int, kind: str, row: Any) -> dict[str, Any]:
    dashed = {"LinkData": "link-data", "MppLinkData": "mpp-link-data"}.get(kind, kind.casefold())
    return {
        "tstamp": w.dt(tstamp),
        "subscriberid": str(row.contact),
        "reference_type": kind,
        "reference_id": str(row.id),
        "reference_action": "",
        "jsonData": None,
        "userid": "0",
        "permission": "",
        "referenceModelName": kind,
        "notes": [],
        "recipients": [],
        "reference": {"type": dashed, "id": str(row.id)},
        "links": [],
        "id": str(number),
        "user": None,
    }
