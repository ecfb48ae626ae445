"""Reads of users, groups, scores, automations and enrolments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.sandbox import people_rows
from tests.sandbox.paging import array, collection, filters, page_of, total_meta
from tests.sandbox.routes import route
from tests.sandbox.shown import fragment
from tests.sandbox.wire import Answer, html_not_found, missing

if TYPE_CHECKING:
    from tests.sandbox.wire import Request
    from tests.sandbox.world import World


@route("GET", "/users")
def list_users(w: World, r: Request) -> dict[str, Any]:
    """Answer all users."""
    return collection(w, r, "users", list(w.tables["users"]), people_rows.show_user)


@route("GET", "/users/me")
def get_key_user(w: World, r: Request) -> dict[str, Any]:
    """Answer the user of the key."""
    users = w.tables["users"]
    return {"user": people_rows.show_user(w, users.get(w.whoami) or next(iter(users)))}


@route("GET", "/users/email/{email:text}", "/users/username/{name:text}")
def get_user_by_name(w: World, r: Request, name: str) -> dict[str, Any]:
    """Answer a user by address or username, without case."""
    column = r.path.split("/")[2]
    for row in w.tables["users"]:
        if getattr(row, column).casefold() == name.casefold():
            return {"user": people_rows.show_user(w, row)}
    raise missing("User", name)


@route("GET", "/groups")
def list_groups(w: World, r: Request) -> dict[str, Any]:
    """Answer all groups of users."""
    return collection(w, r, "groups", list(w.tables["groups"]), people_rows.show_group)


@route("GET", "/groupLimits")
def list_group_limits(w: World, r: Request) -> dict[str, Any]:
    """Answer the limits of each group."""
    return collection(w, r, "groupLimits", list(w.tables["groups"]), people_rows.show_group_limit)


@route("GET", "/userGroups")
def list_user_groups(w: World, r: Request) -> dict[str, Any] | Answer:
    """Answer all memberships of users, if this account has the collection."""
    if not w.switches.user_groups_collection:
        return html_not_found()
    rows = list(w.tables["userGroups"])
    return collection(w, r, "userGroups", rows, people_rows.show_user_group)


@route("GET", "/scores")
def list_scores(w: World, r: Request) -> dict[str, Any]:
    """Answer all scores."""
    return collection(w, r, "scores", list(w.tables["scores"]), people_rows.show_score)


@route("GET", "/automations")
def list_automations(w: World, r: Request) -> dict[str, Any]:
    """Answer all automations with their unusual `meta`."""
    rows = list(w.tables["automations"])
    page = page_of(w, r, rows)
    starts = [
        {"id": str(row.id), "series": str(row.id), "type": "none", "dealfield": False}
        for row in page
    ]
    total = total_meta(w, len(rows), "s") or {}
    meta = {**total, "starts": starts, "filtered": False, "smsLogs": []}
    return {"automations": array([fragment(w, "automations", row) for row in page]), "meta": meta}


@route("GET", "/contactAutomations")
def list_contact_automations(w: World, r: Request) -> dict[str, Any]:
    """Answer all enrolments; no filter is documented."""
    rows = list(w.tables["contactAutomations"])
    if w.switches.undocumented_filters:
        columns = {"subscriberid": "contact", "contact": "contact", "status": "status"}
        columns["seriesid"] = "automation"
        for name, op, value in filters(r):
            if name in columns and op in ("", "eq"):
                rows = [row for row in rows if str(getattr(row, columns[name])) == value]
    page = page_of(w, r, rows)
    total = total_meta(w, len(rows), "s") or {}
    return {
        "contactAutomations": array([fragment(w, "contactAutomations", row) for row in page]),
        "meta": {**total, "showcase_stats": []},
    }
