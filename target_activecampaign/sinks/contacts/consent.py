"""Who opted out: read in this run, just before the write, and never assumed.

A person who unsubscribed or bounced is not subscribed again unless `resubscribe` says so.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import Page, total_of, walk_keyset
from target_activecampaign.client.write_client import is_planned
from target_activecampaign.records.values import fold

from .change import SUBSCRIBE, Wish

if TYPE_CHECKING:
    from collections.abc import Iterator

    from target_activecampaign.sinks.context import Desk

OPTED_OUT = {2: "unsubscribed", 3: "bounced"}
FULL_PAGE = 100
ENOUGH_PROOF = 20


def check(desk: Desk, wishes: list[Wish]) -> None:
    """Strike the subscriptions of people who opted out; or note them, where they may come back."""
    wanted = [wish for wish in wishes if SUBSCRIBE in wish.lists.values()]
    if not wanted:
        return
    lists = {one for wish in wanted for one, status in wish.lists.items() if status == SUBSCRIBE}
    if len(wanted) > 2 * len(lists):
        _check_by_list(desk, wanted, lists)
    else:
        desk.turns.each([partial(_check_one, desk, wish) for wish in wanted])


def _check_one(desk: Desk, wish: Wish) -> None:
    wish.memberships = memberships_of(desk, wish)
    _apply(desk, wish, wish.memberships)


def memberships_of(desk: Desk, wish: Wish) -> dict[str, int]:
    """Return one contact's status by list; of a contact that is not there, nothing."""
    native_id = wish.id
    if native_id is None and wish.email is not None:
        row = desk.references.read_contact(wish.email, loosely=True)
        if row is None:
            return {}
        native_id = wish.id = str(row["id"])
    if native_id is None:
        return {}
    rows = desk.references.below("contacts", native_id, "contactLists")
    return {str(row.get("list")): _number(row.get("status")) for row in rows}


def left_all_lists(desk: Desk, wish: Wish) -> str | None:
    """Say how somebody left who is active on no list any more; None for everybody else.

    Automations belong to no list, and may subscribe to one: with `resubscribe` that is wanted.
    """
    if desk.policy.resubscribe:
        return None
    statuses = set(memberships_of(desk, wish).values())
    if SUBSCRIBE in statuses:
        return None
    return next((word for status, word in OPTED_OUT.items() if status in statuses), None)


def _check_by_list(desk: Desk, wishes: list[Wish], lists: set[str]) -> None:
    for one in sorted(one for one in lists if not is_planned(one)):
        mine = [wish for wish in wishes if wish.lists.get(one) == SUBSCRIBE]
        by_email = {fold(wish.email): wish for wish in mine if wish.email}
        by_id = {wish.id: wish for wish in mine if wish.id}
        suspects: dict[int, Wish] = {}
        is_walked = True
        for status in OPTED_OUT:
            for page in _members(desk, one, status, len(mine)):
                if page is None:
                    is_walked = False
                    break
                for row in page.rows:
                    wish = by_id.get(str(row.get("id"))) or by_email.get(
                        fold(str(row.get("email") or ""))
                    )
                    if wish is not None:
                        wish.id = wish.id or str(row.get("id"))
                        suspects[id(wish)] = wish
        if is_walked:
            _judge(desk, one, list(suspects.values()), ENOUGH_PROOF)
        else:
            _judge(desk, one, mine, len(mine))


def _judge(desk: Desk, one: str, suspects: list[Wish], enough: int) -> None:
    """Ask about suspects by name: a filter that is not honoured brings people who never left.

    Once ``enough`` of them proved right in a row, the filter is taken at its word.
    """
    first, others = suspects[:enough], suspects[enough:]
    is_proven = _ask_about(desk, one, first)
    if is_proven:
        for wish in others:
            _apply(desk, wish, {one: 2})
    else:
        _ask_about(desk, one, others)


def _ask_about(desk: Desk, one: str, suspects: list[Wish]) -> bool:
    """Ask about each by name; say whether all of them left the list."""
    statuses: list[int] = []

    def ask(wish: Wish) -> None:
        status = memberships_of(desk, wish).get(one, 0)
        statuses.append(status)
        _apply(desk, wish, {one: status})

    desk.turns.each([partial(ask, wish) for wish in suspects])
    return all(status in OPTED_OUT for status in statuses)


def _members(desk: Desk, one: str, status: int, most: int) -> Iterator[Page | None]:
    """Walk a list's people of one status; None where asking about each person is cheaper."""
    params: list[tuple[str, Any]] = [("listid", one), ("status", status)]
    for number, page in enumerate(walk_keyset(desk.client, "contacts", "contacts", params)):
        total = total_of(page.body)
        if number == 0 and total is not None and total / FULL_PAGE > 2 * most + 1:
            yield None
            return
        yield page


def _apply(desk: Desk, wish: Wish, found: dict[str, int]) -> None:
    for one, status in found.items():
        if wish.lists.get(one) != SUBSCRIBE:
            continue
        if status in OPTED_OUT:
            word = OPTED_OUT[status]
            if desk.policy.resubscribe and desk.policy.run_automations:
                wish.resubscribed.add(one)
                continue
            del wish.lists[one]
            if desk.policy.resubscribe:
                reason = f"{word} earlier: the importer cannot subscribe again"
            else:
                reason = f"segments: the person {word}; subscribed again only with resubscribe"
            wish.deny(f"list:{one}", reason)


def _number(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return 0
