"""Contacts enter and leave automations, last of all: the first mail finds the contact finished.

Entering cannot be taken back and is no upsert. Before it, the account is asked who is there; after
a lost answer it is asked again, and nobody is entered on a guess.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_activecampaign_unified.client import (
    InvalidRequest,
    NotFound,
    PermissionDenied,
    RequestError,
    UnconfirmedWrite,
)
from tap_activecampaign_unified.resources.parsing.names import fold
from target_activecampaign.client.create_once import MAX_ATTEMPTS
from target_activecampaign.concurrency.ordering import run_in_identity_order
from target_activecampaign.outcome import RowError, RowFailed, outcome_of

from . import consent
from .change import identity_of_change
from .enrolments import Enrolment, EnrolmentRecord, enrolments_of, name_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_activecampaign.sinks.context import WriteContext

    from .change import ContactChange

    Fail = Callable[[ContactChange, RowError | RequestError], None]

# Seconds after a lost answer: what was still under way is there by then.
LOOKS = (2.0, 8.0)
ENTERED_BEFORE = "automations: entered before; enters again only after leave_automations"
THERE_ALREADY = "automations: is or was in it already; enters again only after leave_automations"
UNFINISHED = "automations: not entered while the rest of the row is left out"
REFUSED = "automations: ActiveCampaign does not let this key enter or take out contacts (403)"
NOT_TAKEN = "automations: ActiveCampaign did not take the contact in"
NOBODY = "automations: the account has no such contact any more"
UNSEEN = (
    "automations: entering was sent and not answered, and cannot be seen now; the next run looks "
    "for it first"
)
UNANSWERED = "automations: entering was sent and never answered; the next run looks for it first"


def apply_automations(context: WriteContext, changes: list[ContactChange], fail: Fail) -> None:
    """Let contacts leave and enter what their wishes say, each automation once."""
    needy = [change for change in changes if change.parts and change.automations]
    if not needy:
        return
    try:
        emails = [change.email for change in needy if change.id is None and change.email]
        known = context.references.contacts_by_email(emails) if emails else {}
    except RequestError as problem:
        for change in needy:
            fail(change, problem)
        return
    for change in needy:
        change.id = change.id or known.get(fold(change.email or ""))

    def settle_one(change: ContactChange) -> None:
        try:
            _settle_one(context, change)
        except (RowError, RequestError) as problem:
            fail(change, problem)

    run_in_identity_order(context.pool, needy, identity_of_change, settle_one)


def _settle_one(context: WriteContext, change: ContactChange) -> None:
    if change.id is None:
        _leave_out(change, "automations: the contact was not found after its import")
        return
    try:
        _leave_and_enter(context, change, change.id)
    except NotFound:
        # The id was of a contact that was deleted; the address may have a new one.
        known = context.references.contacts_by_email([change.email]) if change.email else {}
        again = known.get(fold(change.email or ""))
        if again is None or again == change.id:
            _leave_out(change, NOBODY)
            return
        change.id = again
        _leave_and_enter(context, change, again)


def _leave_and_enter(context: WriteContext, change: ContactChange, contact: str) -> None:
    is_finished = not any(part.left_out for part in change.parts)
    for one, enters in sorted(change.automations.items(), key=lambda pair: pair[1]):
        token = f"automation:{one}"
        if not any(token in part.requested for part in change.parts):
            continue
        with context.pool.named_lock("enrolment", contact, one):
            try:
                if enters:
                    _enter(context, change, contact, one, is_finished=is_finished)
                else:
                    _leave(context, change, contact, one)
            except PermissionDenied as problem:
                change.postpone(token, _note_forbidden(context, problem))
            except InvalidRequest as problem:
                if _is_not_taken(problem):
                    change.postpone(token, NOT_TAKEN)
                else:
                    change.leave_out(token, f"automations: {outcome_of(problem).reason}")


def _leave_out(change: ContactChange, reason: str) -> None:
    for one in change.automations:
        change.leave_out(f"automation:{one}", reason)


def _is_not_taken(problem: PermissionDenied | InvalidRequest) -> bool:
    """Say whether a 403 or a 422 concerns this contact alone."""
    return any("could not create" in reason.text.lower() for reason in problem.reasons)


def _note_forbidden(context: WriteContext, problem: PermissionDenied) -> str:
    """Return why; a refusal that is not about this contact stands for the rest of the run."""
    if _is_not_taken(problem):
        return NOT_TAKEN
    context.enrolments.refused = REFUSED
    return REFUSED


# --- leaving --------------------------------------------------------------------------------------


def _leave(context: WriteContext, change: ContactChange, contact: str, one: str) -> None:
    there = enrolments_of(context, contact, one)
    active = [enrolment for enrolment in there if enrolment.is_active]
    for enrolment in active:
        _take_out(context, contact, one, enrolment)
    last = max((enrolment.number for enrolment in there), default=0)
    EnrolmentRecord(context, contact, one).lift(last)
    if active:
        change.is_touched = True
        left = context.plan.leaves if context.write_client.is_dry_run else context.enrolments.left
        left[name_of(context, one)] += 1


def _take_out(context: WriteContext, contact: str, one: str, enrolment: Enrolment) -> None:
    try:
        context.write_client.write("DELETE", f"contactAutomations/{enrolment.number}")
    except (NotFound, PermissionDenied):
        # One that is gone, perhaps by this call's own first try, answers so too.
        there = enrolments_of(context, contact, one)
        if any(again.number == enrolment.number and again.is_active for again in there):
            raise


# --- entering -------------------------------------------------------------------------------------


def _enter(
    context: WriteContext, change: ContactChange, contact: str, one: str, *, is_finished: bool
) -> None:
    guard = EnrolmentRecord(context, contact, one)
    if guard.is_entered:
        _remark(change, one, ENTERED_BEFORE)
        return
    found = _look(context, contact, one, guard)
    if found is not None:
        guard.note_entered(found)
        if guard.is_unsure:
            _note_entered(context, change, one)
        else:
            _remark(change, one, THERE_ALREADY)
        return
    if _is_kept_out(context, change, one, is_finished=is_finished):
        return
    guard.note_entered(_send(context, contact, one, guard))
    _note_entered(context, change, one)


def _is_kept_out(
    context: WriteContext, change: ContactChange, one: str, *, is_finished: bool
) -> bool:
    """Say whether a contact may not enter now, and tell the rows why."""
    token = f"automation:{one}"
    if context.enrolments.refused is not None:
        change.postpone(token, context.enrolments.refused)
    elif not is_finished:
        change.postpone(token, UNFINISHED)
    elif (word := consent.left_all_lists(context, change)) is not None:
        change.leave_undone(
            token,
            "automations",
            f"automations: the person {word} and is active on no list; enters only with "
            "resubscribe",
        )
    else:
        return False
    return True


def _look(context: WriteContext, contact: str, one: str, guard: EnrolmentRecord) -> int | None:
    """Return the enrolment that counts as this entering, None where there is none.

    That is an active one, or any behind those of before. What was begun and cannot be seen is a
    `RowFailed`.
    """
    try:
        there = enrolments_of(context, contact, one)
    except PermissionDenied:
        if guard.is_unsure:
            raise RowFailed(UNSEEN) from None
        raise
    found = [e.number for e in there if e.is_active or e.number > guard.before]
    return max(found, default=None)


def _send(context: WriteContext, contact: str, one: str, guard: EnrolmentRecord) -> int:
    """Enter a contact; returns the enrolment's id. The intent is on disk before it is sent."""
    body = {"contactAutomation": {"contact": contact, "automation": one}}
    for _ in range(MAX_ATTEMPTS):
        guard.begin(context.creates.server_time())
        try:
            row = context.write_client.write("POST", "contactAutomations", body).body.get(
                "contactAutomation"
            )
        except (InvalidRequest, NotFound, PermissionDenied):
            guard.note_refused()
            raise
        except UnconfirmedWrite:
            found = _look_again(context, contact, one, guard)
            if found is not None:
                return found
            continue
        native_id = str(row.get("id")) if isinstance(row, dict) else ""
        return int(native_id) if native_id.isdecimal() else 0
    raise RowFailed(UNANSWERED)


def _look_again(
    context: WriteContext, contact: str, one: str, guard: EnrolmentRecord
) -> int | None:
    for seconds in LOOKS:
        context.clock.sleep(seconds)
        try:
            found = _look(context, contact, one, guard)
        except RequestError:
            raise RowFailed(UNSEEN) from None
        if found is not None:
            return found
    return None


def _note_entered(context: WriteContext, change: ContactChange, one: str) -> None:
    change.is_touched = True
    entered = context.plan.enters if context.write_client.is_dry_run else context.enrolments.entered
    entered[name_of(context, one)] += 1


def _remark(change: ContactChange, one: str, text: str) -> None:
    for part in change.parts:
        if f"automation:{one}" in part.requested:
            part.remarks.append(text)
