"""Decides whether to restore a list status: ``--undo-unsubscribes`` subscribes again.

An unsubscription is put back only if the run made it: its time and its source in the account are
those of the run's own request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from target_activecampaign.undo.entries import UNDONE, Entry
from target_activecampaign.undo.record_values import LIST
from target_activecampaign.undo.request_changes import SUBSCRIBED, UNSUBSCRIBED

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
    from target_activecampaign.undo.record_values import RecordValues

NO_UNSUBSCRIBES = "unsubscribed by the run; put back only with --undo-unsubscribes"
OPTED_OUT = "the person unsubscribed or bounced since; that stays"
NOT_SUBSCRIBED = "was not subscribed before; stays unsubscribed, no other status can be written"
UNKNOWN_UNSUBSCRIBE = "unsubscribed by the run, but not known to be by it alone; stays unsubscribed"
#: The list statuses of people who opted out.
OPT_OUTS = {"2", "3"}


def decide_list(
    entry: Entry,
    present: RecordValues,
    later: list[Entry],
    marks: dict[str, dict[str, Any]],
    *,
    undoes_unsubscribes: bool,
) -> ValueDecision:
    """Decide on a list status. A person who unsubscribed is not subscribed again.

    ``marks`` are those of the run's own unsubscriptions of this contact, by part.
    """
    current = present.get(entry.part.name)
    if entry.state != UNDONE and entry.after == SUBSCRIBED and current == UNSUBSCRIBED:
        # The contact is not subscribed, whatever ended that.
        return ValueDecision(entry, Decision.UNCHANGED)
    found = decide(entry, present, later)
    if found.decision is not Decision.RESTORE:
        return found
    lists = present.contact.lists if present.contact is not None else {}
    mine = lists.get(entry.part.name.removeprefix(LIST))
    if entry.after == SUBSCRIBED and _is_subscribed_since(entry, mine):
        return ValueDecision(entry, Decision.CHANGED, CHANGED_SINCE)
    if entry.after != UNSUBSCRIBED:
        return found
    again = [other for other in later if other.after == UNSUBSCRIBED]
    if open_runs := [other.run for other in again if other.state != UNDONE]:
        return ValueDecision(
            entry, Decision.CHANGED, f"{CHANGED_SINCE}: run {open_runs[-1]} has it"
        )
    if entry.before != SUBSCRIBED:
        return ValueDecision(entry, Decision.KEEP, NOT_SUBSCRIBED)
    if not undoes_unsubscribes:
        return ValueDecision(entry, Decision.KEEP, NO_UNSUBSCRIBES)
    if mine is None or not _is_own_since(entry, again, mine):
        return ValueDecision(entry, Decision.KEEP, UNKNOWN_UNSUBSCRIBE)
    others = {LIST + list_id: status for list_id, status in lists.items() if status is not mine}
    if any(_is_foreign(part, status, mine, marks) for part, status in others.items()):
        return ValueDecision(entry, Decision.KEEP, OPTED_OUT)
    return found


def _is_foreign(
    part: str, status: ListStatus, mine: ListStatus, marks: dict[str, dict[str, Any]]
) -> bool:
    """Return whether the person or another client ended this subscription after the run did."""
    if status.status not in OPT_OUTS or _is_own(marks.get(part, {}), stamp_of(status)):
        return False
    ours, theirs = seconds_of(mine.unsubscribed_at), seconds_of(status.unsubscribed_at)
    return ours is None or theirs is None or theirs >= ours


def stamp_of(status: ListStatus) -> dict[str, Any]:
    """Return what distinguishes an unsubscription from another one: its time and its source."""
    is_plain = status.status == UNSUBSCRIBED and not status.reason
    return {"at": status.unsubscribed_at if is_plain else None, "source": status.source}


def _is_subscribed_since(entry: Entry, status: ListStatus | None) -> bool:
    """Return whether a subscription began after the one of the run's request had begun.

    A later subscription by one of our own runs also counts as changed: the person may have
    unsubscribed in between.
    """
    at = seconds_of(status.subscribed_at) if status is not None else None
    if at is None:
        return False
    mine = seconds_of(entry.mark.get("subscribed"))
    until = entry.mark.get("until") if mine is None else mine
    return until is not None and at > float(until) + CLOCK_MARGIN_SECONDS


def _is_own_since(entry: Entry, again: list[Entry], status: ListStatus) -> bool:
    """Return whether the run's request, and no other than ours since, made a status.

    ``again`` are later runs that sent the same. `mark["was"]` is the stamp that a later run
    replaced; following these leads back to the stamp of this run.
    """
    stamp = stamp_of(status)
    for other in reversed(again):
        if _is_own(other.mark, stamp):
            stamp = other.mark.get("was") or {}
    return _is_own(entry.mark, stamp)


def _is_own(mark: dict[str, Any], stamp: dict[str, Any]) -> bool:
    """Return whether a stamp is that of the run's own request."""
    at = seconds_of(stamp.get("at"))
    if at is None:
        return False
    if "at" in mark:
        return at == seconds_of(mark["at"]) and stamp["source"] == mark["source"]
    if "since" in mark:
        begin, end = float(mark["since"]), float(mark["until"])
        return begin - CLOCK_MARGIN_SECONDS <= at <= end + CLOCK_MARGIN_SECONDS
    return False
