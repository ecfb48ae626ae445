"""The rate limit under any interleaving of processes: it holds, and every process makes progress.

Processes are threads of which one runs at a time. The test draws which process runs next, how late
it wakes, where it is delayed and when it is killed. The file between them is a real file.
"""

from __future__ import annotations

import heapq
import itertools
import threading
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tap_activecampaign_unified.client import FileBudgetStore, Limiter
from tap_activecampaign_unified.client.rate_limit.adaptive_budget import FARTHEST, MARGIN
from tests import length

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

# The delay between departure and arrival that the limiter allows for.
JITTER = 0.025


class Killed(BaseException):
    """The process is killed."""


class Machine:
    """A clock and processes of which one runs at a time: the process that is due first."""

    def __init__(self) -> None:
        """Start the machine."""
        self.uptime = 5000.0
        self._agenda: list[tuple[float, int, threading.Semaphore]] = []
        self._numbers = itertools.count()
        self._over = threading.Semaphore(0)
        self._left = 0

    def start(self, process: Callable[[], None], at: float) -> None:
        """Start a process at a moment of the uptime."""
        turn = threading.Semaphore(0)

        def run() -> None:
            turn.acquire()
            try:
                process()
            except Killed:
                pass
            finally:
                self._left -= 1
                self._switch_to()

        self._left += 1
        heapq.heappush(self._agenda, (at, next(self._numbers), turn))
        threading.Thread(target=run, daemon=True).start()

    def run(self) -> None:
        """Run all processes to their end."""
        self._switch_to()
        self._over.acquire()

    def wait(self, seconds: float) -> None:
        """Let others run until this moment."""
        turn = threading.Semaphore(0)
        moment = (self.uptime + max(0.0, seconds), next(self._numbers), turn)
        heapq.heappush(self._agenda, moment)
        self._switch_to()
        turn.acquire()

    def _switch_to(self) -> None:
        if not self._agenda:
            self._over.release()
            return
        moment, _, whose = heapq.heappop(self._agenda)
        self.uptime = max(self.uptime, moment)
        whose.release()


class ProcessClock:
    """The machine's clock for one process: some of its sleeps end late."""

    def __init__(self, machine: Machine, late: list[float]) -> None:
        """Store how late each of the first sleeps ends."""
        self._machine = machine
        self._late = itertools.chain(late, itertools.repeat(0.0))

    def now(self) -> Any:
        """Return no time: the limiter does not use the time of day."""
        raise AssertionError("the time of day may jump")

    def monotonic(self) -> float:
        """Return the uptime."""
        return self._machine.uptime

    def boot(self) -> str:
        """Return the name of the machine's only start."""
        return "the only start"

    def sleep(self, seconds: float) -> None:
        """Let others run."""
        self._machine.wait(seconds + next(self._late))


# Mostly short, sometimes a stalled machine, once a laptop that was closed over night.
LATE = st.lists(
    st.floats(0, 0.02) | st.floats(0, 0.4) | st.sampled_from([0.0, 1.0, 3.7, 40_000.0]), max_size=12
)


def mostly_none(delays: st.SearchStrategy[float]) -> st.SearchStrategy[list[float]]:
    """Return the delay of each step: none for most processes."""
    return st.sampled_from([[], [0.0]]) | st.lists(delays, max_size=4)


PROCESS = st.fixed_dictionaries(
    {
        "at": st.just(0.0) | st.floats(0, 3),
        "requests": st.integers(1, 20),
        "late": st.just([]) | LATE,
        # Delays between a request's slot and its bytes: connecting, a slow disk, a busy processor.
        "held_up": mostly_none(st.floats(0, 0.2) | st.sampled_from([0.6, 5.0])),
        "sending": mostly_none(st.floats(0, 0.02)),
        "rest": mostly_none(st.floats(0, 0.3)),
        "dies_at": st.none() | st.integers(0, 20),
        "refused": st.none() | st.tuples(st.integers(0, 10), st.floats(0, 9)),
    }
)


class Sender:
    """One process that reserves, is delayed, sends and is answered.

    It may be killed at any step.
    """

    def __init__(self, machine: Machine, path: Path, drawn: dict[str, Any]) -> None:
        """Store what the test drew for it."""
        self.machine, self.drawn = machine, drawn
        clock = ProcessClock(machine, drawn["late"])
        self.limiter = Limiter(5, clock, FileBudgetStore(clock, path))
        self.left: list[float] = []
        self.waited: list[float] = []
        self._steps = itertools.count()

    def _step(self) -> None:
        if next(self._steps) == self.drawn["dies_at"]:
            raise Killed

    def __call__(self) -> None:
        """Send all its requests."""
        held, sending, rest = (
            itertools.cycle(self.drawn[name] or [0.0]) for name in ("held_up", "sending", "rest")
        )
        refused = self.drawn["refused"] or (-1, 0.0)
        for number in range(self.drawn["requests"]):
            began = self.machine.uptime
            self.limiter.acquire()
            self._step()
            self.waited.append(self.machine.uptime - began)
            self.machine.wait(next(held))
            self.limiter.confirm_slot()
            self._step()
            self.machine.wait(next(sending))
            self.left.append(self.machine.uptime)
            self.limiter.note_sent()
            self._step()
            if number == refused[0]:
                self.limiter.refused(refused[1])
            self.machine.wait(next(rest))


def most_in_a_second(arrivals: list[float]) -> int:
    """Return the most arrivals in any rolling second."""
    arrivals = sorted(arrivals)
    return max(
        (sum(start <= arrival < start + 1.0 for arrival in arrivals[at : at + 9]))
        for at, start in enumerate(arrivals)
    )


@settings(
    max_examples=length.of(120, 3000),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    drawn=st.lists(PROCESS, min_size=1, max_size=5),
    jitter=st.lists(st.floats(0, JITTER), min_size=1, max_size=7),
)
def test_no_second_exceeds_the_limit_and_every_process_sends(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[dict[str, Any]], jitter: list[float]
) -> None:
    """Any processes keep the limit, however late they wake and wherever they are delayed or killed.

    The server sees at most five requests in any rolling second, with bytes up to 25 ms under way.
    Every living process sends all its requests. It waits for a slot no longer than all pauses, its
    own late wakings and one turn of each other process.
    """
    machine, path = Machine(), tmp_path_factory.mktemp("rate") / "rate.json"
    senders = [Sender(machine, path, drawing) for drawing in drawn]
    for sender in senders:
        machine.start(sender, machine.uptime + sender.drawn["at"])
    machine.run()
    late = itertools.cycle(jitter)
    arrivals = [moment + next(late) for sender in senders for moment in sender.left]
    if arrivals:
        assert most_in_a_second(arrivals) <= 5
    pauses = sum(drawing["refused"][1] for drawing in drawn if drawing["refused"])
    for sender in senders:
        if sender.drawn["dies_at"] is None:
            assert len(sender.left) == sender.drawn["requests"]
        # After a refusal one request a second leaves, which is the longest turn.
        turns = (len(senders) + 2) * 2 * MARGIN
        assert max(sender.waited, default=0.0) <= pauses + sum(sender.drawn["late"]) + turns


@given(
    before=st.floats(0, 1e7),
    uptime=st.floats(0, 2e3),
    pause=st.floats(0, 1e6),
    count=st.integers(1, 7),
)
def test_a_restarted_machine_waits_no_longer_than_any_pause(
    tmp_path_factory: pytest.TempPathFactory, before: float, uptime: float, pause: float, count: int
) -> None:
    """A file from an earlier uptime delays no request for longer than ten minutes."""
    path = tmp_path_factory.mktemp("rate") / "rate.json"
    machine = Machine()
    machine.uptime = before
    clock = ProcessClock(machine, [])
    limiter = Limiter(5, clock, FileBudgetStore(clock, path))
    sent: list[float] = []

    def burst() -> None:
        for _ in range(count):
            limiter.acquire()
            limiter.note_sent()
            sent.append(machine.uptime)
        limiter.refused(pause)

    machine.start(burst, before)
    machine.run()
    machine.uptime = uptime
    machine.start(burst, uptime)
    machine.run()
    assert sent[count] - uptime <= 2 * FARTHEST + 2 * MARGIN
