"""Decides whether to restore a list status: ``--undo-unsubscribes`` subscribes again.

An undo puts back an unsubscription only if the run made it. The account then has the time and the
source of the run's own request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_activecampaign.records.list_status import SUBSCRIBED, UNSUBSCRIBED, is_opt_out
from target_activecampaign.undo.comparable_values import LIST
from target_activecampaign.undo.journal_tables import UNDONE, Entry, Mark

from .value_decision import (
    CHANGED_SINCE,
    CLOCK_MARGIN_SECONDS,
    Decision,
    ValueDecision,
    decide,
    seconds_of,
)

if TYPE_CHECKING:
    from target_activecampaign.lookups.contact_values import ListStatus
    from target_activecampaign.undo.comparable_values import RecordValues

NO_UNSUBSCRIBES = "unsubscribed by the run; put back only with --undo-unsubscribes"
PERSON_OPTED_OUT = "the person unsubscribed or bounced since; that stays"
NOT_SUBSCRIBED = "was not subscribed before; stays unsubscribed, no other status can be written"
UNKNOWN_UNSUBSCRIBE = "unsubscribed by the run, but not known to be by it alone; stays unsubscribed"


def decide_list(
    entry: Entry,
    present: RecordValues,
    later: list[Entry],
    marks: dict[str, Mark],
    *,
    undoes_unsubscribes: bool,
) -> ValueDecision:
    """Decide on a list status. A person who unsubscribed is not subscribed again.

    ``marks`` are the marks of the run's own unsubscriptions of this contact, by part.
    """
    current = present.get(entry.part.name)
    if entry.after == SUBSCRIBED and current == UNSUBSCRIBED:
        # The contact is no longer subscribed. It does not matter who unsubscribed it.
        return ValueDecision(entry, Decision.UNCHANGED)
    decision = decide(entry, present, later)
    if decision.decision is not Decision.RESTORE:
        return decision
    lists = present.contact.lists if present.contact is not None else {}
    status = lists.get(entry.part.name.removeprefix(LIST))
    if entry.after == SUBSCRIBED and _is_subscribed_since(entry, status):
        return ValueDecision(entry, Decision.CHANGED, CHANGED_SINCE)
    if entry.after != UNSUBSCRIBED:
        return decision
    repeats = [other for other in later if other.after == UNSUBSCRIBED]
    if runs := [other.run for other in repeats if other.state != UNDONE]:
        return ValueDecision(entry, Decision.CHANGED, f"{CHANGED_SINCE}: run {runs[-1]} has it")
    if entry.before != SUBSCRIBED:
        return ValueDecision(entry, Decision.KEEP, NOT_SUBSCRIBED)
    if not undoes_unsubscribes:
        return ValueDecision(entry, Decision.KEEP, NO_UNSUBSCRIBES)
    if status is None or not _is_own_since(entry, repeats, status):
        return ValueDecision(entry, Decision.KEEP, UNKNOWN_UNSUBSCRIBE)
    others = {LIST + list_id: other for list_id, other in lists.items() if other is not status}
    if any(_is_foreign(part, other, status, marks) for part, other in others.items()):
        return ValueDecision(entry, Decision.KEEP, PERSON_OPTED_OUT)
    return decision


def _is_foreign(
    part: str, status: ListStatus, own_status: ListStatus, marks: dict[str, Mark]
) -> bool:
    """Return whether another client or the person ended a subscription after the run's request.

    ``own_status`` is the status on the list that the run unsubscribed.
    """
    if not is_opt_out(status.status) or _is_own(marks.get(part, Mark()), stamp_of(status)):
        return False
    own_end, end = seconds_of(own_status.unsubscribed_at), seconds_of(status.unsubscribed_at)
    return own_end is None or end is None or end >= own_end


def stamp_of(status: ListStatus) -> Mark:
    """Return the time and the source of an unsubscription, which distinguish it from others."""
    is_plain = status.status == UNSUBSCRIBED and not status.reason
    return {"at": status.unsubscribed_at if is_plain else None, "source": status.source}


def _is_subscribed_since(entry: Entry, status: ListStatus | None) -> bool:
    """Return whether a subscription began later than the subscription of the run's request.

    A later subscription by another run of the target counts too, because the person may have
    unsubscribed before it.
    """
    at = seconds_of(status.subscribed_at) if status is not None else None
    if at is None:
        return False
    own_start = seconds_of(entry.mark.get("subscribed"))
    until = entry.mark.get("until") if own_start is None else own_start
    return until is not None and at > float(until) + CLOCK_MARGIN_SECONDS


def _is_own_since(entry: Entry, repeats: list[Entry], status: ListStatus) -> bool:
    """Return whether the run made a status, and since then only runs of the target repeated it.

    ``repeats`` are the same entries of later runs. `mark["was"]` is the stamp that a later run
    replaced. These stamps lead back to the stamp of this run.
    """
    stamp = stamp_of(status)
    for other in reversed(repeats):
        if _is_own(other.mark, stamp):
            stamp = other.mark.get("was") or Mark()
    return _is_own(entry.mark, stamp)


def _is_own(mark: Mark, stamp: Mark) -> bool:
    """Return whether a stamp belongs to the run's own request."""
    at = seconds_of(stamp.get("at"))
    if at is None:
        return False
    if "at" in mark:
        return at == seconds_of(mark["at"]) and stamp["source"] == mark["source"]
    if "since" in mark:
        begin, end = float(mark["since"]), float(mark["until"])
        return begin - CLOCK_MARGIN_SECONDS <= at <= end + CLOCK_MARGIN_SECONDS
    return False
