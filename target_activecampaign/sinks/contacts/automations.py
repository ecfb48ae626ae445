"""Enters contacts into automations and removes them, after all other writes of a row.

The first e-mail then uses the complete contact. ActiveCampaign cannot undo an enrolment, and a
second enrolment sends the e-mails again. The target reads the enrolments before it enters a
contact, and again after a lost response. It never enters a contact that may be enrolled.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tap_activecampaign_unified.client import (
    REFUSALS,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    RequestError,
    UnconfirmedWrite,
)
from tap_activecampaign_unified.resources.input_values.column_names import fold
from tap_activecampaign_unified.resources.input_values.ids import id_number
from target_activecampaign.client.create_once import MAX_ATTEMPTS
from target_activecampaign.client.late_reads import look_now_or_when_shown, look_until_shown
from target_activecampaign.outcome import RowFailed, outcome_of

from . import opt_out_check
from .contact_ids import look_up_addresses
from .enrolment_ledger import Enrolment, EnrolmentRecord, automation_name, enrolments_of
from .row_results import apply_each

if TYPE_CHECKING:
    from target_activecampaign.sinks.write_context import WriteContext

    from .contact_change import ContactChange
    from .row_results import ApplyOne, Fail

ENTERED_BEFORE = "automations: entered before; enters again only after leave_automations"
ALREADY_IN_AUTOMATION = (
    "automations: the contact is or was in it; enters again only after leave_automations"
)
UNFINISHED = "automations: not entered while the rest of the row is left out"
REFUSED = "automations: ActiveCampaign does not let this key enter or remove contacts (403)"
NOT_ENTERED = "automations: ActiveCampaign did not enter the contact"
NO_CONTACT = "automations: the account no longer has this contact"
NOT_CONFIRMED = (
    "automations: entering was sent and not answered, and cannot be seen now; the next run looks "
    "for it first"
)
UNANSWERED = "automations: entering was sent and never answered; the next run looks for it first"


def apply_automations(context: WriteContext, changes: list[ContactChange], fail: Fail) -> None:
    """Enter contacts into automations and remove them, once per automation."""
    affected = [change for change in changes if change.row_requests and change.automations]

    def prepare() -> ApplyOne:
        look_up_addresses(context, affected)
        return partial(_apply_one, context)

    apply_each(context, affected, prepare, fail)


def _apply_one(context: WriteContext, change: ContactChange) -> None:
    if change.id is None:
        _leave_out(
            change,
            "automations: the contact was not found after its import; the next run tries again",
        )
        return
    try:
        _leave_and_enter(context, change, change.id)
    except NotFound:
        # The contact of this id was deleted. The address may have a new contact.
        ids = context.references.contacts_by_email([change.email]) if change.email else {}
        new_id = ids.get(fold(change.email or ""))
        if new_id is None or new_id == change.id:
            _leave_out(change, NO_CONTACT)
            return
        change.id = new_id
        _leave_and_enter(context, change, new_id)


def _leave_and_enter(context: WriteContext, change: ContactChange, contact: str) -> None:
    is_finished = not any(row_request.left_out for row_request in change.row_requests)
    for automation, enters in sorted(change.automations.items(), key=lambda pair: pair[1]):
        request = f"automation:{automation}"
        if not any(request in row_request.requested for row_request in change.row_requests):
            continue
        with context.pool.named_lock("enrolment", contact, automation):
            try:
                if enters:
                    _enter(context, change, contact, automation, is_finished=is_finished)
                else:
                    _leave(context, change, contact, automation)
            except PermissionDenied as problem:
                change.postpone(request, _note_forbidden(context, problem))
            except InvalidRequest as problem:
                if _is_not_entered(problem):
                    change.postpone(request, NOT_ENTERED)
                else:
                    change.leave_out(request, f"automations: {outcome_of(problem).reason}")


def _leave_out(change: ContactChange, reason: str) -> None:
    for automation in change.automations:
        change.leave_out(f"automation:{automation}", reason)


def _is_not_entered(problem: PermissionDenied | InvalidRequest) -> bool:
    """Return whether a 403 or a 422 concerns only this contact."""
    return any("could not create" in reason.text.lower() for reason in problem.reasons)


def _note_forbidden(context: WriteContext, problem: PermissionDenied) -> str:
    """Return the reason of a refusal. A refusal of more than this contact ends all enrolments."""
    if _is_not_entered(problem):
        return NOT_ENTERED
    context.enrolments.refused = REFUSED
    return REFUSED


# --- leaving --------------------------------------------------------------------------------------


def _leave(context: WriteContext, change: ContactChange, contact: str, automation: str) -> None:
    enrolments = enrolments_of(context, contact, automation)
    active = [enrolment for enrolment in enrolments if enrolment.is_active]
    # Note the leave before the request: if the run is killed after the request, the ledger must not
    # show the contact as entered. If it is killed before, the account still shows the enrolment.
    last = max((enrolment.number for enrolment in enrolments), default=0)
    EnrolmentRecord(context, contact, automation).note_left(last)
    for enrolment in active:
        _leave_automation(context, contact, automation, enrolment)
    if active:
        change.is_touched = True
        change.left_automations.append(automation_name(context, automation))
        is_dry_run = context.write_client.is_dry_run
        counts = context.plan.leaves if is_dry_run else context.enrolments.left
        counts[change.left_automations[-1]] += 1


def _leave_automation(
    context: WriteContext, contact: str, automation: str, enrolment: Enrolment
) -> None:
    try:
        context.write_client.write(
            "DELETE", f"contactAutomations/{enrolment.number}", about=contact
        )
    except (NotFound, PermissionDenied):
        # ActiveCampaign also gives this response if an earlier attempt of the request succeeded.
        enrolments = enrolments_of(context, contact, automation)
        if any(other.number == enrolment.number and other.is_active for other in enrolments):
            raise


# --- entering -------------------------------------------------------------------------------------


def _enter(
    context: WriteContext,
    change: ContactChange,
    contact: str,
    automation: str,
    *,
    is_finished: bool,
) -> None:
    record = EnrolmentRecord(context, contact, automation)
    if record.is_entered:
        _remark(change, automation, ENTERED_BEFORE)
        return
    enrolled = look_now_or_when_shown(
        context.clock,
        "an earlier entry",
        lambda: _look(context, contact, automation, record),
        record.pending_since,
        context.creates.server_time,
    )
    if enrolled is not None:
        record.note_entered(enrolled)
        if record.is_pending:
            _note_entered(context, change, automation)
        else:
            if change.pending_grants is not None:
                change.pending_grants.was_done_before.add(f"automation:{automation}")
            _remark(change, automation, ALREADY_IN_AUTOMATION)
        return
    if _is_kept_out(context, change, automation, is_finished=is_finished):
        return
    record.note_entered(_send(context, contact, automation, record))
    _note_entered(context, change, automation)


def _is_kept_out(
    context: WriteContext, change: ContactChange, automation: str, *, is_finished: bool
) -> bool:
    """Return whether a contact may not enter now, and give the rows the reason."""
    request = f"automation:{automation}"
    if context.enrolments.refused is not None:
        change.postpone(request, context.enrolments.refused)
    elif not is_finished:
        change.postpone(request, UNFINISHED)
    elif (word := opt_out_check.left_all_lists(context, change)) is not None:
        change.withhold(
            request,
            f"automations: the person {word} and is active on no list; enters only with "
            "resubscribe",
        )
    else:
        return False
    return True


def _look(
    context: WriteContext, contact: str, automation: str, record: EnrolmentRecord
) -> int | None:
    """Return the id of an active enrolment or of a later enrolment than the last known, else None.

    Raises `RowFailed` if an earlier request is unconfirmed and ActiveCampaign does not show the
    enrolments.
    """
    try:
        enrolments = enrolments_of(context, contact, automation)
    except PermissionDenied:
        if record.is_pending:
            raise RowFailed(NOT_CONFIRMED) from None
        raise
    numbers = [
        enrolment.number
        for enrolment in enrolments
        if enrolment.is_active or enrolment.number > record.before
    ]
    return max(numbers, default=None)


def _send(context: WriteContext, contact: str, automation: str, record: EnrolmentRecord) -> int:
    """Enter a contact; return the enrolment's id. The ledger notes the request first."""
    body = {"contactAutomation": {"contact": contact, "automation": automation}}
    for _ in range(MAX_ATTEMPTS):
        record.begin(context.creates.server_time())
        try:
            row = context.write_client.write("POST", "contactAutomations", body).body.get(
                "contactAutomation"
            )
        except REFUSALS:
            record.note_refused()
            raise
        except UnconfirmedWrite:
            enrolled = _look_again(context, contact, automation, record)
            if enrolled is not None:
                return enrolled
            continue
        return (id_number(row.get("id")) if isinstance(row, dict) else None) or 0
    raise RowFailed(UNANSWERED)


def _look_again(
    context: WriteContext, contact: str, automation: str, record: EnrolmentRecord
) -> int | None:
    try:
        return look_until_shown(context.clock, lambda: _look(context, contact, automation, record))
    except RequestError:
        raise RowFailed(NOT_CONFIRMED) from None


def _note_entered(context: WriteContext, change: ContactChange, automation: str) -> None:
    change.is_touched = True
    is_dry_run = context.write_client.is_dry_run
    counts = context.plan.enters if is_dry_run else context.enrolments.entered
    counts[automation_name(context, automation)] += 1


def _remark(change: ContactChange, automation: str, text: str) -> None:
    for row_request in change.row_requests:
        if f"automation:{automation}" in row_request.requested:
            row_request.remarks.append(text)
