"""Rows of two: a contact with a tag, a contact with a list."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import CallError, Missing
from target_activecampaign.outcome import Rejection, Skip
from target_activecampaign.records.reference import reference
from target_activecampaign.records.values import email_of, fold, is_nothing
from target_activecampaign.sinks.create_only import refuse_known

from .change import Part, Wish
from .parse import note_tokens, put_list, put_tag
from .sink import attempt, fulfil

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_activecampaign.records.record import Row
    from target_activecampaign.records.values import Record
    from target_activecampaign.sinks.context import Desk
    from target_activecampaign.sinks.sink import Kind


def write_contact_tags(desk: Desk, kind: Kind, rows: list[Row]) -> None:
    """Apply tags, or remove them where the row says so."""
    _write(desk, kind, rows, _tag_wish)


def write_memberships(desk: Desk, kind: Kind, rows: list[Row]) -> None:
    """Subscribe and unsubscribe."""
    _write(desk, kind, rows, _list_wish)


def _write(desk: Desk, kind: Kind, rows: list[Row], read: Callable[[Desk, Row], Wish]) -> None:
    _prefetch(desk, rows)
    wishes = []
    for row in rows:
        wish = attempt(desk, row, partial(read, desk, row))
        if wish is not None:
            wishes.append(wish)
    fulfil(desk, kind, wishes)


def _prefetch(desk: Desk, rows: list[Row]) -> None:
    """Look up the addresses of rows without an id; what cannot be read is each row's own affair."""
    refs = []
    for row in rows:
        with contextlib.suppress(Rejection):
            ref = _ref(row.record, "contact")
            email = row.record.get("email")
            email = ref.get("email") if is_nothing(email) else email
            is_known = bool(ref.get("id")) and not (
                desk.policy.is_foreign and desk.ledger.own_id("contact", ref["id"]) is None
            )
            if not is_nothing(email) and not is_known:
                refs.append({"email": email_of(email)})
    with contextlib.suppress(CallError):
        desk.references.prefetch_contacts(refs)


def _tag_wish(desk: Desk, row: Row) -> Wish:
    wish = _wish(desk, row)
    ref = _ref(row.record, "tag")
    if not ref:
        raise Rejection("tag_id: the row names no tag")
    status = str(row.record.get("status") or "applied").strip().lower()
    if status not in {"applied", "active", "removed"}:
        raise Rejection("status: must be removed, or absent to apply the tag")
    put_tag(desk, wish, ref, is_added=status != "removed")
    if row.creates and wish.id:
        there = {str(one.get("tag")) for one in _below(desk, wish.id, "contactTags")}
        ids = [str(one["id"]) for name in wish.adds for one in desk.references.named("tag", name)]
        refuse_known(row, "tag_id", next((one for one in ids if one in there), None))
    note_tokens(wish)
    return wish


def _list_wish(desk: Desk, row: Row) -> Wish:
    wish = _wish(desk, row)
    ref = _ref(row.record, "segment")
    if not ref:
        raise Rejection("segment_id: the row names no list")
    put_list(desk, wish, ref, row.record.get("status"))
    if not wish.lists:
        raise Skip("; ".join(wish.parts[0].denied))
    if row.creates and wish.id:
        there = {str(one.get("list")) for one in _below(desk, wish.id, "contactLists")}
        refuse_known(row, "segment_id", next((one for one in wish.lists if one in there), None))
    note_tokens(wish)
    return wish


def _wish(desk: Desk, row: Row) -> Wish:
    wish = Wish([Part(row)])
    ref = _ref(row.record, "contact")
    email = row.record.get("email")
    if is_nothing(email):
        email = ref.get("email")
    if not is_nothing(email):
        wish.email = email_of(email)
    if ref.get("id"):
        if desk.policy.is_foreign:
            wish.id = desk.ledger.own_id("contact", ref["id"])
        elif not ref["id"].isdigit():
            raise Rejection("contact_id: not an id of ActiveCampaign")
        else:
            wish.id = ref["id"]
    if wish.id is None:
        if wish.email is None:
            raise desk.references.no_contact(has_email=False)
        # A pair does not bring a contact into being: it belongs to one.
        wish.id = desk.references.contacts_by_email([wish.email]).get(fold(wish.email))
        if wish.id is None:
            raise desk.references.no_contact(has_email=True)
    wish.email = None if wish.id else wish.email
    return wish


def _below(desk: Desk, contact: str, key: str) -> list[dict[str, Any]]:
    try:
        return desk.references.below("contacts", contact, key)
    except Missing:
        raise Rejection("contact_id: the account has no contact with this id") from None


def _ref(record: Record, what: str) -> dict[str, str]:
    """Read ``tag_id``, ``tag_name`` or ``tag`` and the like."""
    found = reference(record.get(what), what)
    for part in ("id", "name", "email"):
        value = record.get(f"{what}_{part}")
        if part not in found and not is_nothing(value):
            if isinstance(value, (dict, list, bool)):
                raise Rejection(f"{what}_{part}: must be text")
            found[part] = str(value).strip()
    return found
