"""One contact at a time: upsert, tags added, lists, each by its own call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import Missing, Refused, walk_keyset
from tap_activecampaign_unified.client.errors import is_duplicate
from target_activecampaign.client.create_once import create_named
from target_activecampaign.outcome import Rejection, Skip
from target_activecampaign.records.values import fold
from target_activecampaign.sinks.create_only import create_contact

from .change import SUBSCRIBE, Wish

if TYPE_CHECKING:
    from target_activecampaign.sinks.context import Desk
    from target_activecampaign.sinks.sink import Kind

# What ActiveCampaign wants to be sent where a person's own opt-out is overridden.
RESUBSCRIBED = 4


def write_one(desk: Desk, wish: Wish) -> None:
    """Carry out a wish but for tags taken away and links; sets its id and whether it is new."""
    body: dict[str, Any] = dict(wish.columns)
    if wish.values:
        body["fieldValues"] = [
            {"field": one, "value": value} for one, (_, value, __) in wish.values.items()
        ]
    if wish.new_email is not None:
        body["email"] = wish.new_email
    if wish.id is not None and (body or not wish.email or not wish.upserts):
        if body:
            _update(desk, wish, body)
    elif wish.id is None and not wish.upserts:
        _find(desk, wish)
    elif wish.id is None and any(part.row.creates for part in wish.parts):
        create_contact(desk, wish, body)
    elif wish.id is None:
        _sync(desk, wish, body)
    for name in wish.adds:
        tag_on(desk, wish, name)
    for one, status in wish.lists.items():
        set_status(desk, wish, one, status)


def subscribe_again(desk: Desk, wish: Wish) -> None:
    """Subscribe where an opt-out is to be overridden, which the importer cannot."""
    for one in sorted(wish.resubscribed):
        set_status(desk, wish, one, SUBSCRIBE)


def _update(desk: Desk, wish: Wish, body: dict[str, Any]) -> None:
    try:
        desk.pen.write("PUT", f"contacts/{wish.id}", {"contact": body})
    except Missing:
        raise Rejection("id: the account has no contact with this id") from None
    wish.is_touched = True
    wish.created = False


def _sync(desk: Desk, wish: Wish, body: dict[str, Any]) -> None:
    # An upsert by address: done twice it is done once, so it may be repeated.
    answer = desk.pen.write(
        "POST", "contact/sync", {"contact": {"email": wish.email, **body}}, repeatable=True
    )
    row = answer.body.get("contact")
    if isinstance(row, dict) and row.get("id"):
        wish.id = str(row["id"])
        desk.references.note_contact(wish.email or "", wish.id)
    wish.created = answer.status == 201
    wish.is_touched = True


def _find(desk: Desk, wish: Wish) -> None:
    if wish.known_id and not wish.enters:
        wish.id = wish.known_id
        return
    email = wish.email or ""
    wish.id = desk.references.contacts_by_email([email]).get(fold(email))
    if wish.id is None and wish.enters:
        # Who is to enter an automation is made, as somebody who is to get a tag is.
        for part in wish.parts:
            part.tokens.add("exist")
        _sync(desk, wish, {})
    elif wish.id is None:
        raise Skip("the account has no contact with this address: nothing to take away")


def tag_on(desk: Desk, wish: Wish, name: str) -> None:
    """Add a tag, making it first if the account lacks it."""
    tag = ensure_tag(desk, name)
    body = {"contactTag": {"contact": wish.id, "tag": tag}}
    for may_repeat in (True, False):
        try:
            desk.pen.write("POST", "contactTags", body, repeatable=True)
        except Refused as problem:
            if not is_duplicate(problem):
                if may_repeat and not problem.reasons:
                    continue  # its words were lost on the way: they may say that the tag is there
                raise
        break
    wish.is_touched = True


def ensure_tag(desk: Desk, name: str) -> str:
    """Return the id of a tag by name, of a new one if there is none."""
    with desk.turns.alone("tag", fold(name)):
        return _ensure_tag(desk, name)


def _ensure_tag(desk: Desk, name: str) -> str:
    known = desk.references.named("tag", name)
    if known:
        return str(known[0]["id"])

    def send() -> str:
        body = {"tag": name, "tagType": "contact", "description": ""}
        row = desk.pen.write("POST", "tags", {"tag": body}).body["tag"]
        desk.references.note("tag", {**body, **row})
        return str(row["id"])

    def look() -> str | None:
        desk.references.reread("tag")
        found = desk.references.named("tag", name)
        return str(found[0]["id"]) if found else None

    return create_named(desk, send, look, is_taken=is_duplicate)[0]


def set_status(desk: Desk, wish: Wish, list_id: str, status: int) -> None:
    """Subscribe or unsubscribe, unless the person has that status already."""
    if wish.memberships.get(list_id) == status:
        return
    body: dict[str, Any] = {"list": list_id, "contact": wish.id, "status": status}
    if list_id in wish.resubscribed:
        body["sourceid"] = RESUBSCRIBED
    if wish.id is None and wish.email is not None:
        wish.id = desk.references.contacts_by_email([wish.email]).get(fold(wish.email))
        body["contact"] = wish.id
    desk.pen.write("POST", "contactLists", {"contactList": body}, repeatable=True)
    wish.is_touched = True


def forecast(desk: Desk, kind: Kind, wishes: list[Wish]) -> None:
    """Count who would gain what, and keep samples of old and new."""
    emails = [wish.email for wish in wishes if wish.email and wish.id is None]
    known = desk.references.contacts_by_email(emails) if emails else {}
    for wish in wishes:
        if wish.id is None and wish.email:
            wish.id = known.get(fold(wish.email))
            wish.created = wish.id is None
    there = _Carriers(desk, wishes)
    for wish in wishes:
        who = fold(wish.email) if wish.email else wish.id
        for name in wish.adds:
            if not there.has(wish, "tagid", desk.references.named("tag", name)):
                desk.forecast.gain(f"the tag {name}", who)
            if not desk.references.named("tag", name):
                desk.forecast.unknown[f"tag {name}"] += 1
        for one, status in wish.lists.items():
            row = desk.references.table("list").get(one, {})
            if status == SUBSCRIBE and not there.has(wish, "listid", [row]):
                desk.forecast.gain(f"the list {row.get('name') or one}", who)
        if desk.forecast.wants_sample():
            _sample(desk, kind, wish)


class _Carriers:
    """Who has a tag or is on a list already; read once for each, where anybody may be."""

    def __init__(self, desk: Desk, wishes: list[Wish]) -> None:
        self._desk = desk
        self._there = {wish.id for wish in wishes if wish.id}
        self._found: dict[tuple[str, str], set[str]] = {}

    def has(self, wish: Wish, param: str, rows: list[dict[str, Any]]) -> bool:
        """Say whether a contact is among those a filter of contacts brings."""
        native_id = str(rows[0].get("id")) if rows else ""
        if not native_id or wish.id not in self._there:
            return False
        if (param, native_id) not in self._found:
            params: list[tuple[str, Any]] = [(param, native_id)]
            params.append(("status", SUBSCRIBE if param == "listid" else -1))
            pages = walk_keyset(self._desk.client, "contacts", "contacts", params)
            ids = {str(row.get("id")) for page in pages for row in page.rows}
            self._found[param, native_id] = ids & self._there
        return wish.id in self._found[param, native_id]


def _sample(desk: Desk, kind: Kind, wish: Wish) -> None:
    there: dict[str, Any] = {}
    stored: dict[str, Any] = {}
    if wish.id is not None:
        there = desk.references.contacts_by_id([wish.id]).get(wish.id, {})
        rows = desk.references.below("contacts", wish.id, "fieldValues")
        stored = {str(row.get("field")): row.get("value") for row in rows}
    fields = {name: [there.get(name), text] for name, text in wish.columns.items()}
    for one, (definition, value, _) in wish.values.items():
        fields[definition.title] = [stored.get(one), value]
    desk.forecast.add_sample(
        kind.resource.name, wish.id, {k: v for k, v in fields.items() if v[0] != v[1]}
    )
