"""Checks which contacts opted out, once for each round of a batch, before its writes.

The target does not subscribe a contact again who unsubscribed or bounced, unless `resubscribe` is
set. `list_memberships.py` subscribes and unsubscribes.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.resources.input_values.column_names import fold
from target_activecampaign.client.write_client import is_planned
from target_activecampaign.lookups.opt_outs import list_contacts
from target_activecampaign.records.list_status import OPTED_OUT, number_of

from .contact_change import SUBSCRIBE, ContactChange

if TYPE_CHECKING:
    from target_activecampaign.sinks.write_context import WriteContext

#: The number of contacts whose memberships show whether ActiveCampaign applied a filter.
ENOUGH_PROOF = 20


def withhold_subscriptions(context: WriteContext, changes: list[ContactChange]) -> None:
    """Withhold the subscriptions of contacts who opted out.

    Without `resubscribe`, the next run asks again for a withheld subscription, because the person
    may subscribe until then. With `resubscribe`, mark the subscriptions instead. Contacts that the
    check reads get their id and their address from the account.
    """
    wanted = [change for change in changes if SUBSCRIBE in change.lists.values()]
    if not wanted:
        return
    lists = {
        list_id
        for change in wanted
        for list_id, status in change.lists.items()
        if status == SUBSCRIBE
    }
    if len(wanted) > 2 * len(lists):
        _check_by_list(context, wanted, lists)
    else:
        context.pool.each([partial(_check_one, context, change) for change in wanted])


def _check_one(context: WriteContext, change: ContactChange) -> None:
    change.memberships = memberships_of(context, change)
    _apply(context, change, change.memberships)


def memberships_of(context: WriteContext, change: ContactChange) -> dict[str, int]:
    """Return a contact's status by list id, empty if the account has no such contact."""
    native_id = change.id
    if native_id is None and change.email is not None:
        row = context.references.read_contact(change.email, ignores_case=True)
        if row is None:
            return {}
        native_id = _note_contact(change, row)
    if native_id is None:
        return {}
    rows = context.references.nested_rows("contacts", native_id, "contactLists")
    return {str(row.get("list")): number_of(row.get("status")) for row in rows}


def _note_contact(change: ContactChange, row: dict[str, Any]) -> str:
    """Note the contact of a change and the case of its address, which the importer matches on."""
    change.id = change.id or str(row.get("id"))
    address = str(row.get("email") or "").strip()
    if change.email is not None and fold(address) == fold(change.email):
        change.email = address
    return change.id


def left_all_lists(context: WriteContext, change: ContactChange) -> str | None:
    """Return how a contact left its lists, None if it is active on a list or left none.

    Automations belong to no list, but may subscribe contacts to lists. `resubscribe` allows that.
    """
    if context.policy.resubscribe:
        return None
    statuses = set(memberships_of(context, change).values())
    if SUBSCRIBE in statuses:
        return None
    return next((word for status, word in OPTED_OUT.items() if status in statuses), None)


def _check_by_list(context: WriteContext, changes: list[ContactChange], lists: set[str]) -> None:
    for list_id in sorted(list_id for list_id in lists if not is_planned(list_id)):
        wanted = [change for change in changes if change.lists.get(list_id) == SUBSCRIBE]
        by_email = {fold(change.email): change for change in wanted if change.email}
        by_id = {change.id: change for change in wanted if change.id}
        candidates: dict[int, tuple[ContactChange, int]] = {}
        is_walked = True
        for status in OPTED_OUT:
            for page in list_contacts(context.client, list_id, status, len(wanted)):
                if page is None:
                    is_walked = False
                    break
                for row in page.rows:
                    change = by_id.get(str(row.get("id"))) or by_email.get(
                        fold(str(row.get("email") or ""))
                    )
                    if change is not None:
                        _note_contact(change, row)
                        candidates[id(change)] = (change, status)
        if is_walked:
            _check_candidates(context, list_id, list(candidates.values()))
        else:
            _check_memberships(context, list_id, wanted)


def _check_candidates(
    context: WriteContext, list_id: str, candidates: list[tuple[ContactChange, int]]
) -> None:
    """Read the memberships of contacts that a filter returned: ActiveCampaign may ignore a filter.

    ``candidates`` have the status of the filter. If the first contacts all left the list, trust the
    filter for the other contacts.
    """
    first, others = candidates[:ENOUGH_PROOF], candidates[ENOUGH_PROOF:]
    if _check_memberships(context, list_id, [change for change, _ in first]):
        for change, status in others:
            _apply(context, change, {list_id: status})
    else:
        _check_memberships(context, list_id, [change for change, _ in others])


def _check_memberships(context: WriteContext, list_id: str, changes: list[ContactChange]) -> bool:
    """Read the memberships of each contact; return whether all contacts left the list."""
    statuses: list[int] = []

    def check_contact(change: ContactChange) -> None:
        status = memberships_of(context, change).get(list_id, 0)
        statuses.append(status)
        _apply(context, change, {list_id: status})

    context.pool.each([partial(check_contact, change) for change in changes])
    return all(status in OPTED_OUT for status in statuses)


def _apply(context: WriteContext, change: ContactChange, memberships: dict[str, int]) -> None:
    for list_id, status in memberships.items():
        if change.lists.get(list_id) != SUBSCRIBE:
            continue
        if status in OPTED_OUT:
            word = OPTED_OUT[status]
            if context.policy.resubscribe and context.policy.run_automations:
                change.resubscribed |= {list_id}
                continue
            del change.lists[list_id]
            if context.policy.resubscribe:
                reason = f"{word} earlier: the importer cannot subscribe again"
            else:
                reason = f"segments: the person {word}; subscribed again only with resubscribe"
            change.withhold(f"list:{list_id}", reason)
