"""Cooperative threads: one runs at a time, and another runs only while it waits.

The running thread holds a lock. It releases the lock only while it waits for a response, for the
rate limit or for a time. Code between two waits therefore needs no locks of its own.
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

# Background tasks are few and long; they have threads of their own.
MAX_TASKS = 3
# Seconds: long enough for another thread to acquire the lock.
YIELD_SECONDS = 0.001


class JobGroup:
    """Jobs started in order, several of them at once. After the first exception no more start."""

    def __init__(self, pool: CooperativePool) -> None:
        self._pool = pool
        self._left: deque[Job] = deque()
        self.helpers = 0
        self.problem: BaseException | None = None

    def do(self, job: Job) -> None:
        """Start a job at once: in a helper thread, or in this one when none is free.

        Raises the first exception of any job so far.
        """
        self._left.append(job)
        if not self._pool.start_helpers(self, self.helpers + 1):
            self._work_off()
        if self.problem is not None:
            raise self.problem

    def _work_off(self) -> None:
        """Do the remaining jobs beside the helpers; keep an exception."""
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
        """Start no more jobs; an exception that ends the run ends the other threads too."""
        self.problem = self.problem or problem
        if isinstance(problem, FatalError) or not isinstance(problem, Exception):
            self._pool.fail(problem)

    def close(self) -> None:
        """Wait until every job is done; raise the first exception."""
        self._work_off()
        self._pool.wait_until(lambda: not self.helpers)
        if self.problem is not None:
            raise self.problem


class CooperativePool:
    """Runs one of at most ``most`` threads at a time, the caller's included.

    With one, the caller does everything in order. The thread that first acquires the lock is the
    main thread: only it continues after `end`.
    """

    def __init__(self, most: int = 1) -> None:
        self.most = most
        self.max_tasks = min(MAX_TASKS, (most - 1) // 2)
        self._most_helpers = most - 1 - self.max_tasks
        #: The exception that ended the work of all threads; None while they may continue.
        self.problem: BaseException | None = None
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._mine = threading.local()
        # One entry per thread that waits for the lock; threads append and pop without it.
        self._queued: list[None] = []
        self._names: dict[Hashable, int] = {}
        self._helpers = self._tasks = 0
        self._is_hurried = self._is_over = False

    # --- the lock ---------------------------------------------------------------------------

    @property
    def is_mine(self) -> bool:
        """Whether this thread holds the lock."""
        return getattr(self._mine, "holds", False)

    def acquire(self) -> None:
        """Wait for the lock, unless this thread has it."""
        if not self.is_mine:
            self._acquire()
            self._mine.holds = True

    def release(self) -> None:
        """Release the lock, if this thread has it."""
        if self.is_mine and not self._is_over:
            self._mine.holds = False
            self._release()

    def _acquire(self) -> None:
        self._queued.append(None)
        try:
            self._lock.acquire()
        finally:
            self._queued.pop()

    def _release(self) -> None:
        with contextlib.suppress(RuntimeError):  # a second signal interrupted the acquiring
            self._lock.release()

    @contextlib.contextmanager
    def released(self) -> Iterator[None]:
        """Let other threads run during the block; without the lock, do nothing."""
        if not self.is_mine:
            yield
            return
        self.release()
        try:
            yield
        finally:
            self.acquire()

    def yield_now(self) -> None:
        """Let waiting threads run; for loops that take seconds without a wait."""
        if self._queued:
            with self.released():
                time.sleep(YIELD_SECONDS)

    def wait_until(self, is_so: Callable[[], bool]) -> None:
        """Let other threads run until ``is_so`` returns true; checked after each `notify`."""
        while not is_so():
            if self._is_hurried and not getattr(self._mine, "is_helper", False):
                return
            self._changed.wait()

    def notify(self) -> None:
        """Make all threads check their conditions again."""
        if self.most > 1:
            self._changed.notify_all()

    @contextlib.contextmanager
    def named_lock(self, *name: Hashable) -> Iterator[None]:
        """Lock a name; the same thread may lock it again."""
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
        """Return a group of concurrent jobs; the block ends when all are done."""
        group = JobGroup(self)
        try:
            yield group
        except BaseException as problem:  # noqa: BLE001 - raised again by `close`
            group.fail(problem)
        group.close()

    def each(self, jobs: Iterable[Job]) -> None:
        """Do jobs concurrently, started in order; raise the first exception."""
        if self.most == 1:
            for job in jobs:
                job()
            return
        group = JobGroup(self)
        group._left.extend(jobs)  # noqa: SLF001 - the caller works too, from the first on
        group.close()

    def start(self, job: Job) -> None:
        """Do a job in the background, or here where the machine starts no thread.

        The caller checks that fewer than `max_tasks` are running.
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
        """Start helper threads for a group; return whether it has as many as wanted."""
        while group.helpers < wanted and self._helpers < self._most_helpers:
            if not self._spawn(lambda: self._help(group)):
                self._most_helpers = self._helpers
                break
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
            logger.warning("%s: writing continues with the existing threads", problem)
            return False
        return True

    # --- the end ----------------------------------------------------------------------------

    def fail(self, problem: BaseException) -> None:
        """Make every thread raise this exception before its next request."""
        self.problem = self.problem or problem

    def raise_if_ending(self) -> None:
        """Raise the exception that ended the work of all threads; called before every request."""
        if self.problem is not None:
            raise self.problem

    def stop_now(self) -> None:
        """Wait for no other thread any more; for signal handlers that end the run at once."""
        self._is_hurried = True

    def end(self, problem: BaseException) -> None:
        """Keep the lock forever, once the other threads have ended; they send no more requests.

        After `stop_now` it does not wait for them: they never run again.
        """
        self.acquire()
        self.problem = self.problem or problem
        try:
            self.wait_until(lambda: not self._helpers and not self._tasks)
        finally:
            self._is_over = True


class ReleasingClock:
    """A clock that releases the pool's lock during a sleep."""

    def __init__(self, clock: Clock, pool: CooperativePool) -> None:
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
