"""Decides whether to restore a value: only where the account still has what the run wrote."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.resources.time_codecs import parse_instant

from .entries import SENT, UNDONE, Entry
from .record_values import LIST, RecordValues, is_same
from .request_changes import SUBSCRIBED, UNSUBSCRIBED

if TYPE_CHECKING:
    from target_activecampaign.lookups.contact_values import ListStatus

    from .record_values import Same

#: Seconds by which the account's clock and a time of it may differ.
CLOCK_MARGIN_SECONDS = 2.0
CHANGED_SINCE = "changed since"
UNKNOWN_ORIGIN = "not known whether the run or another client did this"
NO_UNSUBSCRIBES = "unsubscribed by the run; put back only with --undo-unsubscribes"
OPTED_OUT = "the person unsubscribed or bounced since; that stays"
NOT_SUBSCRIBED = "was not subscribed before; stays unsubscribed, no other status can be written"
UNKNOWN_UNSUBSCRIBE = "unsubscribed by the run, but not known to be by it alone; stays unsubscribed"
OPT_OUTS = {"2", "3"}


class Decision(enum.Enum):
    """What an undo does with a value."""

    RESTORE = "put back"
    UNCHANGED = "as before the run"
    CHANGED = "changed since"
    KEEP = "cannot be undone"
    ALREADY_UNDONE = "undone before"


@dataclass(frozen=True)
class ValueDecision:
    """The decision on one entry; ``reason`` explains it where that is not obvious."""

    entry: Entry
    decision: Decision
    reason: str = ""


def decide(
    entry: Entry,
    present: RecordValues,
    later: list[Entry],
    same: Same = is_same,
) -> ValueDecision:
    """Decide on a value; ``later`` are the entries of later runs for it, the earliest first."""
    part, current = entry.part.name, present.get(entry.part.name)
    if entry.state == UNDONE:
        return ValueDecision(entry, Decision.ALREADY_UNDONE)
    if same(part, current, entry.before):
        return ValueDecision(entry, Decision.UNCHANGED)
    changed = [
        other
        for other in later
        if other.state != UNDONE and not same(part, other.before, other.after)
    ]
    if changed:
        owner = changed[-1]
        is_theirs = any(same(part, current, value) for value in owner.written)
        reason = f"{CHANGED_SINCE}: run {owner.run} has it" if is_theirs else CHANGED_SINCE
        return ValueDecision(entry, Decision.CHANGED, reason)
    if any(same(part, current, value) for value in entry.written):
        return ValueDecision(entry, Decision.RESTORE)
    return ValueDecision(entry, Decision.CHANGED, CHANGED_SINCE)


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
    ours, theirs = _seconds(mine.unsubscribed_at), _seconds(status.unsubscribed_at)
    return ours is None or theirs is None or theirs >= ours


def stamp_of(status: ListStatus) -> dict[str, Any]:
    """Return what distinguishes an unsubscription from another one: its time and its source."""
    is_plain = status.status == UNSUBSCRIBED and not status.reason
    return {"at": status.unsubscribed_at if is_plain else None, "source": status.source}


def _is_subscribed_since(entry: Entry, status: ListStatus | None) -> bool:
    """Return whether a subscription began after the one of the run's request had begun.

    A later time of our own runs counts too: the person may have unsubscribed in between.
    """
    at = _seconds(status.subscribed_at) if status is not None else None
    if at is None:
        return False
    mine = _seconds(entry.mark.get("subscribed"))
    until = entry.mark.get("until") if mine is None else mine
    return until is not None and at > float(until) + CLOCK_MARGIN_SECONDS


def _is_own_since(entry: Entry, again: list[Entry], status: ListStatus) -> bool:
    """Return whether the run's request, and no other than ours since, made a status.

    ``again`` are later runs that sent the same: each has the stamp that it found as `was`.
    """
    stamp = stamp_of(status)
    for other in reversed(again):
        if _is_own(other.mark, stamp):
            stamp = other.mark.get("was") or {}
    return _is_own(entry.mark, stamp)


def _is_own(mark: dict[str, Any], stamp: dict[str, Any]) -> bool:
    """Return whether a stamp is that of the run's own request."""
    at = _seconds(stamp.get("at"))
    if at is None:
        return False
    if "at" in mark:
        return at == _seconds(mark["at"]) and stamp["source"] == mark["source"]
    if "since" in mark:
        begin, end = float(mark["since"]), float(mark["until"])
        return begin - CLOCK_MARGIN_SECONDS <= at <= end + CLOCK_MARGIN_SECONDS
    return False


def is_before(at: Any, since: float | None) -> bool:
    """Return whether a time of the account is certainly before the account's clock ``since``."""
    found = _seconds(at)
    return found is not None and since is not None and found < since - CLOCK_MARGIN_SECONDS


def _seconds(text: Any) -> float | None:
    found = parse_instant(text)
    return None if found is None else found.timestamp()


def decide_secondary_contact(entry: Entry, *, is_present: bool) -> ValueDecision:
    """Decide on a secondary contact of a deal, which the run added."""
    if entry.state == UNDONE:
        return ValueDecision(entry, Decision.ALREADY_UNDONE)
    if not is_present:
        return ValueDecision(entry, Decision.UNCHANGED)
    if entry.state == SENT:
        return ValueDecision(entry, Decision.KEEP, UNKNOWN_ORIGIN)
    return ValueDecision(entry, Decision.RESTORE)
