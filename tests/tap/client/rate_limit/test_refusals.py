"""After refusals, and when other programs use the budget, the limiter waits and lowers its rate."""

from __future__ import annotations

import pytest

from tap_activecampaign_unified.client.rate_limit.adaptive_budget import (
    GROWTH_PER_SECOND,
    MARGIN,
    MIN_SHARE,
)
from tests.tap.client.rate_limit.departures import rate_over


def test_a_refusal_reaches_every_process(kept, clock):
    """After a 429, every process waits as long as Retry-After says."""
    process, began = kept(clock), clock.monotonic()
    first, other = process(), process()
    first.acquire()
    first.refused(30)
    other.acquire()
    assert clock.monotonic() - began == pytest.approx(30, abs=0.001)


def test_a_pause_voids_reserved_slots(kept, clock):
    """A pause voids the slots that other processes have reserved."""
    process = kept(clock)
    first, other = process(1), process(1)
    first.acquire()
    started = clock.monotonic()
    clock.oversleep = lambda: other.refused(10) or 0.0 if len(clock.slept) == 1 else 0.0
    first.acquire()
    assert clock.monotonic() - started >= 10


def test_the_longer_of_two_pauses_counts(kept, clock):
    """A short pause does not shorten a longer pause."""
    limiter, began = kept(clock)(), clock.monotonic()
    limiter.refused(30)
    limiter.refused(1)
    limiter.acquire()
    assert clock.monotonic() - began == pytest.approx(30, abs=0.001)


def test_after_a_refusal_the_rate_falls_at_once_and_comes_back_gently(kept, clock):
    """After a 429 the limiter lowers the rate at once, and raises it step by step."""
    limiter = kept(clock)()
    full = rate_over(limiter, clock, 20)
    limiter.refused(1)
    limiter.acquire()
    low = rate_over(limiter, clock, 2)
    middle = rate_over(limiter, clock, 4)
    clock.sleep(1 / GROWTH_PER_SECOND)
    assert low < 0.8 * full
    assert low < middle < 0.95 * full
    assert rate_over(limiter, clock, 20) == pytest.approx(full, rel=0.03)


def test_one_burst_of_refusals_is_one_reason_to_slow_down(kept, clock):
    """Refusals of requests that left before the rate fell do not lower it again."""
    process = kept(clock)
    limiters = [process() for _ in range(5)]
    for limiter in limiters:
        limiter.acquire()
    for limiter in limiters:
        limiter.refused(0.1)
    assert rate_over(limiters[0], clock, 6) > 0.6 * 5 / MARGIN


def test_the_rate_never_falls_below_one_request_a_second(kept, clock):
    """The rate never falls below one request per second."""
    limiter = kept(clock)()
    for _ in range(30):
        limiter.acquire()
        limiter.refused(0)
    assert rate_over(limiter, clock, 5) >= 0.8 * MIN_SHARE * 5


def test_requests_of_other_programs_reduce_the_rate(kept, clock):
    """If the server counts four of five requests and one is ours, others have three of the five."""
    limiter = kept(clock)()
    limiter.acquire()
    limiter.counted(5, 4)
    limiter.counted(5, 1)
    assert rate_over(limiter, clock, 2) < 0.6 * 5


@pytest.mark.parametrize("remaining", range(5))
def test_a_count_that_never_changes_is_no_count(kept, clock, remaining):
    """A server count that never changes does not lower the rate."""
    limiter, began = kept(clock)(), clock.monotonic()
    for _ in range(60):
        limiter.acquire()
        limiter.counted(5, remaining)
    assert 60 / (clock.monotonic() - began) > 0.95 * 5 / MARGIN


@pytest.mark.parametrize("remaining", [0, 1])
def test_own_requests_do_not_lower_the_rate(kept, clock, remaining):
    """Own requests in the server's count do not lower the rate."""
    limiter = kept(clock)()
    limiter.acquire()
    limiter.counted(5, 4)
    for _ in range(4):
        limiter.acquire()
    limiter.counted(5, remaining)
    assert rate_over(limiter, clock, 20) == pytest.approx(5 / MARGIN, rel=0.05)
