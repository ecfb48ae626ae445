"""Changes of contacts through the bulk importer, and the ids of the imported contacts."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import FULL_PAGE, RequestError
from tap_activecampaign_unified.resources.parsing.names import fold
from target_activecampaign.sinks.contacts.change import SUBSCRIBE, UNSUBSCRIBE, ContactChange
from target_activecampaign.sinks.contacts.contact_ids import use_ledger_ids

from .choice import is_importable, uses_importer
from .polling import ImportEntry

if TYPE_CHECKING:
    from target_activecampaign.sinks.context import WriteContext
    from target_activecampaign.sinks.sink import Sink

    from .polling import ImportBatch


logger = logging.getLogger(__name__)

#: ActiveCampaign skips contacts of its exclusion lists, and may not list them as failures.
NOT_THERE = "the account has no such contact after the import (an excluded address?)"


def import_changes(
    context: WriteContext, sink: Sink, changes: list[ContactChange]
) -> dict[int, ImportEntry]:
    """Import the changes if they are enough; return the entry of each change by `id`."""
    policy = context.policy
    columns = sink.resource.imported_columns()
    changes = [change for change in changes if is_importable(change, columns)]
    if not changes or not uses_importer(policy, len(changes)):
        return {}
    entries = {
        id(change): ImportEntry(
            change.email or "", _contact_of(change, columns, is_foreign=policy.is_foreign)
        )
        for change in changes
    }
    absent = [change for change in changes if context.references.is_absent(change.email)]
    with_id = [change for change in changes if change.id is not None]
    batches = context.importer.run(list(entries.values()))
    for change in with_id:
        # Some accounts also list updated contacts among the created contacts of an import.
        entries[id(change)].created = False
    if context.write_client.is_dry_run:
        for change in changes:
            # Later rows may refer to a contact that the run would create.
            change.id = change.id or context.write_client.plan_id()
            context.references.note_contact(change.email or "", change.id)
        return entries
    if any(change.adds for change in changes):
        context.references.invalidate("tag")  # the importer creates missing tags
    context.references.forget_absent()
    without_id = _without_ids(context, changes, batches)
    created = sum(len(batch.created_ids) for batch in batches)
    if without_id or context.earlier_values is not None or len(absent) > created:
        try:
            _look_up_ids(context, without_id, absent, entries, batches)
        except RequestError as problem:
            # The contacts exist. The next run sends rows again that need the ids.
            logger.warning("The ids of imported contacts could not be looked up: %s", problem)
    return entries


def _contact_of(
    change: ContactChange, columns: dict[str, str], *, is_foreign: bool
) -> dict[str, Any]:
    contact: dict[str, Any] = {"email": change.email}
    contact |= {columns[name]: value for name, value in change.columns.items()}
    if change.values:
        contact["fields"] = [
            {"id": _number(field_id), "value": value}
            for field_id, (_, value, __) in change.values.items()
        ]
    if change.adds:
        contact["tags"] = change.adds
    subscribe = [
        list_id
        for list_id, status in change.lists.items()
        if status == SUBSCRIBE and list_id not in change.resubscribed
    ]
    if subscribe:
        contact["subscribe"] = [{"listid": _number(list_id)} for list_id in subscribe]
    unsubscribe = [list_id for list_id, status in change.lists.items() if status == UNSUBSCRIBE]
    if unsubscribe:
        contact["unsubscribe"] = [{"listid": _number(list_id)} for list_id in unsubscribe]
    if change.account.get("name") and (is_foreign or "id" not in change.account):
        contact["customer_acct_name"] = change.account["name"]
    return contact


def _number(native_id: str) -> int | str:
    """Return an id as the number that the importer needs, an invented id of a dry run as text."""
    return int(native_id) if native_id.isdigit() else native_id


def _without_ids(
    context: WriteContext, changes: list[ContactChange], batches: list[ImportBatch]
) -> list[ContactChange]:
    """Return the changes whose ids the target looks up together."""
    if _wants_all_ids(context):
        return changes
    with_grants = [
        change for change in changes if change.pending_grants is not None and change.id is None
    ]
    entering = [change for change in changes if change.automations and change.id is None]
    created = sum(len(batch.created_ids) for batch in batches)
    if with_grants:
        return [*with_grants, *(change for change in entering if change.pending_grants is None)]
    # Otherwise `apply_automations` looks up each entering contact with fewer requests.
    return entering if created / FULL_PAGE < len(entering) else []


def _wants_all_ids(context: WriteContext) -> bool:
    return context.policy.look_up_ids or context.policy.is_foreign


def _look_up_ids(
    context: WriteContext,
    changes: list[ContactChange],
    absent: list[ContactChange],
    entries: dict[int, ImportEntry],
    batches: list[ImportBatch],
) -> None:
    """Look up imported contacts: created contacts by id, other contacts by address.

    ``absent`` are the changes whose addresses the account did not have before the import. An entry
    gets a problem if the account does not have its address after the import.
    """
    created = [native_id for batch in batches for native_id in batch.created_ids]
    rows = context.references.contacts_by_id(created)
    if context.earlier_values is not None:
        # An undo then finds the contacts by id, even if their addresses change.
        for native_id, row in rows.items():
            context.earlier_values.note_imported(str(row.get("email") or ""), native_id)
    new_ids = {fold(str(row.get("email") or "")): native_id for native_id, row in rows.items()}
    if not _wants_all_ids(context):
        # The ledger may have the id of a contact that this import did not create.
        use_ledger_ids(
            context, [change for change in changes if fold(change.email or "") not in new_ids]
        )
    to_look_up = {id(change): change for change in [*changes, *absent]}
    missing = [
        change
        for change in to_look_up.values()
        if change.email
        and change.id is None
        and fold(change.email) not in new_ids
        and entries[id(change)].is_imported
    ]
    others = context.references.contacts_by_email(change.email or "" for change in missing)
    for change in missing:
        if fold(change.email or "") not in others:
            entry = entries[id(change)]
            entry.is_imported, entry.problem = False, NOT_THERE
    for change in to_look_up.values():
        key = fold(change.email or "")
        change.id = change.id or new_ids.get(key) or others.get(key)
        entry = entries[id(change)]
        if entry.created is None and entry.batch and not entry.batch.is_sent_again:
            entry.created = key in new_ids
