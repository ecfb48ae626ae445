"""Accounts: by id or by name, whose case does not matter and which no two may share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.api import Missing
from tap_activecampaign_unified.unified.custom_fields import value_field, value_of

from .creates import create_named
from .native import keep_only_blanks, may_fill, native_of, own_id_of, refuse_marked
from .novelty import refuse_known
from .references import is_duplicate
from .results import Action, Rejection
from .rows import fold

if TYPE_CHECKING:
    from .desk import Desk, Kind
    from .native import Native
    from .results import Outcome
    from .rows import Row


def ensure_account(desk: Desk, ref: dict[str, str]) -> str:
    """Return the id of the account a contact belongs to; one that has only a name is made."""
    name = ref.get("name")
    source = ref.get("id")
    if source and not desk.policy.is_foreign:
        return source
    copy = desk.ledger.own_id("account", source) if source else None
    if copy or not name:
        return copy or desk.references.account(ref)
    with desk.turns.alone("account", fold(name)):
        return desk.references.account_named(name) or create(desk, {"name": name})[0]


def create(desk: Desk, body: dict[str, Any]) -> tuple[str, bool]:
    """Create an account; returns its id and whether it is new (somebody may have been faster)."""
    name = str(body["name"])

    def send() -> str:
        return str(desk.pen.write("POST", "accounts", {"account": body}).body["account"]["id"])

    with desk.turns.alone("account", fold(name)):
        native_id, is_new = create_named(
            desk,
            send,
            lambda: desk.references.account_named(name, anew=True),
            is_taken=is_duplicate,
        )
        desk.references.note_account(name, native_id)
    return native_id, is_new


def write_account(desk: Desk, kind: Kind, row: Row) -> Outcome:
    """Write one account."""
    refuse_marked(row)
    native = native_of(desk, kind, row, entity="account", owner=True)
    name = str(native.columns.get("name") or "").strip()
    native_id = own_id_of(desk, kind, row)
    is_own = native_id is not None and not desk.policy.is_foreign
    if native_id is None and name:
        native_id = desk.references.account_named(name)
        if native_id is not None:
            native.columns.pop("name")
    refuse_known(row, "name", native_id)
    native_id = native_id or (None if row.creates else row.known_id)
    if native_id is None and not name:
        raise Rejection("name: an account needs a name (or an id of this account)")
    if native_id is None:
        action, native_id = _create(desk, row, native)
    else:
        _keep_only_blanks(desk, kind, native, native_id)
        action, native_id = _update(desk, native, native_id, name=None if is_own else name)
    if name:
        desk.references.note_account(name, native_id)
    desk.note_copy(kind, row, native_id)
    return native.outcome(action, native_id)


def _create(desk: Desk, row: Row, native: Native) -> tuple[Action, str]:
    body = native.body()
    native_id, is_new = create(desk, body)
    if is_new:
        return Action.CREATED, native_id
    refuse_known(row, "name", native_id)
    del body["name"]  # somebody was faster
    if body:
        desk.pen.write("PUT", f"accounts/{native_id}", {"account": body})
    return Action.UPDATED, native_id


def _update(desk: Desk, native: Native, native_id: str, *, name: str | None) -> tuple[Action, str]:
    body = native.body()
    if not body:
        return Action.UNCHANGED, native_id
    try:
        desk.pen.write("PUT", f"accounts/{native_id}", {"account": body})
    except Missing:
        if not name:
            raise Rejection("id: the account has no such row") from None
        # The one we knew is gone: it is made anew.
        return Action.CREATED, create(desk, {**body, "name": name})[0]
    return Action.UPDATED, native_id


def _keep_only_blanks(desk: Desk, kind: Kind, native: Native, native_id: str) -> None:
    if may_fill(desk, kind, native):
        there = desk.client.get(f"accounts/{native_id}").body.get("account") or {}
        rows = desk.references.values_below("account", native_id)
        keep_only_blanks(desk, kind, native, there, {value_field(r): value_of(r) for r in rows})
