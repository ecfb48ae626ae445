"""The thread pool: one thread runs at a time, all jobs are done, the first error is raised."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_activecampaign_unified.client import ConnectionFailed, SystemClock
from target_activecampaign.concurrency.cooperative_pool import (
    LONG_SLEEP_SECONDS,
    CooperativePool,
    ReleasingClock,
)
from tests.tap.client.clients import few_threads
from tests.target.seeded import SeededPool

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS = 20


def taken(most: int = 8) -> CooperativePool:
    """Return a pool whose lock this thread holds."""
    pool = CooperativePool(most)
    pool.acquire()
    return pool


def test_with_one_thread_the_caller_does_all_jobs_in_order() -> None:
    """With one thread the caller does all jobs in order and no thread is started."""
    pool, seen = taken(1), []
    pool.each([lambda n=n: seen.append((n, threading.get_ident())) for n in range(5)])
    with pool.group() as group:
        group.do(lambda: seen.append((5, threading.get_ident())))
    assert seen == [(n, threading.get_ident()) for n in range(6)]


def test_jobs_that_wait_are_under_way_together_and_those_that_run_are_not() -> None:
    """Three jobs wait for answers at the same time; between waits only one job runs."""
    pool, together = taken(), threading.Barrier(3, timeout=SECONDS)
    running: list[int] = []
    done: list[int] = []

    def job(number: int) -> None:
        running.append(number)
        assert running == [number]
        running.clear()
        with pool.released():
            together.wait()
        running.append(number)
        time.sleep(0.001)
        assert running == [number]
        running.clear()
        done.append(number)

    pool.each([lambda n=n: job(n) for n in range(9)])
    assert sorted(done) == list(range(9))


class MeetingClock(SystemClock):
    """A clock on which a sleep lasts until so many threads sleep."""

    def __init__(self, sleepers: int) -> None:
        self._together = threading.Barrier(sleepers, timeout=SECONDS)

    def sleep(self, seconds: float) -> None:
        """Wait for the other threads."""
        self._together.wait()


def test_jobs_that_sleep_for_seconds_hold_up_no_others() -> None:
    """Eight jobs sleep at the same time in a pool of three threads, as others take their place."""
    pool, done = taken(3), []
    clock = ReleasingClock(MeetingClock(8), pool)

    def job(number: int) -> None:
        clock.sleep(LONG_SLEEP_SECONDS)
        done.append(number)

    pool.each([lambda n=n: job(n) for n in range(16)])
    assert sorted(done) == list(range(16))


def test_after_long_sleeps_the_pool_has_its_threads_again() -> None:
    """Helpers that took the place of others end, so that no more jobs run at once than may."""
    pool, seen, most = taken(3), 0, 0
    clock = ReleasingClock(MeetingClock(8), pool)

    def short_job() -> None:
        nonlocal seen, most
        seen += 1
        most = max(most, seen)
        pool.yield_now()
        seen -= 1

    sleepers: list[Callable[[], None]] = [lambda: clock.sleep(LONG_SLEEP_SECONDS)] * 8
    pool.each([*sleepers, *[short_job] * 40])
    assert most <= 3


@given(seed=st.integers(0, 1000), most=st.integers(1, 9), jobs=st.integers(0, 12))
def test_every_job_is_done_once_and_no_more_run_at_once_than_may(
    seed: int, most: int, jobs: int
) -> None:
    """Every job of nested groups is done once, and never more than the limit run at once."""
    pool = SeededPool(most, seed)
    pool.acquire()
    done: list[tuple[int, int]] = []
    running = most_away = 0

    def inner(n: int, other: int) -> None:
        nonlocal running, most_away
        running += 1
        most_away = max(most_away, running)
        with pool.released():
            pass
        running -= 1
        done.append((n, other))

    def outer(job: int) -> None:
        pool.each([lambda n=n: inner(job, n) for n in range(3)])

    pool.each([lambda n=n: outer(n) for n in range(jobs)])
    assert sorted(done) == [(n, m) for n in range(jobs) for m in range(3)]
    assert most_away <= most


@given(seed=st.integers(0, 1000), jobs=st.integers(1, 12))
def test_a_block_of_one_name_is_entered_by_one_thread(seed: int, jobs: int) -> None:
    """A named lock is re-entrant; its job runs once."""
    pool = SeededPool(8, seed)
    pool.acquire()
    made: list[str] = []

    def make(name: str) -> None:
        with pool.named_lock("made", name), pool.named_lock("made", name):
            if name not in made:
                with pool.released():
                    pass
                made.append(name)

    pool.each([lambda n=n: make(f"n{n % 3}") for n in range(jobs)])
    assert sorted(made) == [f"n{n}" for n in range(min(3, jobs))]


@pytest.mark.parametrize(
    "make", [lambda: CooperativePool(8), lambda: SeededPool(8, 3)], ids=["threads", "seeded"]
)
def test_the_first_error_is_raised_and_no_job_starts_after_it(
    make: Callable[[], CooperativePool],
) -> None:
    """After an error, jobs under way finish and no other job starts.

    A fatal error stops every thread before its next request.
    """
    pool = make()
    pool.acquire()
    begun, ended = [], []

    def job(number: int) -> None:
        begun.append(number)
        if number == 2:
            raise ConnectionFailed("gone")
        with pool.released():
            time.sleep(0.02)
        ended.append(number)

    with pytest.raises(ConnectionFailed):
        pool.each([lambda n=n: job(n) for n in range(50)])
    assert set(begun) == {*ended, 2}
    assert len(begun) < 50
    with pytest.raises(ConnectionFailed):
        pool.raise_if_ending()


def test_a_background_job_runs_while_the_caller_waits_and_is_waited_for_at_the_end() -> None:
    """`end` waits for background jobs, and no other thread runs after it."""
    pool, seen = taken(), []
    going = threading.Event()

    def job() -> None:
        with pool.released():
            going.wait(SECONDS)
        seen.append("done")

    pool.start(job)
    with pool.released():
        going.set()
    pool.end(KeyError())
    assert seen == ["done"]


def test_an_immediate_end_waits_for_no_thread() -> None:
    """After an immediate end, a thread that waits for an answer never runs again."""
    pool, seen = taken(), []
    hangs, came = threading.Event(), threading.Event()

    def job() -> None:
        with pool.released():
            came.set()
            hangs.wait(SECONDS)
        seen.append("came back")

    pool.start(job)
    with pool.released():
        assert came.wait(SECONDS)
    pool.stop_now()
    pool.end(KeyError())
    hangs.set()
    pool.release()
    time.sleep(0.05)
    assert seen == []


@pytest.mark.parametrize("given_", [0, 1, 3])
def test_without_further_threads_the_caller_does_all_jobs(
    given_: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If no thread can start, the existing threads or the caller do all jobs."""
    few_threads(monkeypatch, given_)
    pool = taken()
    done: list[int] = []

    def job(number: int) -> None:
        with pool.released():
            pass
        done.append(number)

    pool.start(lambda: job(0))
    pool.each([lambda n=n: job(n) for n in range(1, 9)])
    with pool.group() as group:
        for number in range(9, 20):
            group.do(lambda n=number: job(n))
    pool.end(RuntimeError())
    assert sorted(done) == list(range(20))
