"""The rate limit: at most so many requests in any rolling second, over all processes and stores."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_activecampaign_unified.client import FileBudgetStore, Limiter
from tap_activecampaign_unified.client.rate_limit.adaptive_budget import APART, EARLY, MARGIN
from tap_activecampaign_unified.client.rate_limit.file_store import rate_file_of
from tests.tap.client.clients import ManualClock
from tests.tap.client.rate_limit.departures import busiest
from tests.tap.client.rate_limit.timed_redis import ACCOUNTS, TimedRedis

GAP = APART * MARGIN / 5


class CrowdedClock(ManualClock):
    """A clock on which other processes send requests during a sleep, so some sleeps end late."""

    def __init__(self, choices: list[tuple[int, float]]) -> None:
        super().__init__()
        self.choices = choices
        self.limiters: list[Limiter] = []
        self.left: list[float] = []
        self.busy: set[int] = set()

    def sleep(self, seconds: float) -> None:
        until = self.monotonic() + seconds
        while self.choices:
            process, share = self.choices.pop()
            self.moments.advance(max(0.0, (until - self.monotonic()) * share))
            self.ask(process)
            if process % 2:
                break
        self.moments.advance(max(0.0, until - self.monotonic()))

    def ask(self, process: int) -> None:
        process %= len(self.limiters)
        if process in self.busy:  # of a process only one thread waits at a time
            return
        self.busy.add(process)
        limiter = self.limiters[process]
        limiter.acquire()
        # Connecting and sending take their time; what counts is when the bytes had left.
        self.moments.advance(0.3 * (process % 3))
        limiter.confirm_slot()
        self.moments.advance(0.01 * (process % 3))
        limiter.note_sent()
        self.left.append(self.monotonic())
        self.busy.discard(process)


@given(
    st.lists(st.tuples(st.integers(0, 7), st.floats(0, 1.5)), min_size=10, max_size=60),
    st.integers(1, 4),
    st.sampled_from([1, 2, 3, 5]),
)
def test_no_rolling_second_holds_more_than_the_rate(kept, choices, processes, rate):
    """No rolling second exceeds the rate.

    This holds however processes interleave, sleep, wake late or send slowly.
    """
    clock = CrowdedClock(list(choices))
    process = kept(clock)
    clock.limiters = [process(rate) for _ in range(processes)]
    for number, _ in choices:
        clock.ask(number)
    assert busiest(clock.left) <= rate
    assert clock.left


def test_a_process_that_wakes_late_checks_the_budget_again(kept, clock):
    """A request that overslept its slot does not permit five more in the same second."""
    limiter = kept(clock)()
    clock.oversleep = lambda: 0.9
    left = []
    for _ in range(30):
        limiter.acquire()
        left.append(clock.monotonic())
    assert busiest(left) <= 5


def test_the_first_five_leave_almost_at_once(kept, clock):
    """Five requests leave almost at once; the sixth waits for the window."""
    limiter, began = kept(clock)(), clock.monotonic()
    for _ in range(5):
        limiter.acquire()
    assert clock.monotonic() - began == pytest.approx(4 * GAP, abs=0.001)
    limiter.acquire()
    assert clock.monotonic() - began == pytest.approx(MARGIN, abs=0.001)


def test_a_long_run_comes_close_to_the_rate(kept, clock):
    """A long run reaches at least 97.5 percent of the rate."""
    limiter, started = kept(clock)(), clock.monotonic()
    for _ in range(500):
        limiter.acquire()
    assert 500 / (clock.monotonic() - started) == pytest.approx(5 / MARGIN, rel=0.02)


@pytest.mark.parametrize("rate", [0.2, 0.5, 1, 2.5, 4.9])
def test_a_fractional_rate_is_honoured(kept, clock, rate):
    """Over a minute no more requests leave than the rate allows, fractional rates included."""
    limiter, started, left = kept(clock)(rate), clock.monotonic(), []
    while clock.monotonic() - started < 60:
        limiter.acquire()
        left.append(clock.monotonic())
    assert len(left) <= rate * 60 + max(1, rate)
    assert busiest(left, 1 / rate) <= max(1, rate)


def test_two_processes_share_one_budget(kept, clock):
    """Each process counts the requests of the other."""
    process, began = kept(clock), clock.monotonic()
    processes = [process(), process()]
    for turn in range(10):
        processes[turn % 2].acquire()
    assert clock.monotonic() - began == pytest.approx(MARGIN + 4 * GAP, abs=0.001)


def test_different_shares_stay_within_the_smaller(kept, clock):
    """A process with a rate of three counts the other's requests and stays within three."""
    process, left = kept(clock), []
    three, two = process(3), process(2)
    for turn in range(20):
        (three, two)[turn % 2].acquire()
        left.append(clock.monotonic())
    assert busiest(left) <= 3


def test_accounts_do_not_share(kept, clock):
    """Each account has its own budget."""
    began = clock.monotonic()
    for _ in range(2):
        limiter = kept(clock)()
        for _ in range(5):
            limiter.acquire()
    assert clock.monotonic() - began == pytest.approx(8 * GAP, abs=0.001)


def test_a_request_counts_when_its_bytes_leave(kept, clock):
    """The limiter counts a request when its bytes leave, not when its slot was granted."""
    process = kept(clock)
    slow, other = process(1), process(1)
    slow.acquire()
    clock.sleep(0.2)
    slow.confirm_slot()
    slow.note_sent()
    left = clock.monotonic()
    other.acquire()
    assert clock.monotonic() - left == pytest.approx(MARGIN, abs=0.001)


def test_a_large_body_counts_from_when_it_may_have_arrived(kept, clock):
    """A body of 200 kB counts 0.2 seconds later, also for requests that already wait."""
    process = kept(clock)
    large, waiting, later = process(1), process(1), process(1)
    large.acquire()
    waiting._request.ticket = "waiting"
    planned = waiting._ask()
    large.note_sent(200_000)
    left = clock.monotonic()
    clock.sleep(planned)
    clock.sleep(waiting._ask())
    assert waiting._ask() < EARLY
    assert clock.monotonic() - left == pytest.approx(MARGIN + 0.2, abs=0.002)
    later.acquire()
    assert clock.monotonic() - left == pytest.approx(2 * MARGIN + 0.2, abs=0.002)


def test_a_process_that_connects_slowly_reserves_again(kept, clock):
    """A process whose connection took longer than its slot reserves a new slot."""
    process = kept(clock)
    slow, other = process(1), process(1)
    slow.acquire()
    clock.sleep(5)
    other.acquire()
    left = clock.monotonic()
    assert slow.confirm_slot()
    assert clock.monotonic() - left == pytest.approx(MARGIN, abs=0.001)


def test_without_a_rate_only_pauses_count(kept, clock):
    """With rate 0 only a pause delays requests."""
    limiter = kept(clock)(0)
    for _ in range(100):
        limiter.acquire()
    assert clock.slept == []
    limiter.refused(7)
    limiter.acquire()
    assert clock.slept == [pytest.approx(7, abs=0.001)]


def test_a_stopped_run_does_not_wait(kept, clock):
    """After the clock ends all sleeps, no thread waits for a slot or a pause."""
    limiter = kept(clock)()
    limiter.refused(500)
    clock.wake()
    started = clock.monotonic()
    for _ in range(20):
        limiter.acquire()
    assert clock.monotonic() == started


def test_waits_of_all_threads_are_summed(kept, clock):
    """The limiter reports the sum of the waits of all threads."""
    limiter = kept(clock)(1)
    for _ in range(3):
        limiter.acquire()
    assert limiter.waited == pytest.approx(2 * MARGIN, abs=0.001)


@given(st.integers(0, 10_000))
def test_file_and_redis_say_the_same(redis_url, tmp_path_factory, seed):
    """File and Redis return the same schedule for any operations in any order."""
    dice, clock = random.Random(seed), ManualClock()
    path = tmp_path_factory.mktemp("rate") / "rate.json"
    file = FileBudgetStore(clock, path)
    redis = TimedRedis(redis_url, f"account-{next(ACCOUNTS)}", clock, file)
    tickets, left = ["a"], clock.monotonic()
    for number in range(60):
        clock.moments.advance(dice.choice([0, 1, 1, 1, 3, 60]) * dice.uniform(0.01, 0.9))
        ticket = dice.choice([*tickets, f"t{number}"])
        tickets = [*tickets[-6:], ticket]
        operation = dice.choice(
            [
                *[("take", ticket, 5, MARGIN)] * 6,
                ("take", ticket, 1, 2.1),
                ("sent", ticket, dice.choice([0, 0, 0.1])),
                ("paused",),
                ("refused", left, dice.choice([0.5, 3, 9e9])),
                ("counted", left, 5, dice.randrange(6)),
            ]
        )
        now, found = file.do(*operation)
        near = (pytest.approx(now, abs=0.001), pytest.approx(found, abs=0.001))
        assert redis.do(*operation) == near
        left = now if operation[0] == "sent" else left


def test_the_file_is_in_the_users_state_folder(monkeypatch, tmp_path):
    """Each account has one file in XDG_STATE_HOME, whose name holds only safe characters."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert rate_file_of("acme") == tmp_path / "activecampaign" / "rate-acme.json"
    assert rate_file_of("a/b:9") == tmp_path / "activecampaign" / "rate-a_b_9.json"
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert rate_file_of("acme") == tmp_path / ".local/state/activecampaign/rate-acme.json"
