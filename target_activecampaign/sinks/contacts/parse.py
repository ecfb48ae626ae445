"""Parses a contact record into a change of the contact."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import Forbidden, Missing
from tap_activecampaign_unified.resources import writer as fragments
from target_activecampaign.outcome import Rejection, Skip
from target_activecampaign.records.reference import named_references, reference
from target_activecampaign.records.values import email_of, fold, is_nothing, is_true
from target_activecampaign.sinks.limits import AUTOMATIONS

from .change import LONGEST_TAG, NAMES, SUBSCRIBE, UNSUBSCRIBE, Part, Wish
from .enrolments import ACTIVE, COLUMNS, NOT_ALLOWED, NOT_RUNNING, NOT_SEEN, _number

if TYPE_CHECKING:
    from target_activecampaign.records.record import Row
    from target_activecampaign.records.values import Record
    from target_activecampaign.sinks.context import Desk
    from target_activecampaign.sinks.sink import Kind


def read_automations(desk: Desk, record: Record, wish: Wish) -> None:
    """Read ``automations`` and ``leave_automations``; both hold names, or objects with id or name.

    Raises `Rejection` for an automation that the account does not have, or has several of.
    """
    part, asked = wish.parts[0], []
    for column, enters in COLUMNS.items():
        refs = named_references(record.get(column), column)
        asked += [(column, ref, enters) for ref in refs]
    if not asked:
        return
    if not (desk.policy.run_automations and desk.policy.allow_automations):
        part.denied.append(NOT_ALLOWED if desk.policy.run_automations else AUTOMATIONS)
        return
    try:
        desk.references.table("automation")
    except (Forbidden, Missing):
        part.postponed.append(NOT_SEEN)
        return
    for column, ref, enters in asked:
        one = _find(desk, ref, column)
        if wish.automations.setdefault(one, enters) is not enters:
            raise Rejection(
                "automations: the row enters and leaves the same one; to enter anew, leave with "
                "one run and enter with a later one"
            )
    for one, enters in list(wish.automations.items()):
        status = desk.references.table("automation")[one].get("status")
        if enters and status is not None and str(status) != ACTIVE:
            del wish.automations[one]
            part.postponed.append(NOT_RUNNING)


def _find(desk: Desk, ref: dict[str, str], column: str) -> str:
    source, name = ref.get("id"), ref.get("name")
    if source and not desk.policy.is_foreign:
        if source in desk.references.table("automation"):
            return source
        raise Rejection(f"{column}: the account has no automation with this id; mend the row")
    if not name:
        raise Rejection(f"{column}: give a name; another account's id says nothing here")
    rows = desk.references.named("automation", name)
    if len(rows) == 1:
        return str(rows[0]["id"])
    if rows:
        ids = ", ".join(sorted((str(row["id"]) for row in rows), key=_number))
        raise Rejection(f"{column}: several automations carry this name; give the id, one of {ids}")
    raise Rejection(
        f"{column}: the account has no automation with this name; ActiveCampaign lets nobody make "
        "one by API: make it there, or mend the row"
    )


def wish_of(desk: Desk, kind: Kind, row: Row) -> Wish:
    """Read one row of a contact stream; raises a verdict where it ends here."""
    record = row.record
    for flag in ("is_disabled", "is_deleted", "deleted", "anonymized"):
        if is_true(record.get(flag)):
            raise Skip(f"the row is marked {flag}")
    part = Part(row)
    wish = Wish([part])
    _identify(desk, record, wish)
    fragment = fragments.write(
        kind.resource, {k: v for k, v in record.items() if not is_nothing(v) or desk.policy.clears}
    )
    _note_unknown(kind, row, fragment.ignored, part)
    faults = [f"{name}: {problem}" for name, problem in fragment.problems]
    if faults:
        raise Rejection("; ".join(faults))
    columns = {name: text for name, text in fragment.native.items() if name in NAMES}
    if desk.policy.clears:
        cleared = {"phone_numbers": "phone", "phones": "phone"}
        cleared |= {unified: native for native, unified in NAMES.items()}
        columns |= {cleared[name]: "" for name in fragment.nulls if name in cleared}
    elif not is_nothing(record.get("name")) and not columns.keys() & {"firstName", "lastName"}:
        columns |= split_name(str(record["name"]))
    wish.columns = {
        name: text.strip() for name, text in columns.items() if text.strip() or desk.policy.clears
    }
    values = desk.custom.encode("contact", fragment.custom_fields)
    wish.values, part.left_out = values.values, values.left_out
    read_tags(desk, record, wish)
    read_lists(desk, record.get("segments"), wish)
    wish.account = reference(record.get("account"), "account")
    if not is_nothing(record.get("title")):
        wish.title = str(record["title"]).strip()
    read_automations(desk, record, wish)
    note_tokens(wish)
    return wish


def note_tokens(wish: Wish) -> None:
    """Write down what a row's wish asks for; one that asks for nothing asks for the contact."""
    part = wish.parts[0]
    tokens = [f"column:{name}" for name in wish.columns]
    tokens += [f"value:{name}" for name in wish.values]
    tokens += [f"tag:{name}" for name in wish.tags] + (["mirror"] if wish.is_mirror else [])
    tokens += [f"list:{name}" for name in wish.lists]
    tokens += ["account"] if wish.account else []
    tokens += ["title"] if wish.title is not None else []
    tokens += [f"automation:{one}" for one in wish.automations]
    # Batches of ten thousand rows ask for the same few things.
    part.tokens |= set(map(sys.intern, tokens))
    if not part.tokens and part.left_out:
        raise Rejection("; ".join(part.left_out))
    if not part.tokens and not part.denied and not part.postponed:
        part.tokens.add("exist")


def _identify(desk: Desk, record: Record, wish: Wish) -> None:
    source = record.get("id")
    if not is_nothing(source) and not desk.policy.is_foreign:
        if isinstance(source, (dict, list, bool)) or not str(source).strip().isdigit():
            raise Rejection("id: not an id of ActiveCampaign")
        wish.id = str(source).strip()
    email = record.get("email")
    if is_nothing(email):
        addresses = record.get("email_addresses")
        if not is_nothing(addresses):
            email = _primary(addresses)
    if not is_nothing(email):
        wish.email = email_of(email)
    if wish.id is None and wish.email is None:
        raise Rejection("email: a contact needs an address (or an id of this account)")


def _primary(addresses: Any) -> Any:
    if not isinstance(addresses, list):
        raise Rejection("email_addresses: must be an array of objects")
    first = next(
        (a for a in addresses if isinstance(a, dict) and a.get("is_primary")), addresses[0]
    )
    return first.get("email") if isinstance(first, dict) else first


def split_name(name: str) -> dict[str, str]:
    """Split a full name: the last word is the last name, a single one the first."""
    *first, last = name.split()
    return {"firstName": " ".join(first), "lastName": last} if first else {"firstName": last}


def _note_unknown(kind: Kind, row: Row, ignored: list[str], part: Part) -> None:
    known = {entry.unified for entry in kind.resource.entries} | kind.also | set(row.key)
    unknown = sorted(
        name for name in ignored if name not in known and not name.startswith("_") and name != "id"
    )
    if unknown:
        part.remarks.append(f"ignored, no such field: {', '.join(unknown)}")


def read_tags(desk: Desk, record: Record, wish: Wish) -> None:
    """Read ``tags`` and ``remove_tags``; in mirror mode the former are all there shall be."""
    given = record.get("tags")
    wish.is_mirror = desk.policy.mirrors and isinstance(given, list)
    for column, is_added in (("tags", True), ("remove_tags", False)):
        for ref in named_references(record.get(column), column):
            put_tag(desk, wish, ref, is_added=is_added)


def put_tag(desk: Desk, wish: Wish, ref: dict[str, str], *, is_added: bool) -> None:
    """Note a tag to be added or removed, by the name it has in the account."""
    part, name = wish.parts[0], ref.get("name")
    source = ref.get("id")
    if source:
        own = desk.ledger.own_id("tag", source) if desk.policy.is_foreign else source
        row = desk.references.table("tag").get(own or "")
        if row is not None:
            name = str(row.get("tag"))
        elif not desk.policy.is_foreign or not name:
            if desk.policy.is_foreign:
                raise desk.references.absent("tag", "tag", "id")
            part.left_out.append("tags: the account has no tag with this id")
            return
    if not name:
        part.left_out.append("tags: a tag without id and name")
        return
    if len(name) > LONGEST_TAG:
        raise Rejection(f"tags: a name is longer than {LONGEST_TAG} characters; shorten it")
    known = desk.references.named("tag", name)
    if known:
        name = str(known[0]["tag"])
    elif is_added and not desk.policy.create_missing_tags:
        part.left_out.append("tags: the account lacks a tag; create it or set create_missing_tags")
        return
    if wish.is_mirror and not fold(name).startswith(fold(desk.policy.tag_namespace)):
        part.denied.append("a tag outside tag_namespace is left alone")
        return
    wish.tags[fold(name)] = (name, is_added)


def read_lists(desk: Desk, value: Any, wish: Wish) -> None:
    """Read ``segments``: texts subscribe, objects say their status."""
    if is_nothing(value):
        return
    if not isinstance(value, list):
        raise Rejection("segments: must be an array, or one as JSON text")
    for item in value:
        if isinstance(item, str):
            if item.strip():
                put_list(desk, wish, {"name": item.strip()}, "active")
            continue
        if not isinstance(item, dict):
            raise Rejection("segments: must hold names or objects with an id or a name")
        ref = reference({k: item.get(k) for k in ("id", "name")}, "segments")
        if ref:
            put_list(desk, wish, ref, item.get("status"))


def put_list(desk: Desk, wish: Wish, ref: dict[str, str], status: Any) -> None:
    """Note a list to subscribe to or unsubscribe from."""
    part = wish.parts[0]
    word = "active" if is_nothing(status) else str(status).strip().lower()
    if word not in {"active", "unsubscribed"}:
        part.denied.append(f"segments: the status {_known_word(word)} never subscribes")
        return
    list_id = desk.references.find("list", ref)
    row = desk.references.table("list").get(list_id, {})
    if word == "active" and str(row.get("channel") or "email") == "sms" and "id" not in ref:
        part.denied.append("segments: a text-message list is subscribed only by its id")
        return
    wish.lists[list_id] = SUBSCRIBE if word == "active" else UNSUBSCRIBE


def _known_word(word: str) -> str:
    return word if word in {"unconfirmed", "bounced"} else "given (unknown)"
