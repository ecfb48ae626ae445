"""Writes of tags, their associations, lists and memberships."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.sandbox.contact_rows import show_contact, show_contact_list, show_contact_tag
from tests.sandbox.mail_rows import LIST_DEFAULTS, show_list, show_list_group, show_tag
from tests.sandbox.relations import row_or_404
from tests.sandbox.routes import route
from tests.sandbox.rows import ListGroup
from tests.sandbox.store import fold
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
    from tests.sandbox.rows import Tag
    from tests.sandbox.wire import Request
    from tests.sandbox.world import World

_LIST_COLUMNS = {*LIST_DEFAULTS, "channel", "description"}
_LIST_REQUIRED = ("name", "stringid", "sender_url", "sender_reminder")


@route("POST", "/tags")
def create_tag(w: World, r: Request) -> Answer:
    """Create a tag; a second tag of the name answers with MySQL's error and uses up an id."""
    body = r.wrapped("tag")
    require(body, "tag", "tag")
    name, kind = as_text(body["tag"]).strip(), as_text(body.get("tagType") or "contact")
    _refuse_taken_tag(w, name, kind, None)
    row = w.add_tag(name, kind, description=as_text(body.get("description")))
    full = show_tag(w, row)
    shown = {"tag": body["tag"]}
    if "description" in body:
        shown["description"] = body["description"]
    shown |= {key: full[key] for key in ("tagType", "cdate", "links", "id")}
    return Answer(201, {"tag": shown})


@route("PUT|PATCH", "/tags/{id}")
def update_tag(w: World, r: Request, tag: int) -> dict[str, Any]:
    """Rename or describe a tag; its updated_timestamp does not change."""
    row = row_or_404(w, "tags", tag)
    body = r.wrapped("tag")
    names = ("tag", "tagType", "description")
    columns = {key: as_text(body[key]) for key in names if body.get(key) is not None}
    if "tag" in columns:
        _refuse_taken_tag(w, columns["tag"], columns.get("tagType", row.tagType), tag)
    w.tables["tags"].change(row, **columns)
    return {"tag": show_tag(w, row)}


@route("DELETE", "/tags/{id}")
def delete_tag(w: World, r: Request, tag: int) -> dict[str, Any]:
    """Delete a tag, and with it from every contact."""
    row_or_404(w, "tags", tag)
    w.delete_tag(tag)
    return {}


def _refuse_taken_tag(w: World, name: str, kind: str, own: int | None) -> None:
    table = w.tables["tags"]
    same: list[Tag] = table.by("name", (kind, fold(name)))
    if w.switches.tag_match == "exact":
        same = [row for row in same if row.tag == name]
    if any(row.id != own for row in same):
        if own is None:
            table.take_id()
        error = f"Duplicate entry '{kind}-{name}' for key 'typetag'"
        raise Refusal(422, {"message": "Could not process request", "error": error})


@route("POST", "/contactTags")
def apply_tag(w: World, r: Request) -> Answer:
    """Apply a tag: 201, or 200 with the existing association."""
    body = r.wrapped("contactTag")
    for name in ("contact", "tag"):
        if body.get(name) in (None, ""):
            if name == "tag":
                raise _unnamed_tag()
            pointer = {"pointer": f"/data/attributes/{name}"}
            error = {"status": 422, "title": "Missing attribute", "source": pointer}
            raise Refusal(422, {"errors": [error]})
    contact, tag = as_id(body["contact"]), as_id(body["tag"])
    for table, row_id, noun in (("contacts", contact, "Contact"), ("tags", tag, "Tag")):
        if w.tables[table].get(row_id) is None:
            error = {"status": 404, "title": "Not Found", "detail": f"{noun} not found"}
            raise Refusal(404, {"errors": [error]})
    row, is_new = w.tag(contact or 0, tag or 0)
    shown = show_contact_tag(w, row)
    if not is_new:
        if w.switches.contact_tag_again == 422:
            raise invalid("duplicate", "tag", "The contact already has this tag.")
        return Answer(200, {"contactTag": shown})
    kept = {name: shown[name] for name in ("contact", "tag", "cdate", "links", "id")}
    return Answer(201, {"contactTag": kept | {name: body[name] for name in ("contact", "tag")}})


def _unnamed_tag() -> Refusal:
    """Refuse with the 400 that names a parameter of the request (§13)."""
    title = "Invalid value for query parameter contactTag.tag"
    source = {"parameter": "contactTag.tag"}
    error = {"title": title, "detail": "No tag id provided", "source": source}
    return Refusal(400, {"errors": [error]})


@route("DELETE", "/contactTags/{id}")
def remove_tag(w: World, r: Request, association: int) -> dict[str, Any]:
    """Remove a tag from a contact by the association's id, not the tag's."""
    row_or_404(w, "contactTags", association)
    w.delete_association(association)
    return {}


@route("POST", "/lists")
def create_list(w: World, r: Request) -> Answer:
    """Create a list; names need not be unique."""
    body = r.wrapped("list")
    require(body, "list", *_LIST_REQUIRED)
    columns = {key: _stored(body[key]) for key in _LIST_COLUMNS & body.keys()}
    # One vendor found that the last broadcast is sent to new members unless the list disables it.
    columns.setdefault("send_last_broadcast", "1")
    row = w.add_list(as_text(body["name"]), as_text(body["stringid"]), **columns)
    owner = as_id(body.get("user")) or as_id(body.get("userid")) or 1
    w.tables["lists"].change(row, userid=owner)
    full = show_list(w, row)
    short = (
        "name",
        "channel",
        "stringid",
        "sender_url",
        "sender_reminder",
        "description",
        "send_last_broadcast",
        "carboncopy",
        "subscription_notify",
        "unsubscription_notify",
        "userid",
        "cdate",
        "udate",
        "links",
        "id",
        "user",
    )
    shown = {key: full[key] for key in short} | {key: body[key] for key in short if key in body}
    shown |= {"userid": owner, "user": str(owner)}
    return Answer(201, {"list": shown})


@route("PATCH|PUT", "/lists/{id}")
def update_list(w: World, r: Request, list_id: int) -> dict[str, Any] | Answer:
    """Change a list; undocumented. PATCH works, PUT answers 200 without a body and fails (§13)."""
    row = row_or_404(w, "lists", list_id)
    if r.method == "PUT" and w.switches.list_put == "empty":
        return Answer(200, raw=b"", headers={"X-Ac-Error": "Code 9001"})
    body = r.wrapped("list")
    columns = {key: _stored(body[key]) for key in _LIST_COLUMNS & body.keys()}
    own = {key: as_text(body[key]) for key in ("name", "stringid") if key in body}
    now = w.now()
    w.tables["lists"].change(row, columns=row.columns | columns, udate=now, updated=now, **own)
    return {"list": show_list(w, row)}


@route("DELETE", "/lists/{id}")
def delete_list(w: World, r: Request, list_id: int) -> dict[str, Any]:
    """Delete a list; a missing list is 403."""
    if list_id not in w.tables["lists"]:
        raise Refusal(403, missing("_List", list_id).answer.document)
    w.delete_list(list_id)
    return {}


@route("POST", "/listGroups")
def create_list_group(w: World, r: Request) -> Answer:
    """Give a group access to a list."""
    body = r.wrapped("listGroup")
    require(body, "listGroup", "listid", "groupid")
    list_id, group = as_id(body["listid"]), as_id(body["groupid"])
    if w.tables["lists"].get(list_id) is None:
        raise related_missing("listid", "list")
    if w.tables["groups"].get(group) is None:
        raise related_missing("groupid", "group")
    row = w.tables["listGroups"].insert(ListGroup(list_id or 0, group or 0))
    links = show_list_group(w, row)["links"]
    shown = {"list": body["listid"], "group": body["groupid"], "links": links, "id": str(row.id)}
    return Answer(201, {"listGroup": shown})


@route("POST", "/contactLists")
def set_membership(w: World, r: Request) -> Answer:
    """Subscribe or unsubscribe: 201 for a new membership, else 200.

    A person's own opt-out remains unless sourceid 4 is sent.
    """
    body = r.wrapped("contactList")
    for name in ("list", "contact", "status"):
        if body.get(name) in (None, ""):
            raise not_provided("contactList", name)
    contact, list_id, status = (as_id(body[name]) for name in ("contact", "list", "status"))
    if w.tables["lists"].get(list_id) is None:
        raise related_missing("list", "list")
    if w.tables["contacts"].get(contact) is None:
        raise related_missing("contact", "contact")
    if status not in (1, 2):
        raise invalid("field_invalid", "status", "The status must be 1 or 2.")
    sourceid = as_id(body.get("sourceid"))
    before = w.membership(contact or 0, list_id or 0)
    opted_out = before is not None and before.status == 2 and before.by_self
    row = before
    if row and status == 1 and opted_out and sourceid != 4 and w.switches.resubscribe_needs_source:
        status = 2
    else:
        row = w.subscribe(contact or 0, list_id or 0, status, sourceid=sourceid)
    shown = show_contact_list(w, row) | {"status": status}
    if before is not None:
        return Answer(200, {"contactList": shown})
    person = show_contact(w, w.tables["contacts"][contact or 0])
    return Answer(201, {"contacts": [person], "contactList": shown})


def _stored(value: Any) -> Any:
    return value if value is None else "0" if value is False else as_text(value)
