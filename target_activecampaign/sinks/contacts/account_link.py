"""The account a contact belongs to, and the title there: one link per contact, moved by update."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import CallError, Refused, total_of, walk_offset
from target_activecampaign.concurrency.ordering import side_by_side
from target_activecampaign.outcome import Verdict
from target_activecampaign.records.values import fold
from target_activecampaign.sinks.accounts import ensure_account
from target_activecampaign.sinks.context import text_of

from .columns import sign_of_wish

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_activecampaign.sinks.context import Desk

    from .columns import Wish

    Fail = Callable[[Wish, Verdict | CallError], None]

Link = dict[str, Any]
FULL_PAGE = 100
FEW = 10


def settle(desk: Desk, wishes: list[Wish], fail: Fail) -> None:
    """Bring links and titles to what the wishes say, and write nothing where they are so."""
    needy = [wish for wish in wishes if wish.parts and (wish.account or wish.title is not None)]
    if not needy:
        return
    try:
        emails = [w.email for w in needy if w.id is None and w.email]
        known = desk.references.contacts_by_email(emails) if emails else {}
        for wish in needy:
            wish.id = wish.id or known.get(fold(wish.email or ""))
        desk.references.prefetch_accounts(w.account["name"] for w in needy if w.account.get("name"))
        links = _all_links(desk, needy)
    except CallError as problem:
        for wish in needy:
            fail(wish, problem)
        return

    def settle_one(wish: Wish) -> None:
        try:
            _settle_one(desk, wish, links)
        except (Verdict, CallError) as problem:
            fail(wish, problem)

    side_by_side(desk.turns, needy, sign_of_wish, settle_one)


def _all_links(desk: Desk, wishes: list[Wish]) -> dict[str, Link] | None:
    """Return every contact's link where reading all is fewer requests than one per contact."""
    if len(wishes) < FEW or desk.pen.is_dry:
        return None
    answer = desk.client.get("accountContacts", [("limit", 1)])
    total = total_of(answer.body)
    if total is None or total / FULL_PAGE + 2 > len(wishes):
        return None
    found: dict[str, Link] = {}
    for page in walk_offset(desk.client, "accountContacts", "accountContacts"):
        for row in page.rows:
            found.setdefault(str(row.get("contact")), row)
    return found


def _settle_one(desk: Desk, wish: Wish, links: dict[str, Link] | None) -> None:
    if wish.id is None:
        if not desk.pen.is_dry:
            wish.parts[0].left_out.append("account: the contact was not found after its import")
        return
    link = links.get(wish.id) if links is not None else link_of(desk, wish)
    account = ensure_account(desk, wish.account) if wish.account else None
    if link is None and account is None:
        wish.deny("title", "title: the contact has no account, and titles live with it")
        return
    columns: dict[str, Any] = {}
    if account is not None and (link is None or text_of(link.get("account")) != account):
        columns["account"] = account
    if wish.title is not None and (link is None or (link.get("jobTitle") or "") != wish.title):
        columns["jobTitle"] = wish.title
    if link is not None and not columns:
        return
    write_link(desk, wish, link, columns)


def link_of(desk: Desk, wish: Wish) -> Link | None:
    """Return a contact's link, None where there is none."""
    rows = desk.references.below("contacts", wish.id or "", "accountContacts")
    return next((row for row in rows if text_of(row.get("contact")) in {None, wish.id}), None)


def write_link(desk: Desk, wish: Wish, link: Link | None, columns: dict[str, Any]) -> None:
    """Make a link or columns the one there is."""
    wish.is_touched = True
    if link is None:
        body = {"accountContact": {"contact": wish.id, **columns}}
        try:
            # A second one is refused, so it may be repeated.
            desk.pen.write("POST", "accountContacts", body, repeatable=True)
        except Refused:
            link = link_of(desk, wish)
            if link is None:
                raise
    if link is not None:
        desk.pen.write("PUT", f"accountContacts/{link['id']}", {"accountContact": columns})
