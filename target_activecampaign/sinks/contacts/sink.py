"""Sink of contacts: through the importer if there are enough, else one by one."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING

from tap_activecampaign_unified.client import RequestError
from tap_activecampaign_unified.resources.input_values.column_names import fold
from target_activecampaign.client.duplicates import is_duplicate
from target_activecampaign.concurrency.identity_order import run_in_identity_order
from target_activecampaign.outcome import (
    Action,
    Outcome,
    RowDeferred,
    RowError,
    outcome_of,
)
from target_activecampaign.sinks.fields.only_if_empty import drop_filled_contact_fields
from target_activecampaign.sinks.run_automations import deny_automation_starts

from . import list_memberships, opt_out_check, upsert
from .account_link import apply_account_links
from .address_changes import AddressRounds, address_taken, check_identities
from .automations import apply_automations
from .bulk_import.changes_to_import import import_changes
from .contact_change import ContactChange, contact_columns, identity_of_change, strip_held_out
from .contact_ids import use_ledger_ids
from .contact_limit.beyond_limit import (
    LIMIT_REACHED,
    LIMIT_REFUSED,
    hold_beyond_limit,
    is_limit_refusal,
)
from .dry_run_plan import plan_changes
from .merge_rows import merge_changes
from .parse_contact import parse_contact_change
from .row_results import end_all_rows, end_with_error, fail_all, give_results, held_by_limit
from .tags import remove_tags

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_activecampaign.records.input_row import InputRow
    from target_activecampaign.sinks.contacts.bulk_import.polling import ImportEntry
    from target_activecampaign.sinks.sink_definition import Sink
    from target_activecampaign.sinks.write_context import WriteContext


LINK = ("account", "title")
NOT_PROCESSED = "ActiveCampaign did not process the import; the next run sends the contact again"


def write_contacts(context: WriteContext, sink: Sink, rows: list[InputRow]) -> None:
    """Write the rows of a contact stream."""
    changes, names = [], contact_columns(sink.resource)
    for row in rows:
        context.pool.yield_now()
        parse = partial(parse_contact_change, context, sink, names, row)
        change = parse_or_report(context, row, parse)
        if change is not None:
            changes.append(change)
    apply_changes(context, sink, changes)


def parse_or_report(
    context: WriteContext, row: InputRow, act: Callable[[], ContactChange]
) -> ContactChange | None:
    """Return the change of one row; on an error, give the row its result and return None."""
    if context.finisher.defer_if_behind(row):
        return None
    try:
        return act()
    except RowDeferred as deferred:
        context.finisher.defer(row, deferred)
    except RowError as error:
        context.finisher.finish(row, error.outcome())
    except RequestError as problem:
        context.finisher.finish(row, outcome_of(problem))
    return None


def apply_changes(context: WriteContext, sink: Sink, changes: list[ContactChange]) -> None:
    """Apply changes and give each of their rows its result."""
    rounds, checked = AddressRounds(changes), check_identities(context, changes)
    while checked:
        now, later = rounds.split(checked)
        _apply_round(context, sink, now)
        again, later = rounds.split(later)
        rounds.reset(again)
        checked = [*check_identities(context, again), *later]


def _apply_round(context: WriteContext, sink: Sink, changes: list[ContactChange]) -> None:
    """Apply changes of which none depends on the new address of another one."""
    try:
        strip_held_out(changes)
        changes = merge_changes(changes)
        opt_out_check.withhold_subscriptions(context, changes)
        drop_filled_contact_fields(context, sink.resource, changes)
    except RequestError as problem:
        fail_all(context, changes, problem)
        return
    changes = _with_requests(context, sink, changes)
    try:
        changes, held, new = hold_beyond_limit(context, changes)
    except RequestError as problem:
        fail_all(context, changes, problem)
        return
    for change in held:
        end_all_rows(context, change, held_by_limit(LIMIT_REACHED))
    try:
        _write_changes(context, sink, changes)
    finally:
        context.contact_limit.give_back(new)


def write_revocations(context: WriteContext, sink: Sink, changes: list[ContactChange]) -> None:
    """Revoke what a stream granted to contacts, and give each change's row its result.

    The changes have ids and addresses as just read, and grant nothing: no rule of consent applies.
    """
    strip_held_out(changes)
    _write_changes(context, sink, _with_requests(context, sink, changes))


def _with_requests(
    context: WriteContext, sink: Sink, changes: list[ContactChange]
) -> list[ContactChange]:
    """Deny what `run_automations: false` forbids; return the changes that still have requests.

    The rows of the other changes get their results here.
    """
    if not context.policy.run_automations:
        for change in changes:
            deny_automation_starts(sink, change)
    for change in changes:
        if not change.has_requests:
            give_results(context, sink, change)
    return [change for change in changes if change.has_requests]


def _write_changes(context: WriteContext, sink: Sink, changes: list[ContactChange]) -> None:
    """Write changes: the importer's part, the others, then related records; give the results."""
    try:
        context.grants.before_write(context, changes)
    except RequestError as problem:
        fail_all(context, changes, problem)
        return
    if context.write_client.is_dry_run:
        plan_changes(context, sink, [change for change in changes if not change.is_revocation])
    imported = import_changes(context, sink, changes)
    changes = _after_import(context, changes, imported)
    imported = {key: entry for key, entry in imported.items() if entry.is_imported}
    _write_unimported(context, changes, imported)
    if context.policy.run_automations:
        _write_related(context, changes)
    # If the request fails, the ledger notes a row's grants under the row's address alone.
    with contextlib.suppress(RequestError):
        context.grants.find_written(context, changes)
    with context.ledger.transaction():
        changes = [change for change in changes if change.row_requests]
        context.grants.after_write(context, changes)
        for change in changes:
            give_results(context, sink, change, is_imported=id(change) in imported)


def _after_import(
    context: WriteContext, changes: list[ContactChange], imported: dict[int, ImportEntry]
) -> list[ContactChange]:
    """Finish the changes that the importer rejected; return the others, imported or not."""
    rest = []
    for change in changes:
        entry = imported.get(id(change))
        if entry is None or (entry.is_lost and context.policy.run_automations):
            rest.append(change)
        elif entry.problem is not None or not entry.is_imported:
            action = Action.FAILED if entry.is_lost else Action.REJECTED
            reason = entry.problem or NOT_PROCESSED
            is_full = is_limit_refusal(entry.problem)
            outcome = Outcome(action, reason=reason, confirms_row=False)
            end_all_rows(context, change, held_by_limit(LIMIT_REFUSED) if is_full else outcome)
        else:
            change.created = change.created if context.write_client.is_dry_run else entry.created
            change.is_touched = True
            rest.append(change)
    return rest


# --- after the import -------------------------------------------------------------------------


def _write_unimported(
    context: WriteContext, changes: list[ContactChange], imported: dict[int, ImportEntry]
) -> None:
    """Write the changes that were not imported; override opt-outs of those that were."""
    context.references.forget_absent()

    def write(change: ContactChange) -> None:
        try:
            if id(change) in imported:
                list_memberships.subscribe_again(context, change)
            else:
                upsert.write_one(context, change)
        except (RowError, RequestError) as problem:
            if is_duplicate(problem) and change.new_email is not None and not change.is_touched:
                end_with_error(context, change, address_taken(context))
            else:
                end_with_error(context, change, problem)

    _prefetch(context, changes)
    to_write = [change for change in changes if change.resubscribed or id(change) not in imported]
    run_in_identity_order(context.pool, to_write, identity_of_change, write)


def _write_related(context: WriteContext, changes: list[ContactChange]) -> None:
    """Write what follows the contact itself: tags to remove, account links, automations."""

    def end(change: ContactChange, problem: RowError | RequestError) -> None:
        end_with_error(context, change, problem)

    def leave_out_tags(change: ContactChange, problem: RowError | RequestError) -> None:
        end_with_error(context, change, problem, _removals(change))

    def leave_out_link(change: ContactChange, problem: RowError | RequestError) -> None:
        end_with_error(context, change, problem, LINK)

    remove_tags(context, changes, leave_out_tags)
    apply_account_links(context, changes, leave_out_link)
    apply_automations(context, changes, end)


def _prefetch(context: WriteContext, changes: list[ContactChange]) -> None:
    """Look up the contacts of which only tags or automations change, together."""
    without_id = [
        change for change in changes if change.email and change.id is None and not change.upserts
    ]
    with contextlib.suppress(RequestError):  # then each is looked up alone
        use_ledger_ids(context, without_id)
        without_id = [change for change in without_id if change.enters and change.id is None]
        context.references.prefetch_contacts(
            [{"email": change.email or ""} for change in without_id]
        )


def _removals(change: ContactChange) -> tuple[str, ...]:
    """Return the requests to remove tags; a mirror decides about all tags of its row."""
    return () if change.is_mirror else tuple(f"tag:{fold(name)}" for name in change.removes)
