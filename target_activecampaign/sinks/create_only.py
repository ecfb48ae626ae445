"""Rows that must be new: what is there already ends them, and stays as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import Forbidden, Missing
from tap_activecampaign_unified.client.errors import is_duplicate
from target_activecampaign.client.create_once import create_named
from target_activecampaign.outcome import Rejection

if TYPE_CHECKING:
    from target_activecampaign.records.record import Row
    from target_activecampaign.sinks.contacts.change import Wish

    from .context import Desk


def there_already(word: str, native_id: str | None) -> Rejection:
    """Return what ends a row whose counterpart is there."""
    known = f" (id {native_id})" if native_id else ""
    return Rejection(f"{word}: the account has it already{known}; update or upsert it instead")


def refuse_known(row: Row, word: str, native_id: str | None) -> None:
    """End a row that must be new if its counterpart was found."""
    if row.creates and native_id is not None:
        raise there_already(word, native_id)


def refuse_made(desk: Desk, row: Row, word: str, path: str) -> None:
    """End a row that an earlier call made; where that is gone by now, forget it."""
    if not row.creates or row.known_id is None:
        return
    try:
        desk.client.get(f"{path}/{row.known_id}")
    except (Missing, Forbidden):  # a note that is not there may answer 403
        desk.ledger.forget(row.ledger_key)
        row.known_id = None
        return
    raise there_already(word, row.known_id)


def refuse_people(desk: Desk, wish: Wish) -> None:
    """End a contact that must be new if its address is taken."""
    if any(part.row.creates for part in wish.parts) and wish.email:
        found = desk.references.read_contact(wish.email, loosely=True)
        if found is not None:
            raise there_already("email", str(found.get("id")))


def create_contact(desk: Desk, wish: Wish, body: dict[str, Any]) -> None:
    """Make a contact; no address can be taken twice, so a lost answer makes no second one."""
    email = wish.email or ""

    def send() -> str:
        made = desk.pen.write("POST", "contacts", {"contact": {"email": email, **body}})
        return str(made.body["contact"]["id"])

    def look() -> str | None:
        found = desk.references.read_contact(email, loosely=True)
        return str(found["id"]) if found is not None else None

    native_id, is_new = create_named(desk, send, look, is_taken=is_duplicate)
    if not is_new:
        raise there_already("email", native_id)
    wish.id, wish.created, wish.is_touched = native_id, True, True
    desk.references.note_contact(email, native_id)
