"""Holds contacts that exceed the account's contact limit for another run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tap_activecampaign_unified.resources.input_values.column_names import fold
from target_activecampaign.sinks.contacts.contact_ids import has_address

if TYPE_CHECKING:
    from target_activecampaign.sinks.contacts.contact_change import ContactChange
    from target_activecampaign.sinks.write_context import WriteContext

LIMIT_REACHED = (
    "respect_contact_limit: the contact limit is reached; the row is left for another run"
)
LIMIT_REFUSED = (
    "ActiveCampaign refused the contact for the account's contact limit; the row is left for "
    "another run"
)
_REFUSAL = re.compile(
    r"(contact|subscriber)s?[ _]limit|limit (of|on|for) (the )?(contact|subscriber)", re.IGNORECASE
)


def hold_beyond_limit(
    context: WriteContext, changes: list[ContactChange]
) -> tuple[list[ContactChange], list[ContactChange], list[ContactChange]]:
    """Return the changes to send, the held changes, and the changes to `give_back`.

    A run looks up contacts only if the changes that may create contacts exceed the limit. A dry run
    always looks them up, because it reports how many are new. Raises `RequestError` if the lookup
    fails. Then no change is counted.
    """
    limit, plan = context.contact_limit, context.plan
    candidates = [
        change for change in changes if change.id is None and (change.upserts or change.enters)
    ]
    new = [change for change in candidates if change.ledger_id is None]
    if not (candidates if context.write_client.is_dry_run else new):
        return changes, [], []
    with context.pool.named_lock("contact limit", ""):
        remaining = limit.remaining()
        if remaining is None:
            return changes, [], []
        if context.write_client.is_dry_run:
            new = _find_new(context, candidates)
            plan.contact_room = remaining if plan.contact_room is None else plan.contact_room
            for change in new:
                plan.count_new_contact(fold(change.email or ""))
            for change in new[:remaining]:
                context.recent_contacts[fold(change.email or "")] = {}
        elif len(new) > remaining:
            limit.read_again()
            new = _find_new(context, candidates)
            remaining = limit.remaining() or 0
        new, held = new[:remaining], new[remaining:]
        limit.take(new)
    left_out = {id(change) for change in held}
    return [change for change in changes if id(change) not in left_out], held, new


def _find_new(context: WriteContext, changes: list[ContactChange]) -> list[ContactChange]:
    """Return the changes whose contact the account does not have."""
    references = context.references
    by_id = references.contacts_by_id(change.ledger_id for change in changes if change.ledger_id)
    others = [
        change
        for change in changes
        if not has_address(by_id.get(change.ledger_id or ""), change.email)
    ]
    by_email = references.contacts_by_email(change.email for change in others if change.email)
    return [change for change in others if fold(change.email or "") not in by_email]


def is_limit_refusal(text: str | None) -> bool:
    """Return whether ActiveCampaign refused a contact because the account is full."""
    return bool(text and _REFUSAL.search(text))
