"""Decides whether to restore a value: only where the account still has what the run wrote.

`list_decision.py` decides on list statuses.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.resources.time_codecs import parse_instant
from target_activecampaign.undo.entries import SENT, UNDONE, Entry
from target_activecampaign.undo.record_values import is_same

if TYPE_CHECKING:
    from target_activecampaign.undo.record_values import RecordValues, Same

#: Seconds by which the account's clock and a time of it may differ.
CLOCK_MARGIN_SECONDS = 2.0
CHANGED_SINCE = "changed since"
UNKNOWN_ORIGIN = "not known whether the run or another client did this"


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


def decide_secondary_contact(entry: Entry, *, is_present: bool) -> ValueDecision:
    """Decide on a secondary contact of a deal, which the run added."""
    if entry.state == UNDONE:
        return ValueDecision(entry, Decision.ALREADY_UNDONE)
    if not is_present:
        return ValueDecision(entry, Decision.UNCHANGED)
    if entry.state == SENT:
        return ValueDecision(entry, Decision.KEEP, UNKNOWN_ORIGIN)
    return ValueDecision(entry, Decision.RESTORE)


def is_before(at: Any, since: float | None) -> bool:
    """Return whether a time of the account is certainly before the account's clock ``since``."""
    found = seconds_of(at)
    return found is not None and since is not None and found < since - CLOCK_MARGIN_SECONDS


def seconds_of(text: Any) -> float | None:
    """Return a time of the account in seconds since the epoch; None if it is no time."""
    found = parse_instant(text)
    return None if found is None else found.timestamp()
