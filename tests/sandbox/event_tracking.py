"""Event tracking: a separate host that takes a form, and the names of events in the account.

The API key is no credential there. A repeated event is recorded twice.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

from tests.sandbox.routes import route
from tests.sandbox.wire import Answer, Refusal, invalid

if TYPE_CHECKING:
    from tests.sandbox.wire import Request
    from tests.sandbox.world import World

PATH = "/event"
LONGEST_NAME = 32


@dataclass(slots=True)
class TrackingLog:
    """An event of a contact."""

    contact: int
    type: str
    value: str
    tstamp: int
    id: int = 0


def receive(w: World, r: Request) -> Answer:
    """Record an event, or answer 0; the status is 200 in both cases."""
    form = {name: values[-1] for name, values in parse_qs(r.body.decode(), True).items()}
    problem = _problem(w, form)
    if problem is None:
        name, value = form["event"], form.get("eventdata", "")
        contact = _visitor(w, form)
        if contact is not None:
            w.tables["trackingLogs"].insert(TrackingLog(contact, name, value, w.now()))
            w.trigger("event_recorded", contact=contact, event=name)
    if w.switches.event_answer == "text":
        return Answer(200, raw=b"1" if problem is None else b"0")
    document = {"success": int(problem is None), "message": problem or "Event spawned"}
    return Answer(200, document)


def _problem(w: World, form: dict[str, str]) -> str | None:
    s = w.switches
    if not w.is_event_tracking_on:
        return "Event tracking is not enabled"
    if (form.get("actid"), form.get("key")) != (w.event_account_id, w.event_key):
        return "Invalid key"
    name = form.get("event", "")
    if not name or len(name) > LONGEST_NAME:
        return "Invalid event"
    if name not in w.event_names:
        if s.event_unregistered == "refused":
            return "Unknown event"
        w.event_names.append(name)
    if _email(form) is None:
        return "Invalid visit"
    if s.event_unknown_email == "refused" and w.find_contact(_email(form) or "") is None:
        return "Unknown contact"
    return None


def _email(form: dict[str, str]) -> str | None:
    try:
        visit = json.loads(form.get("visit", ""))
    except ValueError:
        return None
    email = visit.get("email") if isinstance(visit, dict) else None
    return email if isinstance(email, str) and email else None


def _visitor(w: World, form: dict[str, str]) -> int | None:
    email = _email(form) or ""
    row = w.find_contact(email)
    if row is None and w.switches.event_unknown_email == "creates":
        row = w.add_contact(email)
        w.trigger("contact_added", contact=row.id)
    return None if row is None else row.id


def show_tracking_log(w: World, row: TrackingLog) -> dict[str, Any]:
    """Show an event of a contact."""
    return {
        "subscriberid": str(row.contact),
        "type": row.type,
        "value": row.value,
        "tstamp": w.dt(row.tstamp),
        "hash": f"{row.id:032x}",
        "links": {"contact": f"{w.base_url}/api/3/trackingLogs/{row.id}/contact"},
        "id": str(row.id),
        "contact": str(row.contact),
    }


@route("GET", "/eventTrackingEvents")
def list_names(w: World, r: Request) -> dict[str, Any]:
    """Answer the names of events, the account's built-in events included."""
    names = [{"name": name} for name in w.event_names]
    return {"eventTrackingEvents": names, "meta": {"total": len(names)}}


@route("POST", "/eventTrackingEvents")
def add_name(w: World, r: Request) -> Answer:
    """Add a name while event tracking is on; a second time is 422 or 201."""
    name = r.wrapped("eventTrackingEvent").get("name")
    if not isinstance(name, str) or not name or len(name) > LONGEST_NAME:
        raise invalid("field_invalid", "name", "The name is invalid.")
    if not w.is_event_tracking_on:
        raise Refusal(403, {"message": "Forbidden"})
    if name not in w.event_names:
        w.event_names.append(name)
    elif w.switches.event_name_again == 422:
        raise invalid("duplicate", "name", "The name is already in use.")
    return Answer(201, {"eventTrackingEvent": {"name": name}})


@route("DELETE", "/eventTrackingEvents/{name:text}")
def delete_name(w: World, r: Request, name: str) -> dict[str, Any]:
    """Remove a name."""
    name = unquote(name)
    if name not in w.event_names:
        raise Refusal(404, {"message": "No Result found"})
    w.event_names.remove(name)
    return {}


@route("GET|PUT", "/eventTracking")
def switch_tracking(w: World, r: Request) -> dict[str, Any]:
    """Answer whether event tracking is on; a PUT turns it on or off."""
    if r.method == "PUT":
        w.is_event_tracking_on = r.wrapped("eventTracking").get("enabled") is True
    return {"eventTracking": {"enabled": w.is_event_tracking_on}}


@route("GET", "/siteTracking/code")
def tracking_code(w: World, r: Request) -> Answer:
    """Answer the HTML snippet, which has the account's id and not the key."""
    snippet = f"<script>vgo('setAccount', '{w.event_account_id}');</script>"
    return Answer(200, raw=snippet.encode(), headers={"Content-Type": "text/html"})


def is_event(path: str) -> bool:
    """Return whether a request goes to the host of events."""
    return re.fullmatch(PATH + "/?", path) is not None
