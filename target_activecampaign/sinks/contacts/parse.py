"""Parses a contact record into a change of the contact."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import NotFound, PermissionDenied
from tap_activecampaign_unified.resources import writer as fragments
from target_activecampaign.outcome import RowRejected, RowSkipped
from target_activecampaign.records.reference import named_references, reference
from target_activecampaign.records.values import email_of, fold, is_nothing, is_true
from target_activecampaign.sinks.limits import AUTOMATIONS

from .change import LONGEST_TAG, NAMES, SUBSCRIBE, UNSUBSCRIBE, ContactChange, RowRequest
from .enrolments import ACTIVE, COLUMNS, NOT_ALLOWED, NOT_RUNNING, NOT_SEEN, _number

if TYPE_CHECKING:
    from target_activecampaign.records.record import InputRecord
    from target_activecampaign.records.values import Record
    from target_activecampaign.sinks.context import WriteContext
    from target_activecampaign.sinks.sink import Sink


def read_automations(context: WriteContext, record: Record, change: ContactChange) -> None:
    """Read ``automations`` and ``leave_automations``; both hold names, or objects with id or name.

    Raises `RowRejected` for an automation that the account does not have, or has several of.
    """
    part, asked = change.parts[0], []
    for column, enters in COLUMNS.items():
        refs = named_references(record.get(column), column)
        asked += [(column, ref, enters) for ref in refs]
    if not asked:
        return
    if not (context.policy.run_automations and context.policy.allow_automations):
        part.denied.append(NOT_ALLOWED if context.policy.run_automations else AUTOMATIONS)
        return
    try:
        context.references.table("automation")
    except (PermissionDenied, NotFound):
        part.postponed.append(NOT_SEEN)
        return
    for column, ref, enters in asked:
        one = _find(context, ref, column)
        if change.automations.setdefault(one, enters) is not enters:
            raise RowRejected(
                "automations: the row enters and leaves the same one; to enter again, leave in "
                "one run and enter in a later one"
            )
    for one, enters in list(change.automations.items()):
        status = context.references.table("automation")[one].get("status")
        if enters and status is not None and str(status) != ACTIVE:
            del change.automations[one]
            part.postponed.append(NOT_RUNNING)


def _find(context: WriteContext, ref: dict[str, str], column: str) -> str:
    source, name = ref.get("id"), ref.get("name")
    if source and not context.policy.is_foreign:
        if source in context.references.table("automation"):
            return source
        raise RowRejected(f"{column}: the account has no automation with this id; correct the row")
    if not name:
        raise RowRejected(f"{column}: give a name: an id of another account does not exist here")
    rows = context.references.find_by_name("automation", name)
    if len(rows) == 1:
        return str(rows[0]["id"])
    if rows:
        ids = ", ".join(sorted((str(row["id"]) for row in rows), key=_number))
        raise RowRejected(
            f"{column}: several automations have this name; give the id, one of {ids}"
        )
    raise RowRejected(
        f"{column}: the account has no automation with this name; the API cannot create "
        "one: create it in ActiveCampaign, or correct the row"
    )


def parse_contact_change(context: WriteContext, sink: Sink, row: InputRecord) -> ContactChange:
    """Read one row of a contact stream; raises a verdict where it ends here."""
    record = row.record
    for flag in ("is_disabled", "is_deleted", "deleted", "anonymized"):
        if is_true(record.get(flag)):
            raise RowSkipped(f"the row is marked {flag}")
    part = RowRequest(row)
    change = ContactChange([part])
    _identify(context, record, change)
    fragment = fragments.write(
        sink.resource,
        {k: v for k, v in record.items() if not is_nothing(v) or context.policy.clears},
    )
    _note_unknown(sink, row, fragment.ignored, part)
    faults = [f"{name}: {problem}" for name, problem in fragment.problems]
    if faults:
        raise RowRejected("; ".join(faults))
    columns = {name: text for name, text in fragment.native.items() if name in NAMES}
    if context.policy.clears:
        cleared = {"phone_numbers": "phone", "phones": "phone"}
        cleared |= {unified: native for native, unified in NAMES.items()}
        columns |= {cleared[name]: "" for name in fragment.nulls if name in cleared}
    elif not is_nothing(record.get("name")) and not columns.keys() & {"firstName", "lastName"}:
        columns |= split_name(str(record["name"]))
    change.columns = {
        name: text.strip()
        for name, text in columns.items()
        if text.strip() or context.policy.clears
    }
    values = context.custom.encode("contact", fragment.custom_fields)
    change.values, part.left_out = values.values, values.left_out
    read_tags(context, record, change)
    read_lists(context, record.get("segments"), change)
    change.account = reference(record.get("account"), "account")
    if not is_nothing(record.get("title")):
        change.title = str(record["title"]).strip()
    read_automations(context, record, change)
    note_requested(change)
    return change


def note_requested(change: ContactChange) -> None:
    """Write down what a row's wish asks for; one that asks for nothing asks for the contact."""
    part = change.parts[0]
    requested = [f"column:{name}" for name in change.columns]
    requested += [f"value:{name}" for name in change.values]
    requested += [f"tag:{name}" for name in change.tags] + (["mirror"] if change.is_mirror else [])
    requested += [f"list:{name}" for name in change.lists]
    requested += ["account"] if change.account else []
    requested += ["title"] if change.title is not None else []
    requested += [f"automation:{one}" for one in change.automations]
    # Batches of ten thousand rows ask for the same few things.
    part.requested |= set(map(sys.intern, requested))
    if not part.requested and part.left_out:
        raise RowRejected("; ".join(part.left_out))
    if not part.requested and not part.denied and not part.postponed:
        part.requested.add("exist")


def _identify(context: WriteContext, record: Record, change: ContactChange) -> None:
    source = record.get("id")
    if not is_nothing(source) and not context.policy.is_foreign:
        if isinstance(source, (dict, list, bool)) or not str(source).strip().isdigit():
            raise RowRejected("id: not an id of ActiveCampaign")
        change.id = str(source).strip()
    email = record.get("email")
    if is_nothing(email):
        addresses = record.get("email_addresses")
        if not is_nothing(addresses):
            email = _primary(addresses)
    if not is_nothing(email):
        change.email = email_of(email)
    if change.id is None and change.email is None:
        raise RowRejected("email: a contact needs an address (or an id of this account)")


def _primary(addresses: Any) -> Any:
    if not isinstance(addresses, list):
        raise RowRejected("email_addresses: must be an array of objects")
    first = next(
        (a for a in addresses if isinstance(a, dict) and a.get("is_primary")), addresses[0]
    )
    return first.get("email") if isinstance(first, dict) else first


def split_name(name: str) -> dict[str, str]:
    """Split a full name: the last word is the last name, a single one the first."""
    *first, last = name.split()
    return {"firstName": " ".join(first), "lastName": last} if first else {"firstName": last}


def _note_unknown(sink: Sink, row: InputRecord, ignored: list[str], part: RowRequest) -> None:
    known = {entry.unified for entry in sink.resource.entries} | sink.also | set(row.key)
    unknown = sorted(
        name for name in ignored if name not in known and not name.startswith("_") and name != "id"
    )
    if unknown:
        part.remarks.append(f"ignored, no such field: {', '.join(unknown)}")


def read_tags(context: WriteContext, record: Record, change: ContactChange) -> None:
    """Read ``tags`` and ``remove_tags``; in mirror mode the former are all there shall be."""
    given = record.get("tags")
    change.is_mirror = context.policy.mirrors and isinstance(given, list)
    for column, is_added in (("tags", True), ("remove_tags", False)):
        for ref in named_references(record.get(column), column):
            put_tag(context, change, ref, is_added=is_added)


def put_tag(
    context: WriteContext, change: ContactChange, ref: dict[str, str], *, is_added: bool
) -> None:
    """Note a tag to be added or removed, by the name it has in the account."""
    part, name = change.parts[0], ref.get("name")
    source = ref.get("id")
    if source:
        own = context.ledger.own_id("tag", source) if context.policy.is_foreign else source
        row = context.references.table("tag").get(own or "")
        if row is not None:
            name = str(row.get("tag"))
        elif not context.policy.is_foreign or not name:
            if context.policy.is_foreign:
                raise context.references.absent("tag", "tag", "id")
            part.left_out.append("tags: the account has no tag with this id")
            return
    if not name:
        part.left_out.append("tags: a tag without id and name")
        return
    if len(name) > LONGEST_TAG:
        raise RowRejected(f"tags: a name is longer than {LONGEST_TAG} characters; shorten it")
    known = context.references.find_by_name("tag", name)
    if known:
        name = str(known[0]["tag"])
    elif is_added and not context.policy.create_missing_tags:
        part.left_out.append("tags: the account lacks a tag; create it or set create_missing_tags")
        return
    if change.is_mirror and not fold(name).startswith(fold(context.policy.tag_namespace)):
        part.denied.append("a tag outside tag_namespace is left alone")
        return
    change.tags[fold(name)] = (name, is_added)


def read_lists(context: WriteContext, value: Any, change: ContactChange) -> None:
    """Read ``segments``: texts subscribe, objects say their status."""
    if is_nothing(value):
        return
    if not isinstance(value, list):
        raise RowRejected("segments: must be an array, or one as JSON text")
    for item in value:
        if isinstance(item, str):
            if item.strip():
                put_list(context, change, {"name": item.strip()}, "active")
            continue
        if not isinstance(item, dict):
            raise RowRejected("segments: must hold names or objects with an id or a name")
        ref = reference({k: item.get(k) for k in ("id", "name")}, "segments")
        if ref:
            put_list(context, change, ref, item.get("status"))


def put_list(
    context: WriteContext, change: ContactChange, ref: dict[str, str], status: Any
) -> None:
    """Note a list to subscribe to or unsubscribe from."""
    part = change.parts[0]
    word = "active" if is_nothing(status) else str(status).strip().lower()
    if word not in {"active", "unsubscribed"}:
        part.denied.append(f"segments: the status {_known_word(word)} never subscribes")
        return
    list_id = context.references.resolve_id("list", ref)
    row = context.references.table("list").get(list_id, {})
    if word == "active" and str(row.get("channel") or "email") == "sms" and "id" not in ref:
        part.denied.append("segments: a text-message list is subscribed only by its id")
        return
    change.lists[list_id] = SUBSCRIBE if word == "active" else UNSUBSCRIBE


def _known_word(word: str) -> str:
    return word if word in {"unconfirmed", "bounced"} else "given (unknown)"
