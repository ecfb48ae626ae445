"""Departures of requests under a budget: how many in a window, and how many per second."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tap_activecampaign_unified.client import Limiter
    from tests.tap.client.clients import ManualClock


def busiest(times: list[float], window: float = 1.0) -> int:
    """Return the largest number of departures in any rolling window."""
    times = sorted(times)
    return max((sum(start <= t < start + window for t in times) for start in times), default=0)


def rate_over(limiter: Limiter, clock: ManualClock, seconds: float) -> float:
    """Return the requests per second over a time."""
    began, count = clock.monotonic(), 0
    while clock.monotonic() - began < seconds:
        limiter.acquire()
        count += 1
    return count / (clock.monotonic() - began)
