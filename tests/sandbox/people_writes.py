"""Writes of users, groups and enrolments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.sandbox.contact_rows import show_contact
from tests.sandbox.people_rows import (
    GROUP_FLAGS,
    show_contact_automation,
    show_group,
    show_user,
    show_user_group,
)
from tests.sandbox.relations import row_or_404
from tests.sandbox.routes import route
from tests.sandbox.rows import Group, User, UserGroup
from tests.sandbox.wire import (
    Answer,
    Refusal,
    as_id,
    as_text,
    invalid,
    missing,
    not_provided,
    related_missing,
    require,
)

if TYPE_CHECKING:
    from tests.sandbox.wire import Request
    from tests.sandbox.world import World

_USER_COLUMNS = ("email", "firstName", "lastName", "phone", "signature", "lang")


@route("POST", "/users")
def create_user(w: World, r: Request) -> Answer:
    """Create a user in one group; username and address must be new."""
    body = r.wrapped("user")
    require(body, "user", "username", "email", "firstName", "lastName", "group", "password")
    group = as_id(body["group"])
    if w.tables["groups"].get(group) is None:
        raise related_missing("group", "group")
    for name in ("username", "email"):
        _refuse_taken(w, name, as_text(body[name]), None)
    now = w.now()
    columns: dict[str, Any] = {
        name: as_text(body[name]) for name in _USER_COLUMNS if body.get(name) is not None
    }
    row = w.tables["users"].insert(
        User(username=as_text(body["username"]), cdate=now, udate=now, **columns)
    )
    w.tables["userGroups"].insert(UserGroup(row.id, group or 0))
    shown = show_user(w, row) | {"cdate": w.dt(now), "udate": w.dt(now)}
    return Answer(201, {"user": shown})


@route("PUT", "/users/{id}")
def update_user(w: World, r: Request, user: int) -> dict[str, Any]:
    """Change a user, the group included; the username does not change."""
    row = row_or_404(w, "users", user)
    body = r.wrapped("user")
    if body.get("email"):
        _refuse_taken(w, "email", as_text(body["email"]), user)
    membership = w.tables["userGroups"].first("user", user)
    group = as_id(body.get("group"))
    if group is not None:
        if group not in w.tables["groups"]:
            raise related_missing("group", "group")
        if membership is None:
            membership = w.tables["userGroups"].insert(UserGroup(user, group))
        w.tables["userGroups"].change(membership, group=group)
    columns = {name: as_text(body[name]) for name in _USER_COLUMNS if body.get(name) is not None}
    w.tables["users"].change(row, udate=w.now(), **columns)
    shown = show_user(w, row)
    permission = {"user": str(user), "permission": "0", "links": [], "id": str(user)}
    beside = {"userConversationsPermissions": [permission]}
    if membership is None:
        return {"userGroups": [], **beside, "user": shown}
    shown["userGroup"] = str(membership.id)
    return {"userGroups": [show_user_group(w, membership)], **beside, "user": shown}


@route("DELETE", "/users/{id}")
def delete_user(w: World, r: Request, user: int) -> dict[str, Any]:
    """Delete a user; the user of the key is refused."""
    row_or_404(w, "users", user)
    if user == next(iter(w.tables["users"])).id:
        raise Refusal(403, {"message": "Forbidden"})
    for membership in list(w.tables["userGroups"].ids_by("user", user)):
        w.tables["userGroups"].delete(membership)
    w.tables["users"].delete(user)
    return {}


@route("POST", "/groups")
def create_group(w: World, r: Request) -> Answer:
    """Create a group: 201 (§13)."""
    body = r.wrapped("group")
    require(body, "group", "title")
    flags = {name: as_text(body[name]) for name in GROUP_FLAGS if name in body}
    row = w.tables["groups"].insert(
        Group(as_text(body["title"]), as_text(body.get("descript")), w.now(), 0, flags)
    )
    return Answer(201, {"group": show_group(w, row)})


@route("PUT", "/groups/{id}")
def update_group(w: World, r: Request, group: int) -> dict[str, Any]:
    """Change a group; a missing group is 403."""
    row = row_or_404(w, "groups", group)
    body = r.wrapped("group")
    columns = {name: as_text(body[name]) for name in ("title", "descript") if body.get(name)}
    flags = {name: as_text(body[name]) for name in GROUP_FLAGS if name in body}
    w.tables["groups"].change(row, flags=row.flags | flags, **columns)
    return {"group": show_group(w, row)}


@route("DELETE", "/groups/{id}")
def delete_group(w: World, r: Request, group: int) -> dict[str, Any]:
    """Delete a group with its memberships."""
    if w.tables["groups"].delete(group) is None:
        raise missing("Group", group)
    for membership in list(w.tables["userGroups"].ids_by("group", group)):
        w.tables["userGroups"].delete(membership)
    return {}


@route("POST", "/contactAutomations")
def enrol(w: World, r: Request) -> Answer:
    """Enrol a contact in an automation, again if it is repeated."""
    body = r.wrapped("contactAutomation")
    for name in ("contact", "automation"):
        if body.get(name) in (None, ""):
            raise not_provided("contactAutomation", name)
    contact = w.tables["contacts"].get(as_id(body["contact"]))
    automation = w.tables["automations"].get(as_id(body["automation"]))
    if contact is None or automation is None or automation.status != 1:
        raise _no_enrolment(w)
    row = w.enrol(contact.id, automation.id)
    shown = show_contact_automation(w, row) | {"status": 1, "startid": 0}
    shown |= {name: body[name] for name in ("contact", "automation")}
    return Answer(201, {"contacts": [show_contact(w, contact)], "contactAutomation": shown})


def _no_enrolment(w: World) -> Refusal:
    """Refuse an enrolment in one of two ways (§7.18, §13)."""
    text = "Could not create SubscriberSeries"
    if w.switches.refused_enrolment_status == 422:
        return Refusal(422, {"errors": [{"status": "422", "detail": text}]})
    return Refusal(403, {"message": text})


@route("DELETE", "/contactAutomations/{id}")
def leave(w: World, r: Request, enrolment: int) -> dict[str, Any]:
    """Remove a contact from an automation; a missing enrolment is 403, or 404 on some accounts."""
    if not w.take_out(enrolment):
        document = missing("SubscriberSeries", enrolment).answer.document
        raise Refusal(w.switches.no_enrolment_status, document)
    return {}


def _refuse_taken(w: World, column: str, value: str, own: int | None) -> None:
    for row in w.tables["users"]:
        if row.id != own and getattr(row, column).casefold() == value.casefold():
            if own is None:
                w.tables["users"].take_id()
            raise invalid("duplicate", column, f"The user {column} is already taken.")
