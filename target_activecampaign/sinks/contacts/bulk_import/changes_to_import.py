"""Passes changes of contacts to the bulk importer. `imported_contacts.py` finds their ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from target_activecampaign.sinks.contacts.contact_change import (
    SUBSCRIBE,
    UNSUBSCRIBE,
    ContactChange,
)

from .choice import is_importable, uses_importer
from .imported_contacts import find_imported
from .polling import ImportEntry

if TYPE_CHECKING:
    from target_activecampaign.sinks.sink_definition import Sink
    from target_activecampaign.sinks.write_context import WriteContext

    from .polling import ImportBatch


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
    earlier_ids = {
        id(change): native_id
        for change in changes
        if (native_id := change.id or context.references.found_id(change.email)) is not None
    }
    batches = context.importer.run(list(entries.values()))
    if context.write_client.is_dry_run:
        for change in changes:
            # Later rows may refer to a contact that the run would create.
            change.id = change.id or context.write_client.plan_id()
            context.references.note_contact(change.email or "", change.id)
        return entries
    if any(change.adds for change in changes):
        context.references.invalidate("tag")  # the importer creates missing tags
    context.references.forget_absent()
    _note_existing(context, changes, earlier_ids, entries, batches)
    find_imported(context, changes, absent, entries, batches)
    return entries


def _note_existing(
    context: WriteContext,
    changes: list[ContactChange],
    earlier_ids: dict[int, str],
    entries: dict[int, ImportEntry],
    batches: list[ImportBatch],
) -> None:
    """Note which contacts are not new, because the run knew their ids before the import.

    Some accounts also list updated contacts among the created contacts of an import. In these
    accounts, the list does not show which of the other contacts are new.
    """
    listed = {native_id for batch in batches for native_id in batch.created_ids}
    earlier = {*earlier_ids.values(), *(change.ledger_id for change in changes)}
    if not listed.isdisjoint(earlier):
        context.importer.lists_updated = True
    for change in changes:
        entry = entries[id(change)]
        if id(change) in earlier_ids:
            change.id, entry.created = earlier_ids[id(change)], False
        elif context.importer.lists_updated and entry.created:
            entry.created = None


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
