"""Counts of requests, for the summary of a run and its report."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .clock import Clock

BUCKET_SECONDS = 2
# Twelve minutes in buckets of two seconds. A longer run has fewer, wider buckets.
MAX_BUCKETS = 360


class RequestStats:
    """Requests by endpoint and status, retries and faults by cause, seconds waited.

    ``waited``: seconds that all requests together waited for the rate limit. ``paused``: seconds
    waited after a 429, or a 503 with ``Retry-After``. ``backed_off``: seconds between other
    attempts. ``reported_limit``: the account's rate limit and its remainder in the server's last
    report, None without a report. Thread-safe.
    """

    def __init__(self, clock: Clock) -> None:
        self._lock = threading.Lock()
        self._clock = clock
        self.began_at = clock.now()
        self._began = clock.monotonic()
        self.waited = 0.0
        self.paused = 0.0
        self.backed_off = 0.0
        self.reported_limit: tuple[int, int] | None = None
        self._calls: Counter[tuple[str, str]] = Counter()
        self.retries: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.bucket_seconds = BUCKET_SECONDS
        self._requests_over_time: list[int] = []
        self._faults_over_time: list[int] = []

    def moment(self) -> float:
        """Return the seconds since the run began."""
        return max(0.0, self._clock.monotonic() - self._began)

    def count(self, call: str, status: str, sent_at: float | None = None) -> None:
        """Count a request by method and endpoint, and by the status of its response.

        ``sent_at`` is the `moment` of sending (default: now). The rate limit applies to sending;
        responses arrive in bursts.
        """
        with self._lock:
            self._calls[call, status] += 1
            self._note_moment(self._requests_over_time, sent_at)

    def note_fault(self, fault: str) -> None:
        """Count an attempt without a usable response."""
        with self._lock:
            self.faults[fault] += 1
            self._note_moment(self._faults_over_time)

    def note_retry(self, cause: str, slept: float) -> None:
        """Count a retry, and the seconds slept before it."""
        with self._lock:
            self.retries[cause] += 1
            self.backed_off += slept

    @property
    def requests(self) -> int:
        """The number of all requests."""
        with self._lock:
            return self._calls.total()

    @property
    def reads(self) -> int:
        """The number of GET requests."""
        with self._lock:
            calls = self._calls.items()
            return sum(count for (call, _), count in calls if call.startswith("GET "))

    @property
    def repeats(self) -> int:
        """The number of retries."""
        with self._lock:
            return self.retries.total()

    @property
    def frequent_faults(self) -> list[tuple[str, int]]:
        """The faults and how often each occurred, the most frequent first."""
        with self._lock:
            return self.faults.most_common()

    @property
    def by_status(self) -> Counter[str]:
        """The requests by status, or by exception if there was no response."""
        counts: Counter[str] = Counter()
        with self._lock:
            for (_, status), count in self._calls.items():
                counts[status] += count
        return counts

    def _note_moment(self, series: list[int], seconds: float | None = None) -> None:
        """Add 1 to a series at a `moment` (default: now). Widen the buckets if necessary."""
        if seconds is None:
            seconds = self.moment()
        while seconds >= self.bucket_seconds * MAX_BUCKETS:
            self.bucket_seconds *= 2
            for counts in (self._requests_over_time, self._faults_over_time):
                counts[:] = [sum(counts[at : at + 2]) for at in range(0, len(counts), 2)]
        bucket = int(seconds // self.bucket_seconds)
        series.extend([0] * (bucket + 1 - len(series)))
        series[bucket] += 1

    def document(self) -> dict[str, Any]:
        """Return the counts as a JSON document."""
        endpoints: dict[str, dict[str, int]] = {}
        for (call, status), count in sorted(self._calls.items()):
            endpoints.setdefault(call, {})[status] = count
        series = (self._requests_over_time, self._faults_over_time)
        buckets = max(map(len, series))
        over_time = [counts + [0] * (buckets - len(counts)) for counts in series]
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
