"""The account a contact belongs to, and the title there: one link per contact, moved by update."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import InvalidRequest, RequestError, total_of, walk_offset
from tap_activecampaign_unified.resources.parsing.names import fold
from target_activecampaign.concurrency.ordering import run_in_identity_order
from target_activecampaign.outcome import RowError
from target_activecampaign.records.reference import id_text
from target_activecampaign.sinks.named.accounts import ensure_account

from .change import identity_of_change

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_activecampaign.sinks.context import WriteContext

    from .change import ContactChange

    Fail = Callable[[ContactChange, RowError | RequestError], None]

Link = dict[str, Any]
FULL_PAGE = 100
FEW = 10


def apply_account_links(context: WriteContext, changes: list[ContactChange], fail: Fail) -> None:
    """Bring links and titles to what the wishes say, and write nothing where they are so."""
    needy = [
        change
        for change in changes
        if change.parts and (change.account or change.title is not None)
    ]
    if not needy:
        return
    try:
        emails = [w.email for w in needy if w.id is None and w.email]
        known = context.references.contacts_by_email(emails) if emails else {}
        for change in needy:
            change.id = change.id or known.get(fold(change.email or ""))
        context.references.prefetch_accounts(
            w.account["name"] for w in needy if w.account.get("name")
        )
        links = _all_links(context, needy)
    except RequestError as problem:
        for change in needy:
            fail(change, problem)
        return

    def settle_one(change: ContactChange) -> None:
        try:
            _settle_one(context, change, links)
        except (RowError, RequestError) as problem:
            fail(change, problem)

    run_in_identity_order(context.pool, needy, identity_of_change, settle_one)


def _all_links(context: WriteContext, changes: list[ContactChange]) -> dict[str, Link] | None:
    """Return every contact's link where reading all is fewer requests than one per contact."""
    if len(changes) < FEW or context.write_client.is_dry_run:
        return None
    answer = context.client.get("accountContacts", [("limit", 1)])
    total = total_of(answer.body)
    if total is None or total / FULL_PAGE + 2 > len(changes):
        return None
    found: dict[str, Link] = {}
    for page in walk_offset(context.client, "accountContacts", "accountContacts"):
        for row in page.rows:
            found.setdefault(str(row.get("contact")), row)
    return found


def _settle_one(
    context: WriteContext, change: ContactChange, links: dict[str, Link] | None
) -> None:
    if change.id is None:
        if not context.write_client.is_dry_run:
            change.parts[0].left_out.append("account: the contact was not found after its import")
        return
    link = links.get(change.id) if links is not None else link_of(context, change)
    account = ensure_account(context, change.account) if change.account else None
    if link is None and account is None:
        reason = "title: the contact has no account, and titles live with it"
        change.leave_undone("title", "title", reason)
        return
    columns: dict[str, Any] = {}
    if account is not None and (link is None or id_text(link.get("account")) != account):
        columns["account"] = account
    if change.title is not None and (link is None or (link.get("jobTitle") or "") != change.title):
        columns["jobTitle"] = change.title
    if link is not None and not columns:
        return
    write_link(context, change, link, columns)


def link_of(context: WriteContext, change: ContactChange) -> Link | None:
    """Return a contact's link, None where there is none."""
    rows = context.references.nested_rows("contacts", change.id or "", "accountContacts")
    return next((row for row in rows if id_text(row.get("contact")) in {None, change.id}), None)


def write_link(
    context: WriteContext, change: ContactChange, link: Link | None, columns: dict[str, Any]
) -> None:
    """Make a link or columns the one there is."""
    change.is_touched = True
    if link is None:
        body = {"accountContact": {"contact": change.id, **columns}}
        try:
            # A second one is refused, so it may be repeated.
            context.write_client.write("POST", "accountContacts", body, repeatable=True)
        except InvalidRequest:
            link = link_of(context, change)
            if link is None:
                raise
    if link is not None:
        context.write_client.write(
            "PUT", f"accountContacts/{link['id']}", {"accountContact": columns}
        )
