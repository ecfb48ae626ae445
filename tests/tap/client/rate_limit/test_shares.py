"""Processes that use one budget get equal shares of it."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

import pytest

from tap_activecampaign_unified.client.rate_limit.adaptive_budget import MARGIN

if TYPE_CHECKING:
    from tap_activecampaign_unified.client import Limiter
    from tests.tap.client.clients import ManualClock


class Process:
    """One process at the store.

    Its waiting thread reserves a slot, and another slot after it sent.
    """

    def __init__(self, limiter: Limiter, rest: float) -> None:
        self.limiter, self.rest, self.left, self.waited = limiter, rest, 0, 0.0
        self.asked_at = 0.0

    def ask(self, clock: ManualClock) -> float:
        """Return the time of its slot, or the current time if its request left."""
        self.asked_at = self.asked_at or clock.monotonic()
        self.limiter._request.ticket = f"{id(self)}-{self.left}"
        seconds = self.limiter._ask()
        if seconds >= 0.001:
            return clock.monotonic() + seconds
        self.limiter.note_sent()
        self.left += 1
        self.waited = max(self.waited, clock.monotonic() - self.asked_at)
        self.asked_at = 0.0
        return clock.monotonic() + self.rest


def compete(clock: ManualClock, processes: list[Process], seconds: float) -> None:
    """Let processes use the budget for some time, each returning when its slot has come."""
    until = clock.monotonic() + seconds
    agenda = [(clock.monotonic(), number) for number in range(len(processes))]
    while clock.monotonic() < until:
        moment, number = heapq.heappop(agenda)
        clock.moments.advance(max(0.0, moment - clock.monotonic()))
        heapq.heappush(agenda, (processes[number].ask(clock), number))


@pytest.mark.parametrize("count", [2, 3, 5])
def test_busy_processes_get_equal_shares(kept, clock, count):
    """Processes that always have requests to send get equal shares of the whole budget."""
    process = kept(clock)
    crowd = [Process(process(), 0.0) for _ in range(count)]
    compete(clock, crowd, 120)
    shares = [caller.left / 120 for caller in crowd]
    assert sum(shares) == pytest.approx(5 / MARGIN, rel=0.03)
    assert min(shares) >= 0.9 * max(shares)


def test_an_occasional_request_waits_no_longer_than_its_turn(kept, clock):
    """A tap with thousands of pages delays a target's occasional request by one turn at most."""
    process = kept(clock)
    greedy, modest = Process(process(), 0.0), Process(process(), 0.9)
    compete(clock, [greedy, modest], 120)
    assert modest.left >= 120 / (0.9 + 0.7)
    assert modest.waited < MARGIN
