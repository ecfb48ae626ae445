"""The account's limits: requests in any rolling second, and the importer's own."""

from __future__ import annotations

import json
from bisect import bisect_right, insort
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any


@dataclass(slots=True)
class Arrival:
    """One request in the log; the status is None if the answer was lost."""

    time: datetime
    method: str
    path: str
    query: list[tuple[str, str]]
    caller: str = ""  # its User-Agent
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def host(self) -> str:
        """The host of the request, which may differ after a redirect."""
        return next((v for k, v in self.headers.items() if k.lower() == "host"), "")

    @property
    def endpoint(self) -> str:
        """The endpoint without ids."""
        parts = ["{id}" if part.isdecimal() else part for part in self.path.split("/")[3:]]
        return f"{self.method} /{'/'.join(parts)}"

    @property
    def is_refused(self) -> bool:
        """Whether it was refused for the rate limit."""
        return self.status in (429, 503)

    @property
    def document(self) -> Any:
        """The JSON body, or None."""
        return json.loads(self.body) if self.body else None


class RollingWindow:
    """At most `most` arrivals within any `seconds`; refused arrivals do not count.

    Threads may call in another order than their requests arrived: the moments are kept in order.
    """

    def __init__(self, most: float, seconds: float) -> None:
        """Start without requests; a `most` of 0 means no limit."""
        self.most = most
        self.span = timedelta(seconds=seconds)
        self.kept: list[datetime] = []

    def admits(self, moment: datetime) -> bool:
        """Record an arrival, or return False if it exceeds the limit."""
        if not self.most:
            return True
        del self.kept[: bisect_right(self.kept, moment - self.span)]
        if len(self.kept) >= self.most:
            return False
        insort(self.kept, moment)
        return True

    @property
    def remaining(self) -> int:
        """Return how many more are permitted right after the last arrival."""
        return max(0, int(self.most) - len(self.kept))


_SECOND = timedelta(seconds=1)


def busiest_second(log: list[Arrival]) -> int:
    """Return the largest number of arrivals in any half-open rolling second."""
    times = sorted(arrival.time for arrival in log)
    worst = first = 0
    for last, moment in enumerate(times):
        while moment - times[first] >= _SECOND:
            first += 1
        worst = max(worst, last - first + 1)
    return worst


def part_of(
    log: list[Arrival], since: float = 0, after: float = 0, until: float = 0
) -> list[Arrival]:
    """Return the arrivals without the first `since`, between the moments `after` and `until`.

    Moments are seconds since 1970; 0 is no bound.
    """
    return [
        arrival
        for arrival in log[int(since) :]
        if after <= arrival.time.timestamp() <= (until or float("inf"))
    ]


def log_rows(log: list[Arrival]) -> list[tuple[float, str, str, int | None]]:
    """Return moment, caller, endpoint and status of each arrival, in order of arrival."""
    return sorted((a.time.timestamp(), a.caller, a.endpoint, a.status) for a in log)


def pace(log: list[Arrival]) -> dict[str, Any]:
    """Count requests and refusals; return the times of the first and the last, and the distance."""
    times = [arrival.time.timestamp() for arrival in log]
    return {
        "requests": len(log),
        "throttled": sum(arrival.is_refused for arrival in log),
        "busiest_second": busiest_second(log),
        "first": min(times, default=None),
        "last": max(times, default=None),
    }


def log_summary(log: list[Arrival]) -> dict[str, Any]:
    """Count all requests, by caller and by endpoint, and how the limit was kept."""
    callers: dict[str, list[Arrival]] = defaultdict(list)
    endpoints: dict[str, list[Arrival]] = defaultdict(list)
    for arrival in log:
        callers[arrival.caller].append(arrival)
        endpoints[arrival.endpoint].append(arrival)
    return {
        **pace(log),
        "by_endpoint": {name: len(endpoints[name]) for name in sorted(endpoints)},
        "by_status": dict(Counter(str(arrival.status) for arrival in log)),
        "callers": {name: pace(callers[name]) for name in sorted(callers)},
        "endpoints": {name: pace(endpoints[name]) for name in sorted(endpoints)},
    }
