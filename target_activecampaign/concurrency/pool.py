"""Threads that take turns: one runs at a time, and another goes on only while it waits.

Whoever runs holds the baton. It is handed over while an answer, the account's budget or a moment
is waited for, and never in between: code between two waits sees nobody else, and needs no locks.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from tap_activecampaign_unified.client.errors import FatalError

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Hashable, Iterable, Iterator

    from tap_activecampaign_unified.client.clock import Clock

    Job = Callable[[], None]

logger = logging.getLogger(__name__)

# What is begun in the background is little and lives long: it has places of its own.
MOST_TASKS = 3
# Long enough for another thread to take the baton.
BREATH = 0.001


class JobGroup:
    """Jobs that belong together: begun in their order, several under way at once.

    The first problem of any of them keeps the rest from being begun.
    """

    def __init__(self, pool: CooperativePool) -> None:
        """Begin without a job."""
        self._pool = pool
        self._left: deque[Job] = deque()
        self.helpers = 0
        self.problem: BaseException | None = None

    def do(self, job: Job) -> None:
        """Have a job begun at once: by a helper, or by the caller when none is free.

        Raises the first problem of any job so far.
        """
        self._left.append(job)
        if not self._pool.start_helpers(self, self.helpers + 1):
            self._work_off()
        if self.problem is not None:
            raise self.problem

    def _work_off(self) -> None:
        """Do what is left, beside the helpers; a problem is kept."""
        try:
            self.work()
        except BaseException as problem:  # noqa: BLE001 - raised again by `close`
            self.fail(problem)

    def work(self) -> None:
        """Do jobs until none is left."""
        while self._left and self.problem is None:
            job = self._left.popleft()
            self._pool.start_helpers(self, len(self._left))
            job()

    def fail(self, problem: BaseException) -> None:
        """Begin nothing more; what no request can survive ends every other thread's work too."""
        self.problem = self.problem or problem
        if isinstance(problem, FatalError) or not isinstance(problem, Exception):
            self._pool.fail(problem)

    def close(self) -> None:
        """Wait until every job is done; raises the first problem."""
        self._work_off()
        self._pool.wait_until(lambda: not self.helpers)
        if self.problem is not None:
            raise self.problem


class CooperativePool:
    """Hands the baton from thread to thread; at most ``most`` of them, the caller's included.

    With one, everything is done by the caller, in order. The thread that first takes the baton is
    the main one: it alone outlives `end`.
    """

    def __init__(self, most: int = 1) -> None:
        """Begin with nobody running."""
        self.most = most
        self.most_tasks = min(MOST_TASKS, (most - 1) // 2)
        self._most_helpers = most - 1 - self.most_tasks
        #: What ended the work of all threads, None while they may go on.
        self.problem: BaseException | None = None
        self._baton = threading.RLock()
        self._changed = threading.Condition(self._baton)
        self._mine = threading.local()
        # As long as how many wait for the baton; threads may append and pop without it.
        self._comers: list[None] = []
        self._names: dict[Hashable, int] = {}
        self._helpers = self._tasks = 0
        self._is_hurried = self._is_over = False

    # --- the baton --------------------------------------------------------------------------

    @property
    def is_mine(self) -> bool:
        """Whether this thread holds the baton."""
        return getattr(self._mine, "holds", False)

    def acquire(self) -> None:
        """Wait for the baton, unless this thread has it."""
        if not self.is_mine:
            self._acquire()
            self._mine.holds = True

    def release(self) -> None:
        """Hand the baton over, if this thread has it."""
        if self.is_mine and not self._is_over:
            self._mine.holds = False
            self._release()

    def _acquire(self) -> None:
        self._comers.append(None)
        try:
            self._baton.acquire()
        finally:
            self._comers.pop()

    def _release(self) -> None:
        with contextlib.suppress(RuntimeError):  # a second signal kept it from being taken
            self._baton.release()

    @contextlib.contextmanager
    def released(self) -> Iterator[None]:
        """Let others run for the time of the block; for a thread without the baton, nothing."""
        if not self.is_mine:
            yield
            return
        self.release()
        try:
            yield
        finally:
            self.acquire()

    def yield_now(self) -> None:
        """Let others run if any wait: for work that takes seconds and waits for nothing itself."""
        if self._comers:
            with self.released():
                time.sleep(BREATH)

    def wait_until(self, is_so: Callable[[], bool]) -> None:
        """Let others run until ``is_so``; it is asked again after each `tell`."""
        while not is_so():
            if self._is_hurried and not getattr(self._mine, "is_helper", False):
                return
            self._changed.wait()

    def notify(self) -> None:
        """Have everybody look again at what they wait for."""
        if self.most > 1:
            self._changed.notify_all()

    @contextlib.contextmanager
    def named_lock(self, *name: Hashable) -> Iterator[None]:
        """Let no other thread into a block of this name; the same thread may enter it again."""
        me = threading.get_ident()
        if self._names.get(name) == me:
            yield
            return
        self.wait_until(lambda: name not in self._names)
        self._names[name] = me
        try:
            yield
        finally:
            self._names.pop(name, None)
            self.notify()

    # --- work -------------------------------------------------------------------------------

    @contextlib.contextmanager
    def group(self) -> Iterator[JobGroup]:
        """Gather jobs that are done side by side; the block ends when all are done."""
        group = JobGroup(self)
        try:
            yield group
        except BaseException as problem:  # noqa: BLE001 - raised again by `close`
            group.fail(problem)
        group.close()

    def each(self, jobs: Iterable[Job]) -> None:
        """Do jobs side by side, begun in their order; raises the first problem of any."""
        if self.most == 1:
            for job in jobs:
                job()
            return
        group = JobGroup(self)
        group._left.extend(jobs)  # noqa: SLF001 - the caller works too, from the first on
        group.close()

    def start(self, job: Job) -> None:
        """Do a job in the background; whoever starts one sees to it that there is a place.

        Where the machine gives no thread for it, it is done here and now.
        """
        self._tasks += 1

        def run() -> None:
            try:
                job()
            except BaseException as problem:  # noqa: BLE001 - raised again by `raise_if_ending`
                self.fail(problem)
            finally:
                self._tasks -= 1
                self.notify()

        if not self._spawn(run):
            run()

    def start_helpers(self, group: JobGroup, wanted: int) -> bool:
        """Find helpers for a group, so many in all; False when there are not so many."""
        while group.helpers < wanted and self._helpers < self._most_helpers:
            if not self._spawn(lambda: self._help(group)):
                self._most_helpers = self._helpers
                break
            # It waits for the baton, which is here.
            group.helpers += 1
            self._helpers += 1
        return group.helpers >= wanted

    def _help(self, group: JobGroup) -> None:
        try:
            group.work()
        except BaseException as problem:  # noqa: BLE001 - raised again where the group ends
            group.fail(problem)
        finally:
            group.helpers -= 1
            self._helpers -= 1
            self.notify()

    def _spawn(self, run: Job) -> bool:
        def body() -> None:
            self._mine.is_helper = True
            self.acquire()
            try:
                run()
            finally:
                self.release()

        try:
            threading.Thread(target=body, daemon=True).start()
        except RuntimeError as problem:
            logger.warning("%s: writing goes on with those there are", problem)
            return False
        return True

    # --- the end ----------------------------------------------------------------------------

    def fail(self, problem: BaseException) -> None:
        """Have every thread end before its next request, with this problem."""
        self.problem = self.problem or problem

    def raise_if_ending(self) -> None:
        """Raise what ended the work of all threads: called before every request."""
        if self.problem is not None:
            raise self.problem

    def stop_now(self) -> None:
        """Wait for nobody any more: for signal handlers that end the run at once."""
        self._is_hurried = True

    def end(self, problem: BaseException) -> None:
        """Keep the baton for good, once every other thread came to its end.

        They make no further request. Those that are in a hurry are not waited for: they never run
        again.
        """
        self.acquire()
        self.problem = self.problem or problem
        try:
            self.wait_until(lambda: not self._helpers and not self._tasks)
        finally:
            self._is_over = True


class ReleasingClock:
    """A clock whose sleepers let others run meanwhile."""

    def __init__(self, clock: Clock, pool: CooperativePool) -> None:
        """Take the clock that is slept by."""
        self._clock, self._pool = clock, pool

    def now(self) -> dt.datetime:
        """Return the time of day, aware, in UTC."""
        return self._clock.now()

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        return self._clock.monotonic()

    def boot(self) -> str | None:
        """Return what names the machine's current start, None where nothing does."""
        return self._clock.boot()

    def sleep(self, seconds: float) -> None:
        """Return after ``seconds``, or at once when the run is being stopped."""
        with self._pool.released():
            self._clock.sleep(seconds)
