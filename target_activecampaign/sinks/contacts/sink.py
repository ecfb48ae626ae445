"""Sink of contacts: through the importer if there are enough, else one by one."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING

from tap_activecampaign_unified.client import InvalidRequest, RequestError
from tap_activecampaign_unified.client.errors import is_duplicate
from tap_activecampaign_unified.resources.parsing.names import fold
from target_activecampaign.client.write_client import is_planned
from target_activecampaign.concurrency.ordering import run_in_identity_order
from target_activecampaign.outcome import (
    Action,
    Outcome,
    RowDeferred,
    RowError,
    RowRejected,
    join_reasons,
    outcome_of,
)
from target_activecampaign.reporting.results import BEHIND, OTHER_ADDRESS
from target_activecampaign.sinks.create_only import reject_existing_contact
from target_activecampaign.sinks.only_if_empty import drop_filled_contact_fields
from target_activecampaign.sinks.run_automations import deny_automation_starts

from . import consent, lists, upsert
from .account_link import apply_account_links
from .after_write import use_known_ids
from .automations import apply_automations
from .bulk_import.choice import uses_importer
from .bulk_import.import_changes import import_changes
from .change import WHOLE_ROW, ContactChange, identity_of_change, strip_held_out
from .held_contacts import LIMIT_REACHED, LIMIT_REFUSED, hold_beyond_limit, is_limit_refusal
from .merge import merge_changes
from .parse import parse_contact_change
from .tags import remove_tags

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_activecampaign.records.record import InputRecord
    from target_activecampaign.sinks.contacts.bulk_import.status import ImportEntry
    from target_activecampaign.sinks.context import WriteContext
    from target_activecampaign.sinks.sink import Sink


BY_IMPORT = "created or updated by import"
LINK = ("account", "title")


def write_contacts(context: WriteContext, sink: Sink, rows: list[InputRecord]) -> None:
    """Write the rows of a contact stream."""
    changes = []
    for row in rows:
        context.pool.yield_now()
        change = parse_or_report(context, row, partial(parse_contact_change, context, sink, row))
        if change is not None:
            changes.append(change)
    apply_changes(context, sink, changes)


def parse_or_report(
    context: WriteContext, row: InputRecord, act: Callable[[], ContactChange]
) -> ContactChange | None:
    """Return the change of one row; on an error, give the row its result and return None."""
    try:
        if context.rows.is_behind(row):
            raise RowDeferred(BEHIND)  # noqa: TRY301 - handled like every deferred row
        return act()
    except RowDeferred as deferred:
        context.rows.defer(row, deferred)
    except RowError as error:
        context.rows.finish(row, error.outcome())
    except RequestError as problem:
        context.rows.finish(row, outcome_of(problem))
    return None


def apply_changes(context: WriteContext, sink: Sink, changes: list[ContactChange]) -> None:
    """Apply changes and give each of their rows its result."""
    try:
        changes = _check_identities(context, changes)
        strip_held_out(changes)
        changes = merge_changes(changes)
        consent.check(context, changes)
        drop_filled_contact_fields(context, sink.resource, changes)
    except RequestError as problem:
        for change in changes:
            _end(context, change, outcome_of(problem))
        return
    if not context.policy.run_automations:
        for change in changes:
            deny_automation_starts(sink, change)
    for change in changes:
        if not change.has_requests:
            _report(context, sink, change)
    changes = [change for change in changes if change.has_requests]
    try:
        changes, held, new = hold_beyond_limit(context, changes)
    except RequestError as problem:
        for change in changes:
            _end(context, change, outcome_of(problem))
        return
    for change in held:
        _end(context, change, _held(LIMIT_REACHED))
    try:
        _write_changes(context, sink, changes)
    finally:
        context.contact_limit.give_back(new)


def _held(reason: str) -> Outcome:
    return Outcome(Action.SKIPPED, reason=reason, whole=False, held=True)


def write_revocations(context: WriteContext, sink: Sink, changes: list[ContactChange]) -> None:
    """Revoke what a stream granted to contacts, and give each change's row its result.

    The changes have ids and addresses as just read, and grant nothing: no rule of consent applies.
    """
    strip_held_out(changes)
    if not context.policy.run_automations:
        for change in changes:
            deny_automation_starts(sink, change)
    for change in changes:
        if not change.has_requests:
            _report(context, sink, change)
    _write_changes(context, sink, [change for change in changes if change.has_requests])


def _write_changes(context: WriteContext, sink: Sink, changes: list[ContactChange]) -> None:
    try:
        context.audiences.before_write(context, changes)
    except RequestError as problem:
        for change in changes:
            _end(context, change, outcome_of(problem))
        return
    if context.write_client.is_dry_run:
        upsert.plan(context, sink, [change for change in changes if not change.is_revocation])
    imported = import_changes(context, sink, changes)
    rest = _after_import(context, changes, imported)
    _finish(context, sink, rest, {key: e for key, e in imported.items() if e.is_imported})


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
            reason = entry.problem or "the import was not processed"
            is_full = is_limit_refusal(entry.problem)
            outcome = Outcome(action, reason=reason, whole=False)
            _end(context, change, _held(LIMIT_REFUSED) if is_full else outcome)
        else:
            change.created = change.created if context.write_client.is_dry_run else entry.created
            change.is_touched = True
            rest.append(change)
    return rest


# --- before anything is written ---------------------------------------------------------------


def _check_identities(context: WriteContext, changes: list[ContactChange]) -> list[ContactChange]:
    """Check that a row's id and address belong to one contact; read the address of an id."""
    by_id = [w for w in changes if w.id is not None]
    needs = [
        w
        for w in by_id
        if w.email is not None
        or "exist" in w.row_requests[0].requested
        or (w.upserts and uses_importer(context.policy, len(changes)))
    ]
    found = context.references.contacts_by_id([w.id for w in needs if w.id])
    kept = []
    for change in changes:
        try:
            reject_existing_contact(context, change)
        except RowRejected as rejection:
            _end(context, change, rejection.outcome())
            continue
        if (
            change.id is None
            or is_planned(change.id)
            or not any(change is checked for checked in needs)
        ):
            kept.append(change)
            continue
        row = found.get(change.id)
        there = str((row or {}).get("email") or "").strip()
        if row is None:
            verdict = RowRejected("id: the account has no contact with this id")
        elif change.email is None or fold(change.email) == fold(there):
            change.email = there or None
            kept.append(change)
            continue
        elif context.policy.allow_email_change:
            change.new_email, change.email = change.email, there
            change.row_requests[0].requested.add("email")
            kept.append(change)
            continue
        else:
            verdict = RowRejected(OTHER_ADDRESS)
        _end(context, change, verdict.outcome())
    return kept


# --- after the import -------------------------------------------------------------------------


def _finish(
    context: WriteContext,
    sink: Sink,
    changes: list[ContactChange],
    imported: dict[int, ImportEntry],
) -> None:
    context.references.forget_absent()
    duplicates: list[ContactChange] = []

    def write(change: ContactChange) -> None:
        if id(change) in imported:
            if change.resubscribed:
                _try(context, change, partial(lists.subscribe_again, context, change))
            return
        try:
            upsert.write_one(context, change)
        except (RowError, RequestError) as problem:
            is_taken = isinstance(problem, InvalidRequest) and is_duplicate(problem)
            if (
                is_taken
                and change.new_email is not None
                and context.pool.max_threads > 1 < len(changes)
            ):
                duplicates.append(change)
            else:
                _fail(context, change, problem)

    _prefetch(context, changes)
    run_in_identity_order(context.pool, changes, identity_of_change, write)
    # An earlier row may have released the address: try again in order.
    for change in duplicates:
        _try(context, change, partial(upsert.write_one, context, change))
    if context.policy.run_automations:
        remove_tags(
            context, changes, lambda change, error: _fail(context, change, error, _removals(change))
        )
        apply_account_links(
            context, changes, lambda change, error: _fail(context, change, error, LINK)
        )
        apply_automations(context, changes, lambda change, error: _fail(context, change, error))
    with context.ledger.transaction():
        context.audiences.after_write(
            context, [change for change in changes if change.row_requests]
        )
        for change in changes:
            if change.row_requests:
                _report(context, sink, change, is_imported=id(change) in imported)


def _prefetch(context: WriteContext, changes: list[ContactChange]) -> None:
    """Look up the contacts of which only tags or automations change, together."""
    without_id = [w for w in changes if w.email and w.id is None and not w.upserts]
    with contextlib.suppress(RequestError):  # then each is looked up alone
        use_known_ids(context, without_id)
        without_id = [w for w in without_id if w.enters and w.id is None]
        context.references.prefetch_contacts(
            [{"email": change.email or ""} for change in without_id]
        )


def _removals(change: ContactChange) -> tuple[str, ...]:
    """Return the requests to remove tags; a mirror decides about all tags of its row."""
    return () if change.is_mirror else tuple(f"tag:{fold(name)}" for name in change.removes)


def _try(context: WriteContext, change: ContactChange, act: Callable[[], None]) -> None:
    try:
        act()
    except (RowError, RequestError) as problem:
        _fail(context, change, problem)


def _fail(
    context: WriteContext,
    change: ContactChange,
    problem: RowError | RequestError,
    requests: tuple[str, ...] = (),
) -> None:
    """End a change with an error, for all its rows.

    Of a contact that is written, only ``requests`` are left out, the whole row without them.
    """
    if isinstance(problem, RowDeferred):
        for row_request in change.row_requests:
            context.rows.defer(row_request.row, problem)
        change.row_requests = []
        return
    outcome = problem.outcome() if isinstance(problem, RowError) else outcome_of(problem)
    if isinstance(problem, InvalidRequest) and change.id is None:
        outcome = _held(LIMIT_REFUSED) if is_limit_refusal(outcome.reason) else outcome
    if isinstance(problem, InvalidRequest) and (change.created is not None or change.is_touched):
        # The contact itself is written; a related record was rejected.
        for request in requests:
            change.note_refused(request, outcome.reason or "")
        for row_request in change.row_requests if not requests else ():
            row_request.leave_out(WHOLE_ROW, outcome.reason or "")
        return
    _end(context, change, outcome)


def _end(context: WriteContext, change: ContactChange, outcome: Outcome) -> None:
    if outcome.action is not Action.FAILED and not change.is_touched and change.created is None:
        context.audiences.discard(change)
    for row_request in change.row_requests:
        context.rows.finish(row_request.row, outcome)
    change.row_requests = []


def _report(
    context: WriteContext, sink: Sink, change: ContactChange, *, is_imported: bool = False
) -> None:
    for place, row_request in enumerate(change.row_requests):
        reasons, whole = row_request.reasons, row_request.is_whole
        undone, denied = row_request.requested_again, frozenset(row_request.denied)
        if not row_request.requested:
            is_excused = (
                denied
                or row_request.undone
                or row_request.postponed
                or row_request.row.is_remainder
            )
            is_at_fault = bool(row_request.left_out) and not is_excused
            action = Action.REJECTED if is_at_fault else Action.SKIPPED
            reason, whole = join_reasons(reasons), whole and not is_at_fault
            outcome = Outcome(action, change.id, reason, whole=whole, undone=undone, denied=denied)
            context.rows.finish(row_request.row, outcome)
            continue
        if change.created and place == 0:
            action = Action.CREATED
        elif not change.is_touched:
            action = Action.UNCHANGED
        else:
            action = Action.UPDATED
            if is_imported and change.created is None and not change.is_revocation:
                reasons.append(BY_IMPORT)
        context.foreign_ids.record(sink.family, row_request.row, change.id)
        if context.policy.is_foreign and change.id is None and not context.write_client.is_dry_run:
            whole = False
            reasons.append("its id here could not be looked up; it is sent again")
        reason = join_reasons(reasons)
        outcome = Outcome(action, change.id, reason, whole=whole, undone=undone, denied=denied)
        context.rows.finish(row_request.row, outcome)
    change.row_requests = []
