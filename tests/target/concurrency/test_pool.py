"""Threads that take turns: one runs at a time, all jobs are done, the first problem is told."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_activecampaign_unified.client import Unreachable
from target_activecampaign.concurrency.pool import Turns
from tests.tap.client.lab import few_threads
from tests.target.seeded import SeededTurns

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS = 20


def taken(most: int = 8) -> Turns:
    """Return turns whose baton this thread has."""
    turns = Turns(most)
    turns.take()
    return turns


def test_with_one_everything_is_done_in_order_by_the_caller() -> None:
    """No thread is started."""
    turns, seen = taken(1), []
    turns.each([lambda n=n: seen.append((n, threading.get_ident())) for n in range(5)])
    with turns.group() as group:
        group.do(lambda: seen.append((5, threading.get_ident())))
    assert seen == [(n, threading.get_ident()) for n in range(6)]


def test_jobs_that_wait_are_under_way_together_and_those_that_run_are_not() -> None:
    """Three meet while they are away; between two waits nobody else runs."""
    turns, together = taken(), threading.Barrier(3, timeout=SECONDS)
    running: list[int] = []
    done: list[int] = []

    def job(number: int) -> None:
        running.append(number)
        assert running == [number]
        running.clear()
        with turns.away():
            together.wait()
        running.append(number)
        time.sleep(0.001)
        assert running == [number]
        running.clear()
        done.append(number)

    turns.each([lambda n=n: job(n) for n in range(9)])
    assert sorted(done) == list(range(9))


@given(seed=st.integers(0, 1000), most=st.integers(1, 9), jobs=st.integers(0, 12))
def test_every_job_is_done_once_and_no_more_run_at_once_than_may(
    seed: int, most: int, jobs: int
) -> None:
    """Groups within groups too, whatever the order."""
    turns = SeededTurns(most, seed)
    turns.take()
    done: list[tuple[int, int]] = []
    away = most_away = 0

    def inner(one: int, other: int) -> None:
        nonlocal away, most_away
        away += 1
        most_away = max(most_away, away)
        with turns.away():
            pass
        away -= 1
        done.append((one, other))

    def outer(one: int) -> None:
        turns.each([lambda n=n: inner(one, n) for n in range(3)])

    turns.each([lambda n=n: outer(n) for n in range(jobs)])
    assert sorted(done) == [(n, m) for n in range(jobs) for m in range(3)]
    assert most_away <= most


@given(seed=st.integers(0, 1000), jobs=st.integers(1, 12))
def test_a_block_of_one_name_is_entered_by_one_thread(seed: int, jobs: int) -> None:
    """Also by the same again; what it made is made once."""
    turns = SeededTurns(8, seed)
    turns.take()
    made: list[str] = []

    def make(name: str) -> None:
        with turns.alone("made", name), turns.alone("made", name):
            if name not in made:
                with turns.away():
                    pass
                made.append(name)

    turns.each([lambda n=n: make(f"n{n % 3}") for n in range(jobs)])
    assert sorted(made) == [f"n{n}" for n in range(min(3, jobs))]


@pytest.mark.parametrize(
    "make", [lambda: Turns(8), lambda: SeededTurns(8, 3)], ids=["threads", "seeded"]
)
def test_the_first_problem_is_told_and_nothing_more_is_begun(make: Callable[[], Turns]) -> None:
    """Jobs under way are finished; what no request survives keeps all threads from the next one."""
    turns = make()
    turns.take()
    begun, ended = [], []

    def job(number: int) -> None:
        begun.append(number)
        if number == 2:
            raise Unreachable("gone")
        with turns.away():
            time.sleep(0.02)
        ended.append(number)

    with pytest.raises(Unreachable):
        turns.each([lambda n=n: job(n) for n in range(50)])
    assert set(begun) == {*ended, 2}
    assert len(begun) < 50
    with pytest.raises(Unreachable):
        turns.raise_if_ending()


def test_a_background_job_runs_while_the_caller_waits_and_is_waited_for_at_the_end() -> None:
    """After `end` no other thread runs any more."""
    turns, seen = taken(), []
    going = threading.Event()

    def job() -> None:
        with turns.away():
            going.wait(SECONDS)
        seen.append("done")

    turns.start(job)
    with turns.away():
        going.set()
    turns.end(KeyError())
    assert seen == ["done"]


def test_in_a_hurry_nobody_is_waited_for_and_nobody_comes_back() -> None:
    """A thread whose answer hangs never runs again: what the main one does then is its own."""
    turns, seen = taken(), []
    hangs, came = threading.Event(), threading.Event()

    def job() -> None:
        with turns.away():
            came.set()
            hangs.wait(SECONDS)
        seen.append("came back")

    turns.start(job)
    with turns.away():
        assert came.wait(SECONDS)
    turns.hurry()
    turns.end(KeyError())
    hangs.set()
    turns.leave()
    time.sleep(0.05)
    assert seen == []


@pytest.mark.parametrize("given_", [0, 1, 3])
def test_where_the_machine_gives_no_thread_all_is_done(
    given_: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With those there are, or by the caller: jobs of a group, single ones and those behind."""
    few_threads(monkeypatch, given_)
    turns = taken()
    done: list[int] = []

    def job(number: int) -> None:
        with turns.away():
            pass
        done.append(number)

    turns.start(lambda: job(0))
    turns.each([lambda n=n: job(n) for n in range(1, 9)])
    with turns.group() as group:
        for number in range(9, 20):
            group.do(lambda n=number: job(n))
    turns.end(RuntimeError())
    assert sorted(done) == list(range(20))
