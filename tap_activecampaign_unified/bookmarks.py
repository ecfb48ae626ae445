"""Bookmarks: they decide which rows are new, and where the next run begins.

A bookmark is never later than the server's date of the first page that the run read. The tap reads
the rows in the overlap before it again, because ActiveCampaign filters by day, in an unknown time
zone. `unchanged_rows.py` decides which of these rows the tap emits again. `full_sweeps.py` decides
when the tap reads a stream in full again.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .full_sweeps import NO_SWEEPS, SweepPolicy
from .unchanged_rows import END_OF_TIME, EmittedRows

if TYPE_CHECKING:
    from collections.abc import Callable

Entry = dict[str, Any]

# Time zones reach from 14 hours ahead of UTC to 12 hours behind UTC.
ZONE_SLACK = dt.timedelta(hours=14)
MIN_OVERLAP = dt.timedelta(hours=24)
# The largest difference of clocks. A later time cannot come from a run on this account.
CLOCK_SLACK = dt.timedelta(minutes=5)
# An earlier time in a state counts as this one, so that an overlap before it is in the calendar.
FIRST_TIME = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
# A larger count of requests cannot come from a run.
MAX_REQUESTS = 10**12


class InvalidState(ValueError):
    """A state that the tap cannot have written. The message names the place of the error."""


@dataclass(frozen=True)
class BookmarkPolicy:
    """The settings of bookmarks: the range of time, the overlap, and the policy of full sweeps."""

    start: dt.datetime | None = None
    end: dt.datetime | None = None
    lookback: dt.timedelta = MIN_OVERLAP
    sweep: SweepPolicy = NO_SWEEPS


@dataclass(frozen=True)
class RowChange:
    """The times of a row's last change.

    ``stated`` is the value of its replication key, or of the next time column if the replication
    key has no readable time. ``latest`` is the latest time of all these columns.
    """

    stated: dt.datetime | None
    latest: dt.datetime | None


def read_bookmarks(state: Entry, now: dt.datetime) -> Entry:
    """Return a state's bookmarks by stream. Raises `InvalidState` for an invalid bookmark."""
    if state and "bookmarks" not in state:
        raise InvalidState("it has no bookmarks; pass the value of a STATE message")
    bookmarks = state.get("bookmarks", {})
    if not isinstance(bookmarks, dict):
        raise InvalidState("bookmarks must be an object; delete it to start again")
    for name, entry in bookmarks.items():
        try:
            Bookmark(entry, BookmarkPolicy(), now, "")
        except (InvalidState, TypeError) as problem:
            line = f"bookmark {name}: {problem}; delete it to read that stream again"
            raise InvalidState(line) from None
    return bookmarks


class Bookmark:
    """The bookmark of one stream. It reads the state entry, and returns the next entry.

    The names in the entry stay as they are, so that states of earlier versions can be read. There,
    a full read is `whole`, and the position of an interrupted read is `progress`.
    """

    def __init__(self, entry: Entry, policy: BookmarkPolicy, now: dt.datetime, key: str) -> None:
        """Read the entry. ``now`` decides whether a full read is due. Raises `InvalidState`."""
        if not isinstance(entry, dict):
            raise InvalidState("it is not an object")
        self._policy = policy
        self._key = key
        self.value = _moment(entry.get("replication_key_value"), "replication_key_value")
        self.full_read_at = _moment(entry.get("read_whole_at"), "read_whole_at")
        try:
            self._emitted = EmittedRows(entry.get("fingerprints"))
        except ValueError as problem:
            raise InvalidState(str(problem)) from None
        self.saved_position = _position_of(entry.get("progress"))
        self.sweep_requests = _count(entry.get("sweep_requests"), "sweep_requests")
        last_sweep = self.full_read_at or self.value
        self.is_full_read = self.value is None or policy.sweep.is_due(
            last_sweep, self.sweep_requests, now
        )
        self.started: dt.datetime | None = None
        self._next = END_OF_TIME

    def moments_ahead(self, now: dt.datetime) -> list[str]:
        """Return the names of the entry's values that are later than now plus `CLOCK_SLACK`."""
        started = _moment(self.saved_position["started"], "") if self.saved_position else None
        moments = {
            "replication_key_value": self.value,
            "read_whole_at": self.full_read_at,
            "progress": started,
        }
        return [name for name, moment in moments.items() if moment and moment > now + CLOCK_SLACK]

    def discard_future(self, now: dt.datetime) -> None:
        """Set future times to now and read the stream in full."""
        if not self.moments_ahead(now):
            return
        self.value = min(self.value, now) if self.value else None
        self.full_read_at = min(self.full_read_at, now) if self.full_read_at else None
        self.saved_position, self.is_full_read = None, True

    @property
    def since(self) -> dt.datetime | None:
        """The earliest change that this run emits, None for all rows."""
        if self.is_full_read or self.value is None:
            return self._policy.start
        since = self.value - self._policy.lookback
        return max(since, self._policy.start) if self._policy.start else since

    @property
    def filter_since(self) -> dt.date | None:
        """The day for the server's filter, None for all rows.

        It is at least 38 hours before the bookmark: 24 of overlap and 14 for the time zone.
        """
        if self.is_full_read or self.value is None:
            start = self._policy.start
            return (start - MIN_OVERLAP - ZONE_SLACK).date() if start else None
        overlap = max(self._policy.lookback, MIN_OVERLAP)
        day = (self.value - overlap - ZONE_SLACK).date()
        if self._policy.start:
            return max(day, (self._policy.start - MIN_OVERLAP - ZONE_SLACK).date())
        return day

    def set_read_date(self, started: dt.datetime) -> None:
        """Set when this read began: the server's date of the endpoint's first page.

        The next bookmark is not later.
        """
        self.started = started
        value = started - dt.timedelta(seconds=1)
        if self._policy.end:
            value = min(value, self._policy.end)
        if self.value:
            self.value = min(self.value, started)
            value = max(value, self.value)
        self._next = value.replace(microsecond=0)

    def note_and_decide(self, change: RowChange, fingerprint_of: Callable[[], bytes]) -> bool:
        """Return whether this run emits a row, and note its fingerprint for the next entry.

        It emits rows in its range of time that differ from their last version. Call it once for
        each row.
        """
        policy, since, changed = self._policy, self.since, change.latest
        if policy.end and change.stated and change.stated >= policy.end:
            return False
        if since is not None and changed is not None and changed < since:
            return False
        return self._emitted.note_and_decide(
            changed, self._next - policy.lookback, fingerprint_of, is_full_read=self.is_full_read
        )

    def resume(self, progress: Entry) -> None:
        """Continue an interrupted run, with the bounds that it began with."""
        self.is_full_read = bool(progress["whole"])
        self.set_read_date(_moment(progress["started"], "progress.started") or END_OF_TIME)

    @property
    def interrupted_requests(self) -> int:
        """The number of requests of the interrupted run that this run continues."""
        return int(self.saved_position.get("requests") or 0) if self.saved_position else 0

    def interim(self, after: int, requests: int) -> Entry:
        """Return the entry from which another run continues after the row with the id ``after``.

        ``requests`` is the number of requests of the read so far.
        """
        progress = {
            "after": after,
            "started": self.started.isoformat() if self.started else None,
            "whole": self.is_full_read,
            "requests": requests,
        }
        return {**self.unmoved(), "progress": progress}

    def unmoved(self) -> Entry:
        """Return the entry without a step forward: the earlier bookmark, and no `progress`.

        A bookmark in the future has been set back before.
        """
        entry: Entry = {"replication_key": self._key}
        if self.value:
            entry["replication_key_value"] = self.value.isoformat()
        if self.full_read_at:
            entry["read_whole_at"] = self.full_read_at.isoformat()
        if self.sweep_requests is not None:
            entry["sweep_requests"] = self.sweep_requests
        if fingerprints := self._emitted.pack_before():
            entry["fingerprints"] = fingerprints
        return entry

    def final(self, requests: int) -> Entry:
        """Return the entry after a complete read. ``requests`` is the number of its requests."""
        entry: Entry = {
            "replication_key": self._key,
            "replication_key_value": self._next.isoformat(),
        }
        # Without a known full read, the time to the next full read counts from the first bookmark.
        full_read_at = self.started if self.is_full_read else self.full_read_at or self.value
        if full_read_at and self._policy.sweep.is_on:
            entry["read_whole_at"] = full_read_at.isoformat()
            cost = requests if self.is_full_read else self.sweep_requests
            entry |= {} if cost is None else {"sweep_requests": cost}
        if fingerprints := self._emitted.pack():
            entry["fingerprints"] = fingerprints
        return entry


def _moment(text: Any, where: str) -> dt.datetime | None:
    if text is None:
        return None
    try:
        moment = dt.datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise InvalidState(f"{where} is not a date-time") from None
    return max(moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC), FIRST_TIME)


def _count(number: Any, where: str) -> int | None:
    if number is None:
        return None
    if isinstance(number, int) and not isinstance(number, bool) and 0 <= number <= MAX_REQUESTS:
        return number
    raise InvalidState(f"{where} is not a number of requests")


def _position_of(progress: Any) -> Entry | None:
    if progress is None:
        return None
    if not isinstance(progress, dict) or not isinstance(progress.get("after"), int):
        raise InvalidState("progress has no valid `after`, the id of the last row")
    if _moment(progress.get("started"), "progress.started") is None or "whole" not in progress:
        raise InvalidState("progress has no `started` or no `whole`")
    _count(progress.get("requests"), "progress.requests")
    return progress
