"""Applies control group and contact limit to contacts that orders and subscriptions create."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tap_activecampaign_unified.resources.input_values.column_names import fold
from target_activecampaign.holdout import HELD_OUT
from target_activecampaign.outcome import Action, Outcome
from target_activecampaign.records.clean_values import is_nothing
from target_activecampaign.sinks.contacts.contact_limit.beyond_limit import (
    LIMIT_REACHED,
)

from .upserts import Mutation, Upsert, finish_all, send_all

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_activecampaign.sinks.write_context import WriteContext


@dataclass
class NewContact:
    """A contact that may not exist in the account, and the upserts that would create it."""

    email: str
    upserts: list[Upsert] = field(default_factory=list)
    #: Whether the contact was created, None if that is not known.
    created: bool | None = None


def send_for_contacts(
    context: WriteContext,
    mutation: Mutation,
    upserts: list[Upsert],
    on_written: Callable[[Upsert], None] = lambda _: None,
) -> None:
    """Send upserts that may create contacts, as `send_all` does.

    Raises `RequestError` if the contacts cannot be looked up. Then nothing is sent.
    """
    ready, new = hold_new_contacts(context, skip_held_out(context, upserts))
    try:
        send_all(context, mutation, ready, on_written)
    finally:
        note_contacts(context, new)


def skip_held_out(context: WriteContext, upserts: list[Upsert]) -> list[Upsert]:
    """Skip the upserts of held-out contacts; return the others."""
    if not context.holdout.is_active:
        return upserts
    kept = []
    for upsert in upserts:
        email = upsert.document.get("email")
        if not is_nothing(email) and context.holdout.is_held_out(str(email)):
            finish_all(
                context, [upsert], Outcome(Action.SKIPPED, reason=HELD_OUT, confirms_row=False)
            )
        else:
            kept.append(upsert)
    return kept


def hold_new_contacts(
    context: WriteContext, upserts: list[Upsert]
) -> tuple[list[Upsert], list[NewContact]]:
    """Hold the upserts that would create contacts beyond the account's limit.

    Returns the other upserts, and the contacts to `give_back` when these are sent. Contacts are
    looked up only if all contacts that may be new exceed the limit. Raises `RequestError` without
    a change of the counts.
    """
    limit, plan = context.contact_limit, context.plan
    new = _candidates(context, upserts)
    if not new:
        return upserts, []
    with context.pool.named_lock("contact limit", ""):
        remaining = limit.remaining()
        if remaining is None:
            return upserts, []
        if context.write_client.is_dry_run:
            new = _absent(context, new)
            plan.contact_room = remaining if plan.contact_room is None else plan.contact_room
            for contact in new:
                plan.count_new_contact(fold(contact.email))
        elif len(new) > remaining:
            limit.read_again()
            remaining = limit.remaining() or 0
            if len(new) > remaining:
                new = _absent(context, new)
        new, held = new[:remaining], new[remaining:]
        limit.take(new)
    left_out = [upsert for contact in held for upsert in contact.upserts]
    outcome = Outcome(Action.SKIPPED, reason=LIMIT_REACHED, confirms_row=False, blocks_state=True)
    finish_all(context, left_out, outcome)
    ids = {id(upsert) for upsert in left_out}
    return [upsert for upsert in upserts if id(upsert) not in ids], new


def note_contacts(context: WriteContext, new: list[NewContact]) -> None:
    """Count the contacts of `hold_new_contacts` that were created."""
    for contact in new:
        is_written = any(upsert.is_written for upsert in contact.upserts)
        if context.write_client.is_dry_run or is_written:
            context.recent_contacts[fold(contact.email)] = {}
        elif contact.created:
            contact.created = None
    context.contact_limit.give_back(new)


def _candidates(context: WriteContext, upserts: list[Upsert]) -> list[NewContact]:
    """Return the people who are neither in the stored record nor in an earlier row of this run."""
    contacts: dict[str, NewContact] = {}
    for upsert in upserts:
        email = upsert.document.get("email")
        if is_nothing(email):
            continue
        key = fold(str(email))
        before = fold(str((upsert.before or {}).get("email") or ""))
        if key != before and key not in context.recent_contacts:
            contacts.setdefault(key, NewContact(str(email))).upserts.append(upsert)
    return list(contacts.values())


def _absent(context: WriteContext, new: list[NewContact]) -> list[NewContact]:
    """Return the people whom the account does not have."""
    ids = context.references.contacts_by_email(contact.email for contact in new)
    absent = [contact for contact in new if fold(contact.email) not in ids]
    for contact in absent:
        contact.created = True
    return absent
