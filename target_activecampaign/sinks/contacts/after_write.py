"""Applies what follows the write of a contact: tags to remove, account links, automations."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import RequestError
from tap_activecampaign_unified.resources.parsing.names import fold
from target_activecampaign.concurrency.ordering import run_in_identity_order
from target_activecampaign.outcome import RowError

from .change import ContactChange, identity_of_change

if TYPE_CHECKING:
    from target_activecampaign.sinks.context import WriteContext

Fail = Callable[[ContactChange, RowError | RequestError], None]
ApplyOne = Callable[[ContactChange], None]


def apply_each(
    context: WriteContext,
    changes: list[ContactChange],
    prepare: Callable[[], ApplyOne],
    fail: Fail,
) -> None:
    """Apply each change concurrently; an error ends only its own change.

    ``prepare`` reads what all changes need and returns the function that applies one. Its error
    ends all of them.
    """
    if not changes:
        return
    try:
        apply_one = prepare()
    except RequestError as problem:
        for change in changes:
            fail(change, problem)
        return

    def apply(change: ContactChange) -> None:
        try:
            apply_one(change)
        except (RowError, RequestError) as problem:
            fail(change, problem)

    run_in_identity_order(context.pool, changes, identity_of_change, apply)


def use_known_ids(context: WriteContext, changes: list[ContactChange]) -> None:
    """Set the ids that the ledger knows of addresses, where the contacts still have them.

    Since the ledger noted an id, its contact may have got another address, and the address another
    contact.
    """
    mine = [change for change in changes if change.id is None and change.known_id]
    rows = context.references.contacts_by_id(change.known_id or "" for change in mine)
    for change in mine:
        if has_address(rows.get(change.known_id or ""), change.email):
            change.id = change.known_id


def has_address(row: dict[str, Any] | None, email: str | None) -> bool:
    """Return whether a contact has this address."""
    return bool(row and email) and fold(str((row or {}).get("email") or "")) == fold(email or "")


def look_up_ids(context: WriteContext, changes: list[ContactChange]) -> None:
    """Set the ids of the contacts that only have an address, as far as the account has them."""
    emails = [change.email for change in changes if change.id is None and change.email]
    known = context.references.contacts_by_email(emails) if emails else {}
    for change in changes:
        change.id = change.id or known.get(fold(change.email or ""))
