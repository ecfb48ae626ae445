"""Decides whether to restore a value: only if the account still has the run's value.

`list_status_decision.py` decides on list statuses.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.resources.time_codecs import instant_or_none
from target_activecampaign.undo.comparable_values import is_same
from target_activecampaign.undo.journal_tables import SENT, UNDONE, Entry

if TYPE_CHECKING:
    from target_activecampaign.undo.comparable_values import RecordValues, Same

#: Seconds by which the account's clock and a time in a response may differ.
CLOCK_MARGIN_SECONDS = 2.0
CHANGED_SINCE = "changed since"
UNKNOWN_ORIGIN = "not known whether the run or another client did this"


class Decision(enum.Enum):
    """What an undo does with a value."""

    RESTORE = "put back"
    UNCHANGED = "as before the run"
    CHANGED = "changed since"
    KEEP = "cannot be undone"
    #: The run entered the contact into an automation: end the enrolment if it is active.
    END_IF_ACTIVE = "ended, or not active any more"
    ALREADY_UNDONE = "undone before"


@dataclass(frozen=True)
class ValueDecision:
    """The decision on an entry; ``reason`` explains a value that is not put back."""

    entry: Entry
    decision: Decision
    reason: str = ""


def decide(
    entry: Entry,
    present: RecordValues,
    later: list[Entry],
    same: Same = is_same,
) -> ValueDecision:
    """Decide on a value that is not undone yet.

    ``later`` are the entries of later runs for its part, oldest first.
    """
    part, current = entry.part.name, present.get(entry.part.name)
    if same(part, current, entry.before):
        return ValueDecision(entry, Decision.UNCHANGED)
    changed = [
        other
        for other in later
        if other.state != UNDONE and not same(part, other.before, other.after)
    ]
    if changed:
        last = changed[-1]
        is_of_last = any(same(part, current, value) for value in last.written)
        reason = f"{CHANGED_SINCE}: run {last.run} has it" if is_of_last else CHANGED_SINCE
        return ValueDecision(entry, Decision.CHANGED, reason)
    if any(same(part, current, value) for value in entry.written):
        return ValueDecision(entry, Decision.RESTORE)
    return ValueDecision(entry, Decision.CHANGED, CHANGED_SINCE)


def decide_secondary_contact(entry: Entry, *, is_present: bool) -> ValueDecision:
    """Decide on a secondary contact that the run added to a deal.

    The deal did not have the contact before the request. If ActiveCampaign refused a duplicate,
    another client or the run's first attempt may have added the contact.
    """
    if not is_present:
        return ValueDecision(entry, Decision.UNCHANGED)
    if entry.state == SENT and entry.mark.get("is_duplicate"):
        return ValueDecision(entry, Decision.KEEP, UNKNOWN_ORIGIN)
    return ValueDecision(entry, Decision.RESTORE)


def is_before(at: Any, since: float | None) -> bool:
    """Return whether a time of the account is certainly before the account's clock ``since``."""
    seconds = seconds_of(at)
    return seconds is not None and since is not None and seconds < since - CLOCK_MARGIN_SECONDS


def seconds_of(text: Any) -> float | None:
    """Return a time of the account in seconds since the epoch, None for any other text."""
    instant = instant_or_none(text)
    return None if instant is None else instant.timestamp()
