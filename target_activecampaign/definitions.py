"""What an account is set up with: tags, lists, pipelines, stages, groups, users, custom fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.api import Forbidden, Missing, Refused
from tap_activecampaign_unified.unified.crm.stages import CARD_COLUMNS
from tap_activecampaign_unified.unified.custom_fields import ENTITIES, slug

from .creates import create_named
from .desk import text_of
from .native import native_of, own_id_of, refuse_marked
from .novelty import refuse_known
from .references import SHELVES, is_duplicate
from .results import Action, Outcome, Rejection, Skip
from .rows import email_of, fold, is_nothing, reference, references
from .wishes import LONGEST_TAG, split_name

if TYPE_CHECKING:
    from .desk import Desk, Kind
    from .native import Native
    from .rows import Row

REMINDER = "You are on this list because you signed up for it."


@dataclass(frozen=True)
class Way:
    """How rows of a family are sent: the body's wrapper and the verb of an update."""

    wrapper: str
    update: str = "PUT"


WAYS = {
    "tag": Way("tag"),
    "list": Way("list", "PATCH"),  # PUT is not known to work on lists
    "pipeline": Way("dealGroup"),
    "stage": Way("dealStage"),
    "group": Way("group"),
    "user": Way("user"),
}


def write_tag(desk: Desk, kind: Kind, row: Row) -> Outcome:
    """Create or describe a tag."""
    native = native_of(desk, kind, row)
    name = str(native.columns.get("tag") or "").strip()
    if len(name) > LONGEST_TAG:
        raise Rejection(f"name: longer than {LONGEST_TAG} characters; shorten it")
    native.columns |= {"tag": name} if name else {}
    fresh = {"tagType": "contact", "description": ""} | native.columns
    return _write(desk, kind, row, native, name=name, fresh=fresh, within=str(fresh["tagType"]))


def write_list(desk: Desk, kind: Kind, row: Row) -> Outcome:
    """Create or describe a list; a new one never sends the last broadcast to its members."""
    native = native_of(desk, kind, row)
    name = str(native.columns.get("name") or "").strip()
    other = next(iter(desk.references.table("list").values()), {})
    fresh = {
        "stringid": slug(name).replace("_", "-") or "list",
        "sender_url": other.get("sender_url") or desk.client.address.origin,
        "sender_reminder": other.get("sender_reminder") or REMINDER,
        **native.columns,
        "send_last_broadcast": 0,
    }
    channel = str(row.record.get("channel") or "").strip().lower()
    if channel in {"email", "sms"}:
        fresh["channel"] = channel
    before = set(desk.references.table("list"))
    outcome = _write(desk, kind, row, native, name=name, fresh=fresh)
    if outcome.action is Action.CREATED and outcome.id not in before:
        _show_list(desk, str(outcome.id))
    return outcome


def _show_list(desk: Desk, list_id: str) -> None:
    """Let the first group see a new list: without it the list may be invisible to people."""
    try:
        groups = sorted(desk.references.table("group"), key=lambda one: (len(one), one))
        if groups:
            body = {"listGroup": {"listid": list_id, "groupid": groups[0]}}
            desk.pen.write("POST", "listGroups", body, repeatable=True)
    except (Refused, Forbidden, Missing):
        return  # the list is there; who sees it is the account's affair


def write_pipeline(desk: Desk, kind: Kind, row: Row) -> Outcome:
    """Create or rename a pipeline; ActiveCampaign adds three stages of its own."""
    native = native_of(desk, kind, row)
    name = str(native.columns.get("title") or "").strip()
    outcome = _write(
        desk, kind, row, native, name=name, fresh={"currency": "usd", **native.columns}
    )
    if outcome.action is Action.CREATED:
        desk.references.reread("stage")
    return outcome


def write_stage(desk: Desk, kind: Kind, row: Row) -> Outcome:
    """Create, rename or reorder a stage."""
    native = native_of(desk, kind, row)
    name = str(native.columns.get("title") or "").strip()
    card = row.record.get("card_config")
    for ours, column in CARD_COLUMNS.items():
        value = card.get(ours) if isinstance(card, dict) else None
        if not is_nothing(value):
            native.columns[column] = str(value)
    if "order" in native.columns:
        native.columns["order"] = int(float(native.columns["order"]))
    ref = reference(row.record.get("pipeline"), "pipeline")
    pipeline = desk.references.find("pipeline", ref) if ref else None
    fresh = {**native.columns, "group": pipeline}
    return _write(desk, kind, row, native, name=name, fresh=fresh, within=pipeline)


def write_group(desk: Desk, kind: Kind, row: Row) -> Outcome:
    """Create or change a group of users, with its permissions."""
    native = native_of(desk, kind, row)
    permissions = row.record.get("permissions")
    for name, value in (permissions if isinstance(permissions, dict) else {}).items():
        if name.startswith("pg") and isinstance(value, bool):
            native.columns[name] = int(value)
    name = str(native.columns.get("title") or "").strip()
    return _write(desk, kind, row, native, name=name, fresh=native.columns)


def write_user(desk: Desk, kind: Kind, row: Row) -> Outcome:
    """Create or change a user; the password is sent and kept nowhere."""
    native = native_of(desk, kind, row)
    columns = native.columns
    if is_nothing(columns.get("email")) and not is_nothing(row.record.get("email")):
        columns["email"] = row.record["email"]
    email = "" if is_nothing(columns.get("email")) else email_of(columns["email"])
    columns |= {"email": email} if email else {}
    if not is_nothing(row.record.get("name")) and not columns.keys() & {"firstName", "lastName"}:
        columns |= {"lastName": "", **split_name(str(row.record["name"]))}
    group = _group(desk, row)
    if group:
        columns["group"] = group
    password = row.record.get("password")
    fresh = {"firstName": "", "lastName": "", **columns}
    if not is_nothing(password):
        if not isinstance(password, str):
            raise Rejection("password: must be text")
        fresh["password"] = password
    found = own_id_of(desk, kind, row) or next(
        (str(one["id"]) for one in (desk.references.named("user", email) if email else [])), None
    )
    if found is None and (row.known_id is None or row.creates):
        missing = [n for n in ("username", "email", "group", "password") if not fresh.get(n)]
        if missing:
            raise Rejection(f"{missing[0]}: a new user needs it ({', '.join(missing)} missing)")
    columns.pop("username", None)  # it cannot be changed
    if "password" in fresh:
        columns["password"] = fresh["password"]
    return _write(desk, kind, row, native, name=email, fresh=fresh)


def _group(desk: Desk, row: Row) -> str | None:
    given = row.record.get("group")
    if isinstance(given, int) and not isinstance(given, bool):
        given = {"id": given}
    elif isinstance(given, str) and given.strip().isdigit():
        given = {"id": given.strip()}
    refs = references(given, "group") or references(row.record.get("groups"), "groups")
    return desk.references.find("group", refs[0]) if refs else None


# --- one way for all ----------------------------------------------------------------------------


def _write(
    desk: Desk,
    kind: Kind,
    row: Row,
    native: Native,
    *,
    name: str,
    fresh: dict[str, Any],
    within: str | None = None,
) -> Outcome:
    """Update the row that the record means, or create it with ``fresh``."""
    refuse_marked(row)
    family = kind.family
    native_id = _find(desk, kind, row, name, within)
    refuse_known(row, SHELVES[family].part, native_id)
    table = desk.references.table(family)
    if native_id is not None:
        there = table.get(native_id, {})
        change = {k: v for k, v in native.columns.items() if not _is_same(there.get(k), v)}
        if family == "stage" and within and text_of(there.get("group")) not in {None, within}:
            native.left_out.append("pipeline: a stage stays in its pipeline")
        if fold(str(there.get(SHELVES[family].column) or "")) == fold(name) and not _named_by_id(
            desk, row
        ):
            change.pop(SHELVES[family].column, None)
        desk.note_copy(kind, row, native_id)
        if not change:
            return native.outcome(Action.UNCHANGED, native_id)
        _update(desk, kind, native_id, change)
        return native.outcome(Action.UPDATED, native_id)
    if not name:
        raise Rejection(f"{SHELVES[family].part}: a new {SHELVES[family].word} needs one")
    if family == "stage" and within is None:
        raise Rejection("pipeline: a new stage needs the pipeline it belongs to")
    native_id, is_new = _create(desk, kind, name, fresh, within)
    if not is_new:
        refuse_known(row, SHELVES[family].part, native_id)
    desk.note_copy(kind, row, native_id)
    return native.outcome(Action.CREATED if is_new else Action.UPDATED, native_id)


def _named_by_id(desk: Desk, row: Row) -> bool:
    return not desk.policy.is_foreign and not is_nothing(row.record.get("id"))


def _is_same(there: Any, value: Any) -> bool:
    return str("" if there is None else there).strip() == str(value).strip()


def _find(desk: Desk, kind: Kind, row: Row, name: str, within: str | None) -> str | None:
    table = desk.references.table(kind.family)
    word = SHELVES[kind.family].word
    native_id = own_id_of(desk, kind, row)
    if native_id is not None:
        if native_id in table:
            return native_id
        if not desk.policy.is_foreign:
            raise Rejection(f"id: the account has no {word} with this id")
    found = _named(desk, kind.family, name, within) if name else []
    if len(found) > 1:
        raise Rejection(f"{word}: several carry this name; give the id")
    if found:
        return found[0]
    return row.known_id if row.known_id in table and not row.creates else None


def _named(desk: Desk, family: str, name: str, within: str | None) -> list[str]:
    if family == "tag":
        # A tag of contacts and one of templates may share a name.
        rows = [
            row
            for row in desk.references.table("tag").values()
            if fold(str(row.get("tag") or "")) == fold(name)
            and str(row.get("tagType") or "contact") == (within or "contact")
        ]
        return [str(row["id"]) for row in rows]
    rows = desk.references.named(family, name)
    return [str(r["id"]) for r in rows if within is None or text_of(r.get("group")) == within]


def _update(desk: Desk, kind: Kind, native_id: str, change: dict[str, Any]) -> None:
    way = WAYS[kind.family]
    path = f"{kind.resource.endpoint}/{native_id}"
    desk.pen.write(way.update, path, {way.wrapper: change})
    kept = {k: v for k, v in change.items() if k != "password"}
    desk.references.note(kind.family, {"id": native_id, **kept})


def _create(
    desk: Desk, kind: Kind, name: str, fresh: dict[str, Any], within: str | None
) -> tuple[str, bool]:
    way, family = WAYS[kind.family], kind.family
    params = [("reorder", 1)] if family == "stage" and "order" in fresh else []

    def send() -> str:
        answer = desk.pen.write(
            "POST", kind.resource.endpoint, {way.wrapper: fresh}, params=params, repeatable=False
        )
        made = answer.body[way.wrapper]
        kept = {k: v for k, v in fresh.items() if k != "password"}
        desk.references.note(family, {**kept, "id": str(made["id"])})
        return str(made["id"])

    def look() -> str | None:
        desk.references.reread(family)
        found = _named(desk, family, name, within)
        return found[0] if len(found) == 1 else None

    return create_named(desk, send, look, is_taken=is_duplicate)


# --- what the tap reads of users and fields -------------------------------------------------------


def map_user(desk: Desk, kind: Kind, row: Row) -> Outcome:
    """Remember which user here is another account's; users are written as ``directory_users``."""
    if not desk.policy.is_foreign:
        raise Skip("read only: users are written as directory_users")
    email = row.record.get("email")
    found = None if is_nothing(email) else desk.references.user({"email": str(email)})
    if found is None:
        raise Skip("read only: no user here has this address")
    desk.note_copy(kind, row, found)
    return Outcome(Action.UNCHANGED, found)


def write_field(desk: Desk, kind: Kind, row: Row) -> Outcome:
    """Create a custom field, if the settings allow it; one that is there is left as it is."""
    del kind
    record = row.record
    entity = str(record.get("entity") or "")
    if entity not in ENTITIES:
        raise Rejection("entity: must be contact, account or opportunity")
    names = [str(record[n]) for n in ("key", "tag", "name") if not is_nothing(record.get(n))]
    if not names:
        raise Rejection("name: a field needs a name")
    options = record.get("options")
    options = [o for o in options if isinstance(o, dict)] if isinstance(options, list) else []
    fields = desk.references.fields(entity)
    for name in names:
        found = fields.find(name)
        if found is not None:
            refuse_known(row, "name", found.id)
            return Outcome(Action.UNCHANGED, found.id)
    if not desk.policy.create_missing_fields and not row.creates:
        raise Skip("the account has no such field; set create_missing_fields to create it")
    made = desk.custom.define(
        entity,
        title=str(record.get("name") or names[0]),
        kind=str(record.get("type") or "text"),
        tag=names[0],
        options=options,
    )
    return Outcome(Action.CREATED, made.id if made else None)
