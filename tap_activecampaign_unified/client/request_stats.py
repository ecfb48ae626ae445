"""What went over the line, counted: for the summary of a run and its report."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .clock import Clock

BUCKET_SECONDS = 2
# Twelve minutes in buckets of two seconds; a longer run has fewer, wider ones.
MOST_BUCKETS = 360


class RequestStats:
    """Requests by endpoint and status, repeats and faults by what happened, seconds waited.

    ``waited`` are the seconds that requests waited for the account's budget, all together, and
    ``paused`` those that a 429, or a 503 with ``Retry-After``, made them wait; ``backed_off`` is
    what lay between the attempts otherwise. ``counted`` is the limit and the remainder that the
    server told last, None where it tells none. Any thread may count.
    """

    def __init__(self, clock: Clock) -> None:
        """Begin now, with nothing."""
        self._lock = threading.Lock()
        self._clock = clock
        self.began_at = clock.now()
        self._began = clock.monotonic()
        self.waited = 0.0
        self.paused = 0.0
        self.backed_off = 0.0
        self.counted: tuple[int, int] | None = None
        self._calls: Counter[tuple[str, str]] = Counter()
        self.retries: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.bucket_seconds = BUCKET_SECONDS
        self._requests_over_time: list[int] = []
        self._faults_over_time: list[int] = []

    def moment(self) -> float:
        """Return the seconds since the beginning."""
        return max(0.0, self._clock.monotonic() - self._began)

    def count(self, call: str, status: str, left: float | None = None) -> None:
        """Count a request by its verb and endpoint, and by what came back.

        ``left`` is the `moment` at which it left (now): the budget holds for that, and answers
        come in heaps.
        """
        with self._lock:
            self._calls[call, status] += 1
            self._note_moment(self._requests_over_time, left)

    def note_fault(self, what: str) -> None:
        """Count an answer that was none, or not the one that was asked for."""
        with self._lock:
            self.faults[what] += 1
            self._note_moment(self._faults_over_time)

    def note_retry(self, why: str, slept: float) -> None:
        """Count a call that is sent again, and the seconds that were slept before."""
        with self._lock:
            self.retries[why] += 1
            self.backed_off += slept

    @property
    def requests(self) -> int:
        """All requests."""
        with self._lock:
            return self._calls.total()

    @property
    def reads(self) -> int:
        """The requests that change nothing."""
        with self._lock:
            calls = self._calls.items()
            return sum(count for (call, _), count in calls if call.startswith("GET "))

    @property
    def repeats(self) -> int:
        """The requests that were sent again."""
        with self._lock:
            return self.retries.total()

    @property
    def troubles(self) -> list[tuple[str, int]]:
        """What was met, and how often, the most frequent first."""
        with self._lock:
            return self.faults.most_common()

    @property
    def by_endpoint(self) -> Counter[str]:
        """Return the requests by verb and endpoint."""
        return self._by(0)

    @property
    def by_status(self) -> Counter[str]:
        """Return the requests by status, or by the kind of failure where there was no answer."""
        return self._by(1)

    def _by(self, part: int) -> Counter[str]:
        found: Counter[str] = Counter()
        with self._lock:
            for names, count in self._calls.items():
                found[names[part]] += count
        return found

    def _note_moment(self, series: list[int], seconds: float | None = None) -> None:
        """Add one to a series (now), and make the buckets wider when they are many."""
        if seconds is None:
            seconds = self.moment()
        while seconds >= self.bucket_seconds * MOST_BUCKETS:
            self.bucket_seconds *= 2
            for one in (self._requests_over_time, self._faults_over_time):
                one[:] = [sum(one[at : at + 2]) for at in range(0, len(one), 2)]
        place = int(seconds // self.bucket_seconds)
        series.extend([0] * (place + 1 - len(series)))
        series[place] += 1

    def document(self) -> dict[str, Any]:
        """Return all of it as JSON."""
        endpoints: dict[str, dict[str, int]] = {}
        for (call, status), count in sorted(self._calls.items()):
            endpoints.setdefault(call, {})[status] = count
        series = (self._requests_over_time, self._faults_over_time)
        buckets = max(map(len, series))
        over_time = [one + [0] * (buckets - len(one)) for one in series]
        return {
            "requests": self.requests,
            "repeats": self.repeats,
            "by_endpoint": endpoints,
            "by_status": dict(sorted(self.by_status.items())),
            "retries": dict(self.retries.most_common()),
            "faults": dict(self.faults.most_common()),
            "seconds_waited": {
                "for_the_budget": round(self.waited, 1),
                "asked_for_by_the_server": round(self.paused, 1),
                "between_attempts": round(self.backed_off, 1),
            },
            "over_time": {
                "began_at": self.began_at.isoformat(),
                "bucket_seconds": self.bucket_seconds,
                "requests": over_time[0],
                "faults": over_time[1],
            },
        }
