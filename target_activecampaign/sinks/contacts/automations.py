"""Contacts enter and leave automations, last of all: the first mail finds the contact finished.

Entering cannot be taken back and is no upsert. Before it, the account is asked who is there; after
a lost answer it is asked again, and nobody is entered on a guess.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_activecampaign_unified.client import CallError, Forbidden, Missing, Refused, Unconfirmed
from target_activecampaign.client.create_once import MOST_TRIES
from target_activecampaign.concurrency.ordering import side_by_side
from target_activecampaign.outcome import Failure, Verdict, outcome_of
from target_activecampaign.records.values import fold

from . import consent
from .change import sign_of_wish
from .enrolments import Enrolment, Guard, enrolments_of, name_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_activecampaign.sinks.context import Desk

    from .change import Wish

    Fail = Callable[[Wish, Verdict | CallError], None]

# Seconds after a lost answer: what was still under way is there by then.
LOOKS = (2.0, 8.0)
ENTERED_BEFORE = "automations: entered before; enters anew only after leave_automations"
THERE_ALREADY = "automations: is or was in it already; enters anew only after leave_automations"
UNFINISHED = "automations: not entered while the rest of the row is left out"
REFUSED = "automations: ActiveCampaign does not let this key enter or take out contacts (403)"
NOT_TAKEN = "automations: ActiveCampaign did not take the contact in (403)"
NOBODY = "automations: the account has no such contact any more"
UNSEEN = (
    "automations: entering was sent and not answered, and cannot be seen now; the next run looks "
    "for it first"
)
UNANSWERED = "automations: entering was sent and never answered; the next run looks for it first"


def settle(desk: Desk, wishes: list[Wish], fail: Fail) -> None:
    """Let contacts leave and enter what their wishes say, each automation once."""
    needy = [wish for wish in wishes if wish.parts and wish.automations]
    if not needy:
        return
    try:
        emails = [wish.email for wish in needy if wish.id is None and wish.email]
        known = desk.references.contacts_by_email(emails) if emails else {}
    except CallError as problem:
        for wish in needy:
            fail(wish, problem)
        return
    for wish in needy:
        wish.id = wish.id or known.get(fold(wish.email or ""))

    def settle_one(wish: Wish) -> None:
        try:
            _settle_one(desk, wish)
        except (Verdict, CallError) as problem:
            fail(wish, problem)

    side_by_side(desk.turns, needy, sign_of_wish, settle_one)


def _settle_one(desk: Desk, wish: Wish) -> None:
    if wish.id is None:
        _leave_out(wish, "automations: the contact was not found after its import")
        return
    try:
        _leave_and_enter(desk, wish, wish.id)
    except Missing:
        # The id was of a contact that was deleted; the address may have a new one.
        known = desk.references.contacts_by_email([wish.email]) if wish.email else {}
        again = known.get(fold(wish.email or ""))
        if again is None or again == wish.id:
            _leave_out(wish, NOBODY)
            return
        wish.id = again
        _leave_and_enter(desk, wish, again)


def _leave_and_enter(desk: Desk, wish: Wish, contact: str) -> None:
    is_finished = not any(part.left_out for part in wish.parts)
    for one, enters in sorted(wish.automations.items(), key=lambda pair: pair[1]):
        token = f"automation:{one}"
        if not any(token in part.tokens for part in wish.parts):
            continue
        with desk.turns.alone("enrolment", contact, one):
            try:
                if enters:
                    _enter(desk, wish, contact, one, is_finished=is_finished)
                else:
                    _leave(desk, wish, contact, one)
            except Forbidden as problem:
                wish.postpone(token, _note_forbidden(desk, problem))
            except Refused as problem:
                wish.leave_out(token, f"automations: {outcome_of(problem).reason}")


def _leave_out(wish: Wish, reason: str) -> None:
    for one in wish.automations:
        wish.leave_out(f"automation:{one}", reason)


def _note_forbidden(desk: Desk, problem: Forbidden) -> str:
    """Return why; a refusal that is not about this contact stands for the rest of the run."""
    if any("could not create" in reason.text.lower() for reason in problem.reasons):
        return NOT_TAKEN
    desk.enrolments.refused = REFUSED
    return REFUSED


# --- leaving --------------------------------------------------------------------------------------


def _leave(desk: Desk, wish: Wish, contact: str, one: str) -> None:
    there = enrolments_of(desk, contact, one)
    active = [enrolment for enrolment in there if enrolment.is_active]
    for enrolment in active:
        _take_out(desk, contact, one, enrolment)
    last = max((enrolment.number for enrolment in there), default=0)
    Guard(desk, contact, one).lift(last)
    if active:
        wish.is_touched = True
        left = desk.forecast.leaves if desk.pen.is_dry else desk.enrolments.left
        left[name_of(desk, one)] += 1


def _take_out(desk: Desk, contact: str, one: str, enrolment: Enrolment) -> None:
    try:
        desk.pen.write("DELETE", f"contactAutomations/{enrolment.number}")
    except (Missing, Forbidden):
        # One that is gone, perhaps by this call's own first try, answers so too.
        there = enrolments_of(desk, contact, one)
        if any(again.number == enrolment.number and again.is_active for again in there):
            raise


# --- entering -------------------------------------------------------------------------------------


def _enter(desk: Desk, wish: Wish, contact: str, one: str, *, is_finished: bool) -> None:
    guard = Guard(desk, contact, one)
    if guard.is_entered:
        _remark(wish, one, ENTERED_BEFORE)
        return
    found = _look(desk, contact, one, guard)
    if found is not None:
        guard.note_entered(found)
        if guard.is_unsure:
            _note_entered(desk, wish, one)
        else:
            _remark(wish, one, THERE_ALREADY)
        return
    if _is_kept_out(desk, wish, one, is_finished=is_finished):
        return
    guard.note_entered(_send(desk, contact, one, guard))
    _note_entered(desk, wish, one)


def _is_kept_out(desk: Desk, wish: Wish, one: str, *, is_finished: bool) -> bool:
    """Say whether a contact may not enter now, and tell the rows why."""
    token = f"automation:{one}"
    if desk.enrolments.refused is not None:
        wish.postpone(token, desk.enrolments.refused)
    elif not is_finished:
        wish.postpone(token, UNFINISHED)
    elif (word := consent.left_all_lists(desk, wish)) is not None:
        wish.deny(
            token,
            f"automations: the person {word} and is active on no list; enters only with "
            "resubscribe",
        )
    else:
        return False
    return True


def _look(desk: Desk, contact: str, one: str, guard: Guard) -> int | None:
    """Return the enrolment that counts as this entering, None where there is none.

    That is an active one, or any behind those of before. What was begun and cannot be seen is a
    `Failure`.
    """
    try:
        there = enrolments_of(desk, contact, one)
    except Forbidden:
        if guard.is_unsure:
            raise Failure(UNSEEN) from None
        raise
    found = [e.number for e in there if e.is_active or e.number > guard.before]
    return max(found, default=None)


def _send(desk: Desk, contact: str, one: str, guard: Guard) -> int:
    """Enter a contact; returns the enrolment's id. The intent is on disk before it is sent."""
    body = {"contactAutomation": {"contact": contact, "automation": one}}
    for _ in range(MOST_TRIES):
        guard.begin(desk.server_time())
        try:
            row = desk.pen.write("POST", "contactAutomations", body).body.get("contactAutomation")
        except (Refused, Missing, Forbidden):
            guard.note_refused()
            raise
        except Unconfirmed:
            found = _look_again(desk, contact, one, guard)
            if found is not None:
                return found
            continue
        native_id = str(row.get("id")) if isinstance(row, dict) else ""
        return int(native_id) if native_id.isdecimal() else 0
    raise Failure(UNANSWERED)


def _look_again(desk: Desk, contact: str, one: str, guard: Guard) -> int | None:
    for seconds in LOOKS:
        desk.clock.sleep(seconds)
        try:
            found = _look(desk, contact, one, guard)
        except CallError:
            raise Failure(UNSEEN) from None
        if found is not None:
            return found
    return None


def _note_entered(desk: Desk, wish: Wish, one: str) -> None:
    wish.is_touched = True
    entered = desk.forecast.enters if desk.pen.is_dry else desk.enrolments.entered
    entered[name_of(desk, one)] += 1


def _remark(wish: Wish, one: str, text: str) -> None:
    for part in wish.parts:
        if f"automation:{one}" in part.tokens:
            part.remarks.append(text)
