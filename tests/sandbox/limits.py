"""The account's budget: requests in any rolling second, and the importer's own limits."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any


@dataclass(slots=True)
class Arrival:
    """One request as the log keeps it; the status is None when the answer was lost."""

    time: datetime
    method: str
    path: str
    query: list[tuple[str, str]]
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def host(self) -> str:
        """The host it was sent to, which a redirect may have made another."""
        return next((v for k, v in self.headers.items() if k.lower() == "host"), "")

    @property
    def document(self) -> Any:
        """The JSON it carried, or None."""
        return json.loads(self.body) if self.body else None


class RollingWindow:
    """At most `most` arrivals within any `seconds`; refused arrivals do not count."""

    def __init__(self, most: float, seconds: float) -> None:
        """Start empty; a `most` of 0 means no limit."""
        self.most = most
        self.span = timedelta(seconds=seconds)
        self.kept: deque[datetime] = deque()

    def admits(self, moment: datetime) -> bool:
        """Take an arrival in, or say that it is one too many."""
        if not self.most:
            return True
        while self.kept and moment - self.kept[0] >= self.span:
            self.kept.popleft()
        if len(self.kept) >= self.most:
            return False
        self.kept.append(moment)
        return True

    @property
    def remaining(self) -> int:
        """Say how many more fit right after the last arrival."""
        return max(0, int(self.most) - len(self.kept))


_SECOND = timedelta(seconds=1)


def busiest_second(log: list[Arrival]) -> int:
    """Give the most arrivals that any half-open rolling second holds."""
    times = sorted(arrival.time for arrival in log)
    worst = first = 0
    for last, moment in enumerate(times):
        while moment - times[first] >= _SECOND:
            first += 1
        worst = max(worst, last - first + 1)
    return worst


def log_summary(log: list[Arrival]) -> dict[str, Any]:
    """Count requests, by method and endpoint, and how the limit was kept."""
    by_endpoint: dict[str, int] = {}
    for arrival in log:
        parts = ["{id}" if part.isdecimal() else part for part in arrival.path.split("/")[3:]]
        key = f"{arrival.method} /{'/'.join(parts)}"
        by_endpoint[key] = by_endpoint.get(key, 0) + 1
    return {
        "requests": len(log),
        "by_endpoint": dict(sorted(by_endpoint.items())),
        "throttled": sum(arrival.status in (429, 503) for arrival in log),
        "busiest_second": busiest_second(log),
    }
