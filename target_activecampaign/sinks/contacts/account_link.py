"""Links contacts to accounts and sets their titles. A contact has at most one link."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import FULL_PAGE, InvalidRequest, total_of, walk_offset
from target_activecampaign.records.row_references import id_text
from target_activecampaign.sinks.named_records.accounts import ensure_account

from .contact_ids import look_up_addresses
from .row_results import apply_each

if TYPE_CHECKING:
    from target_activecampaign.sinks.write_context import WriteContext

    from .contact_change import ContactChange
    from .row_results import ApplyOne, Fail

Link = dict[str, Any]
NOT_FOUND = "account: the contact was not found after its import; the next run tries again"
#: The fewest contacts for which the target may read the links of all contacts.
MIN_FOR_COLLECTION = 10


def apply_account_links(context: WriteContext, changes: list[ContactChange], fail: Fail) -> None:
    """Write the links and titles that differ from ActiveCampaign's."""
    affected = [
        change
        for change in changes
        if change.row_requests and (change.account or change.title is not None)
    ]

    def prepare() -> ApplyOne:
        look_up_addresses(context, affected)
        context.references.prefetch_accounts(
            change.account["name"] for change in affected if change.account.get("name")
        )
        return partial(_write_change, context, _all_links(context, affected))

    apply_each(context, affected, prepare, fail)


def _all_links(context: WriteContext, changes: list[ContactChange]) -> dict[str, Link] | None:
    """Return all links by contact, or None if a request per contact is cheaper."""
    if len(changes) < MIN_FOR_COLLECTION or context.write_client.is_dry_run:
        return None
    total = total_of(context.client.get("accountContacts", [("limit", 1)]).body)
    if total is None or total / FULL_PAGE + 2 > len(changes):
        return None
    links: dict[str, Link] = {}
    for page in walk_offset(context.client, "accountContacts", "accountContacts"):
        for row in page.rows:
            links.setdefault(str(row.get("contact")), row)
    return links


def _write_change(
    context: WriteContext, links: dict[str, Link] | None, change: ContactChange
) -> None:
    if change.id is None:
        if not context.write_client.is_dry_run:
            for request in ("account", "title"):
                change.note_refused(request, NOT_FOUND)
        return
    link = links.get(change.id) if links is not None else link_of(context, change)
    account = ensure_account(context, change.account) if change.account else None
    if link is None and account is None:
        reason = "title: the contact has no account; a title belongs to the link to an account"
        change.withhold("title", reason)
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
    """Return a contact's link, None without a link."""
    rows = context.references.nested_rows("contacts", change.id or "", "accountContacts")
    return next((row for row in rows if id_text(row.get("contact")) in {None, change.id}), None)


def write_link(
    context: WriteContext, change: ContactChange, link: Link | None, columns: dict[str, Any]
) -> None:
    """Create a link, or update the present link."""
    change.is_touched = True
    if link is None:
        body = {"accountContact": {"contact": change.id, **columns}}
        try:
            # ActiveCampaign rejects a second link, so a retry is safe.
            context.write_client.write("POST", "accountContacts", body, repeatable=True)
        except InvalidRequest:
            link = link_of(context, change)
            if link is None:
                raise
    if link is not None:
        context.write_client.write(
            "PUT",
            f"accountContacts/{link['id']}",
            {"accountContact": columns},
            about=change.id,
        )
