"""Gives the rows of a contact's change their results, after the write or after an error."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tap_activecampaign_unified.client import REFUSALS, InvalidRequest, RequestError
from target_activecampaign.concurrency.identity_order import run_in_identity_order
from target_activecampaign.outcome import (
    Action,
    Outcome,
    RowDeferred,
    RowError,
    join_reasons,
    outcome_of,
)

from .contact_change import WHOLE_ROW, ContactChange, RowRequest, identity_of_change
from .contact_limit.beyond_limit import LIMIT_REFUSED, is_limit_refusal

if TYPE_CHECKING:
    from target_activecampaign.sinks.sink_definition import Sink
    from target_activecampaign.sinks.write_context import WriteContext

BY_IMPORT = "created or updated by import"
NO_ID_HERE = (
    "the contact's id in this account could not be looked up; the next run sends the row again"
)

Fail = Callable[[ContactChange, RowError | RequestError], None]
ApplyOne = Callable[[ContactChange], None]


def held_by_limit(reason: str) -> Outcome:
    """Return the outcome of a contact beyond the account's limit: no state covers its rows."""
    return Outcome(Action.SKIPPED, reason=reason, confirms_row=False, blocks_state=True)


def end_with_error(
    context: WriteContext,
    change: ContactChange,
    problem: RowError | RequestError,
    requests: tuple[str, ...] = (),
) -> None:
    """End a change with an error, for all its rows.

    If the contact itself was written, only ``requests`` are left out. Without ``requests``, the
    whole row is left out.
    """
    if isinstance(problem, RowDeferred):
        if not change.is_touched and change.created is None:
            context.grants.discard(change)
        for row_request in change.row_requests:
            context.finisher.defer(row_request.row, problem)
        change.row_requests = []
        return
    outcome = problem.outcome() if isinstance(problem, RowError) else outcome_of(problem)
    if isinstance(problem, InvalidRequest) and change.id is None:
        outcome = held_by_limit(LIMIT_REFUSED) if is_limit_refusal(outcome.reason) else outcome
    if isinstance(problem, REFUSALS) and (change.created is not None or change.is_touched):
        # The contact itself was written. ActiveCampaign rejected a related record.
        for request in requests:
            change.note_refused(request, outcome.reason or "")
        for row_request in change.row_requests if not requests else ():
            row_request.leave_out(WHOLE_ROW, outcome.reason or "")
        return
    end_all_rows(context, change, outcome)


def fail_all(context: WriteContext, changes: list[ContactChange], problem: RequestError) -> None:
    """Give all rows of changes the result of an error that a request for all of them raised."""
    for change in changes:
        end_all_rows(context, change, outcome_of(problem))


def end_all_rows(context: WriteContext, change: ContactChange, outcome: Outcome) -> None:
    """Give all rows of a change the same result."""
    if outcome.action is not Action.FAILED and not change.is_touched and change.created is None:
        context.grants.discard(change)
    for row_request in change.row_requests:
        context.finisher.finish(row_request.row, outcome)
    change.row_requests = []


def give_results(
    context: WriteContext, sink: Sink, change: ContactChange, *, is_imported: bool = False
) -> None:
    """Give each row of a change its result, by its requests and the results of the write."""
    is_id_missing = (
        context.policy.is_foreign and change.id is None and not context.write_client.is_dry_run
    )
    for place, row_request in enumerate(change.row_requests):
        reasons, confirms_row = row_request.reasons, row_request.confirms_row
        if not row_request.requested:
            is_at_fault = _is_at_fault(row_request)
            action = Action.REJECTED if is_at_fault else Action.SKIPPED
            confirms_row = confirms_row and not is_at_fault
        else:
            if change.created and place == 0:
                action = Action.CREATED
            elif not change.is_touched:
                action = Action.UNCHANGED
            else:
                action = Action.UPDATED
                if is_imported and change.created is None and not change.is_revocation:
                    reasons.append(BY_IMPORT)
            context.foreign_ids.record(sink.family, row_request.row, change.id)
            if is_id_missing:
                confirms_row = False
                reasons.append(NO_ID_HERE)
        outcome = Outcome(
            action,
            change.id,
            join_reasons(reasons),
            confirms_row=confirms_row,
            parts_to_resend=row_request.parts_to_resend,
            denied=frozenset(row_request.denied),
        )
        context.finisher.finish(row_request.row, outcome)
    change.row_requests = []


def _is_at_fault(row_request: RowRequest) -> bool:
    """Return whether only faults of a row without requests explain why nothing is written."""
    is_excused = (
        row_request.denied
        or row_request.withheld
        or row_request.postponed
        or row_request.row.is_remainder
    )
    return bool(row_request.left_out) and not is_excused


def apply_each(
    context: WriteContext,
    changes: list[ContactChange],
    prepare: Callable[[], ApplyOne],
    fail: Fail,
) -> None:
    """Apply each change concurrently; an error ends only its own change.

    ``prepare`` reads what all changes need and returns the function that applies one. Its error
    ends all of them.
    """
    if not changes:
        return
    try:
        apply_one = prepare()
    except RequestError as problem:
        for change in changes:
            fail(change, problem)
        return

    def apply(change: ContactChange) -> None:
        try:
            apply_one(change)
        except (RowError, RequestError) as problem:
            fail(change, problem)

    run_in_identity_order(context.pool, changes, identity_of_change, apply)
