"""Finds the contacts of an import: their ids, which are new, and which the account lacks.

The importer returns counts and the ids of created contacts, but no address. The results of the
rows are in `contacts/row_results.py`.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from tap_activecampaign_unified.client import FULL_PAGE, RequestError
from tap_activecampaign_unified.resources.input_values.column_names import fold
from target_activecampaign.sinks.contacts.contact_ids import use_ledger_ids

if TYPE_CHECKING:
    from target_activecampaign.sinks.contacts.contact_change import ContactChange
    from target_activecampaign.sinks.write_context import WriteContext

    from .polling import ImportBatch, ImportEntry

logger = logging.getLogger(__name__)

#: ActiveCampaign skips contacts of its exclusion lists, and may not list them as failures.
NOT_THERE = "the account has no such contact after the import (an excluded address?)"


def find_imported(
    context: WriteContext,
    changes: list[ContactChange],
    absent: list[ContactChange],
    entries: dict[int, ImportEntry],
    batches: list[ImportBatch],
) -> None:
    """Set the ids of imported contacts, and complete their entries, where this is needed.

    ``absent`` are the changes whose addresses the account did not have before the import.
    """
    to_look_up = _changes_to_look_up(context, changes, batches)
    created = sum(len(batch.created_ids) for batch in batches)
    # The account lost a contact that it creates again: the other parts of the row are missing then.
    remainders = [change for change in changes if created and _is_remainder(change)]
    is_undoable = context.earlier_values is not None
    if to_look_up or remainders or is_undoable or len(absent) > created:
        try:
            _look_up(
                context,
                to_look_up,
                absent=absent,
                remainders=remainders,
                entries=entries,
                batches=batches,
            )
        except RequestError as problem:
            # The contacts exist. The next run sends rows again that need the ids.
            logger.warning("The ids of imported contacts could not be looked up: %s", problem)


def _is_remainder(change: ContactChange) -> bool:
    return change.id is None and any(
        row_request.row.is_remainder for row_request in change.row_requests
    )


def _changes_to_look_up(
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


def _created_ids(context: WriteContext, batches: list[ImportBatch]) -> dict[str, str]:
    """Return the ids of the contacts that an import created, by folded address."""
    created = [native_id for batch in batches for native_id in batch.created_ids]
    rows = context.references.contacts_by_id(created)
    emails = {native_id: str(row.get("email") or "") for native_id, row in rows.items()}
    recorder = context.write_client.recorder
    if recorder is not None:
        # An undo then finds the contacts by id, even if their addresses change.
        for native_id, email in emails.items():
            recorder.note_imported(email, native_id)
    return {fold(email): native_id for native_id, email in emails.items()}


def _look_up(
    context: WriteContext,
    changes: list[ContactChange],
    *,
    absent: list[ContactChange],
    remainders: list[ContactChange],
    entries: dict[int, ImportEntry],
    batches: list[ImportBatch],
) -> None:
    """Look up imported contacts: created contacts by id, other contacts by address.

    An entry gets a problem if the account does not have its address after the import.
    ``remainders`` are changes of which only the created contacts matter.
    """
    new_ids = _created_ids(context, batches)
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
    were_absent = {id(change) for change in absent}
    for change in [*to_look_up.values(), *remainders]:
        key = fold(change.email or "")
        change.id = change.id or new_ids.get(key) or others.get(key)
        entry = entries[id(change)]
        if context.importer.lists_updated and id(change) not in were_absent:
            continue
        if entry.created is None and entry.batch and not entry.batch.is_sent_again:
            entry.created = key in new_ids
