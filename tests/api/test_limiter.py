"""The budget: so many requests in any rolling second, whoever asks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_activecampaign_unified.api import Limiter, default_store
from tests.api.lab import LabClock


def busiest(times: list[float], window: float = 1.0) -> int:
    """Return the most departures in any rolling window."""
    times = sorted(times)
    return max((sum(start <= t < start + window for t in times) for start in times), default=0)


class CrowdedClock(LabClock):
    """While one sleeps, others come and ask; so some wake later than they wanted."""

    def __init__(self, choices: list[tuple[int, float]]) -> None:
        super().__init__()
        self.choices = choices
        self.limiters: list[Limiter] = []
        self.left: list[float] = []

    def sleep(self, seconds: float) -> None:
        until = self.monotonic() + seconds
        while self.choices:
            who, share = self.choices.pop()
            self.moments.advance(max(0.0, (until - self.monotonic()) * share))
            self.ask(who)
            if who % 2:
                break
        self.moments.advance(max(0.0, until - self.monotonic()))

    def ask(self, who: int) -> None:
        self.limiters[who % len(self.limiters)].acquire()
        self.left.append(self.monotonic())


@given(
    st.lists(st.tuples(st.integers(0, 7), st.floats(0, 1.5)), min_size=10, max_size=60),
    st.integers(1, 4),
    st.sampled_from([1, 2, 3, 5]),
)
def test_no_rolling_second_holds_more_than_the_rate(tmp_path_factory, choices, processes, rate):
    """However several limiters on one file take turns, sleep and wake late."""
    clock = CrowdedClock(list(choices))
    store = tmp_path_factory.mktemp("rate") / "rate.json"
    clock.limiters = [Limiter(rate, clock, store) for _ in range(processes)]
    for who, _ in choices:
        clock.ask(who)
    assert busiest(clock.left) <= rate
    assert len(clock.left) >= len(choices)


def test_one_who_wakes_late_looks_again(clock, tmp_path):
    """A sixth request that overslept does not let five more follow it in the same second."""
    limiter = Limiter(5, clock, tmp_path / "rate.json")
    clock.oversleep = lambda: 0.9
    left = []
    for _ in range(30):
        limiter.acquire()
        left.append(clock.monotonic())
    assert busiest(left) <= 5


def test_the_first_five_do_not_wait(clock):
    """A burst as large as the rate leaves at once; only the sixth waits."""
    limiter = Limiter(5, clock)
    for _ in range(5):
        limiter.acquire()
    assert clock.slept == []
    limiter.acquire()
    assert clock.slept == [pytest.approx(1.06)]


def test_a_long_run_comes_close_to_the_rate(clock):
    """The margin costs five per cent, no more."""
    limiter, started = Limiter(5, clock), clock.monotonic()
    for _ in range(500):
        limiter.acquire()
    assert 500 / (clock.monotonic() - started) == pytest.approx(5 / 1.06, rel=0.02)


@pytest.mark.parametrize("rate", [0.2, 0.5, 1, 2.5, 4.9])
def test_a_fraction_of_a_request_is_honoured(clock, rate):
    """Over a minute no more leave than the rate allows, whole number or not."""
    limiter, started, left = Limiter(rate, clock), clock.monotonic(), []
    while clock.monotonic() - started < 60:
        limiter.acquire()
        left.append(clock.monotonic())
    assert len(left) <= rate * 60 + max(1, rate)
    assert busiest(left, 1 / rate) <= max(1, rate)


def test_two_processes_share_one_budget(clock, tmp_path):
    """Limiters on the same file count each other's requests."""
    both = [Limiter(5, clock, tmp_path / "rate.json") for _ in range(2)]
    for turn in range(10):
        both[turn % 2].acquire()
    assert sum(clock.slept) == pytest.approx(1.06)


def test_different_shares_on_one_file_stay_within_the_smaller(clock, tmp_path):
    """Who asked for three a second sees the other's requests and holds back."""
    store, left = tmp_path / "rate.json", []
    three, two = Limiter(3, clock, store), Limiter(2, clock, store)
    for turn in range(20):
        (three, two)[turn % 2].acquire()
        left.append(clock.monotonic())
    assert busiest(left) <= 3


def test_accounts_do_not_share(clock, tmp_path):
    """Another account's file is another budget."""
    for name in ("a.json", "b.json"):
        limiter = Limiter(5, clock, tmp_path / name)
        for _ in range(5):
            limiter.acquire()
    assert clock.slept == []


def test_a_pause_reaches_every_process(clock, tmp_path):
    """Whoever asks after one was throttled waits as long as the server said."""
    one, other = (Limiter(5, clock, tmp_path / "rate.json") for _ in range(2))
    one.pause(30)
    other.acquire()
    assert clock.slept == [pytest.approx(30)]


def test_a_pause_called_while_others_sleep_holds_them_back(clock, tmp_path):
    """A slot reserved before the pause is void."""
    one, other = (Limiter(1, clock, tmp_path / "rate.json") for _ in range(2))
    one.acquire()
    started = clock.monotonic()
    clock.oversleep = lambda: other.pause(10) or 0.0 if len(clock.slept) == 1 else 0.0
    one.acquire()
    assert clock.monotonic() - started >= 10


def test_the_longer_of_two_pauses_counts(clock):
    """A short pause does not shorten a long one."""
    limiter = Limiter(5, clock)
    limiter.pause(30)
    limiter.pause(1)
    limiter.acquire()
    assert clock.slept == [pytest.approx(30)]


def test_without_a_rate_only_pauses_count(clock):
    """Rate 0 lets everything through at once, but not during a pause."""
    limiter = Limiter(0, clock)
    for _ in range(1000):
        limiter.acquire()
    assert clock.slept == []
    limiter.pause(7)
    limiter.acquire()
    assert clock.slept == [pytest.approx(7)]


def test_a_stopped_run_is_not_held(clock):
    """When sleeps are ended, nobody keeps waiting for a slot or a pause."""
    limiter = Limiter(5, clock)
    limiter.pause(500)
    clock.wake()
    started = clock.monotonic()
    for _ in range(20):
        limiter.acquire()
    assert clock.monotonic() == started


def test_what_was_waited_is_told(clock):
    """The seconds spent waiting are summed for the summary."""
    limiter = Limiter(1, clock)
    for _ in range(3):
        limiter.acquire()
    assert limiter.waited == pytest.approx(2.12)


def test_the_file_lies_in_the_users_state_folder(monkeypatch, tmp_path):
    """One file per account, under XDG_STATE_HOME, without characters a path may not hold."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert default_store("acme") == tmp_path / "activecampaign" / "rate-acme.json"
    assert default_store("a/b:9") == tmp_path / "activecampaign" / "rate-a_b_9.json"
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_store("acme") == tmp_path / ".local/state/activecampaign/rate-acme.json"
