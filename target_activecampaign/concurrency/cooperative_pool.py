"""Cooperative threads: only one thread runs at a time; other threads run while it waits.

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

# Background tasks are few and long. Each has a thread of its own.
MAX_TASKS = 3
# Seconds: long enough for another thread to acquire the lock.
YIELD_SECONDS = 0.001
# During a sleep of at least so many seconds, another helper takes the place of the thread.
LONG_SLEEP_SECONDS = 1.0
# At most so many further helpers per helper, however many threads sleep.
MAX_REPLACED = 4


class JobGroup:
    """Jobs that start in order and run concurrently. After an exception no more jobs start."""

    def __init__(self, pool: CooperativePool) -> None:
        self._pool = pool
        self._pending: deque[Job] = deque()
        self.helpers = 0
        #: How many of its threads sleep for seconds.
        self.sleeping = 0
        self.problem: BaseException | None = None

    def do(self, job: Job) -> None:
        """Queue a job, and start a helper thread for it.

        If no helper can start, do the pending jobs in this thread. Raises the first exception of
        the jobs so far.
        """
        self._pending.append(job)
        if not self._pool.start_helpers(self, self.helpers + 1):
            self._work_off()
        if self.problem is not None:
            raise self.problem

    def _work_off(self) -> None:
        """Do pending jobs together with the helpers, and store an exception."""
        try:
            self.work()
        except BaseException as problem:  # noqa: BLE001 - raised again by `close`
            self.fail(problem)

    def work(self, *, may_leave: bool = False) -> None:
        """Do jobs until no job is pending. With ``may_leave``, end where enough others work."""
        with self._pool.working_for(self):
            while self._pending and self.problem is None:
                if may_leave and self._pool.has_too_many_helpers():
                    return
                job = self._pending.popleft()
                self.start_helpers()
                job()

    def start_helpers(self) -> None:
        """Start helpers for the pending jobs, as many as the pool may have."""
        self._pool.start_helpers(self, len(self._pending) + self.sleeping)

    def fail(self, problem: BaseException) -> None:
        """Start no more jobs. An exception that ends the run also ends the other threads."""
        self.problem = self.problem or problem
        if isinstance(problem, FatalError) or not isinstance(problem, Exception):
            self._pool.fail(problem)

    def close(self) -> None:
        """Wait until every job is done, then raise the first exception."""
        self._work_off()
        self._pool.wait_until(lambda: not self.helpers)
        if self.problem is not None:
            raise self.problem


class CooperativePool:
    """Runs one of at most ``max_threads`` threads at a time, including the caller's thread.

    If ``max_threads`` is 1, the caller does all jobs in order. Every thread that the pool did not
    start is a main thread. After `stop_now`, only a main thread stops waiting for other threads.
    The thread that calls `end` keeps the lock, so no other thread continues.
    """

    def __init__(self, max_threads: int = 1) -> None:
        self.max_threads = max_threads
        self.max_tasks = min(MAX_TASKS, (max_threads - 1) // 2)
        self._max_helpers = max_threads - 1 - self.max_tasks
        #: The exception that ended the work of all threads; None while they may continue.
        self.problem: BaseException | None = None
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._of_thread = threading.local()
        # An entry per thread that waits for the lock. Threads append and pop without the lock.
        self._queued: list[None] = []
        self._names: dict[Hashable, int] = {}
        self._helpers = self._tasks = self._sleeping = 0
        self._is_hurried = self._is_over = False

    # --- the lock ---------------------------------------------------------------------------

    @property
    def has_lock(self) -> bool:
        """Whether this thread holds the lock."""
        return getattr(self._of_thread, "has_lock", False)

    def acquire(self) -> None:
        """Wait for the lock, unless this thread holds it."""
        if not self.has_lock:
            self._acquire()
            self._of_thread.has_lock = True

    def release(self) -> None:
        """Release the lock if this thread holds it."""
        if self.has_lock and not self._is_over:
            self._of_thread.has_lock = False
            self._release()

    def _acquire(self) -> None:
        self._queued.append(None)
        try:
            self._lock.acquire()
        finally:
            self._queued.pop()

    def _release(self) -> None:
        with contextlib.suppress(RuntimeError):  # a second signal interrupted `acquire`
            self._lock.release()

    @contextlib.contextmanager
    def released(self) -> Iterator[None]:
        """Let other threads run during the block. Does nothing without the lock."""
        if not self.has_lock:
            yield
            return
        self.release()
        try:
            yield
        finally:
            self.acquire()

    @contextlib.contextmanager
    def sleeping(self) -> Iterator[None]:
        """Let other threads run during the block, and let another helper do this thread's work.

        So rows that wait for seconds do not hold up the others.
        """
        group: JobGroup | None = getattr(self._of_thread, "group", None)
        if not self.has_lock or group is None or self.max_threads == 1:
            with self.released():
                yield
            return
        self._sleeping += 1
        group.sleeping += 1
        group.start_helpers()
        try:
            with self.released():
                yield
        finally:
            self._sleeping -= 1
            group.sleeping -= 1

    def yield_now(self) -> None:
        """Let waiting threads run. Call this in loops that take seconds without a wait."""
        if self._queued:
            with self.released():
                time.sleep(YIELD_SECONDS)

    def wait_until(self, is_met: Callable[[], bool]) -> None:
        """Let other threads run until ``is_met`` returns true. Each `notify` repeats the check.

        After `stop_now`, return at once in a main thread.
        """
        while not is_met():
            if self._is_hurried and not getattr(self._of_thread, "is_helper", False):
                return
            self._changed.wait()

    def notify(self) -> None:
        """Make all threads check their conditions again. Without other threads, do nothing."""
        if self.max_threads > 1:
            self._changed.notify_all()

    @contextlib.contextmanager
    def named_lock(self, *name: Hashable) -> Iterator[None]:
        """Lock a name; the same thread may lock it again.

        After `stop_now`, a main thread takes a name that another thread has.
        """
        thread = threading.get_ident()
        if self._names.get(name) == thread:
            yield
            return
        self.wait_until(lambda: name not in self._names)
        self._names[name] = thread
        try:
            yield
        finally:
            self._names.pop(name, None)
            self.notify()

    # --- work -------------------------------------------------------------------------------

    @contextlib.contextmanager
    def group(self) -> Iterator[JobGroup]:
        """Return a group of concurrent jobs. The block ends when all jobs are done."""
        group = JobGroup(self)
        try:
            yield group
        except BaseException as problem:  # noqa: BLE001 - raised again by `close`
            group.fail(problem)
        group.close()

    def each(self, jobs: Iterable[Job]) -> None:
        """Do jobs concurrently, started in order. Raises the first exception."""
        if self.max_threads == 1:
            for job in jobs:
                job()
            return
        group = JobGroup(self)
        group._pending.extend(jobs)  # noqa: SLF001 - `close` then does jobs in this thread too
        group.close()

    def start(self, job: Job) -> None:
        """Do a job in the background, or in this thread if the machine starts no new thread.

        The caller checks that fewer than `max_tasks` background jobs are running.
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

    @contextlib.contextmanager
    def working_for(self, group: JobGroup) -> Iterator[None]:
        """Note that this thread does jobs of a group during the block."""
        before = getattr(self._of_thread, "group", None)
        self._of_thread.group = group
        try:
            yield
        finally:
            self._of_thread.group = before

    def _helpers_allowed(self) -> int:
        return self._max_helpers + min(self._sleeping, MAX_REPLACED * self.max_threads)

    def has_too_many_helpers(self) -> bool:
        """Return whether threads that slept have woken, so that one helper may end."""
        return self._helpers > self._helpers_allowed()

    def start_helpers(self, group: JobGroup, wanted: int) -> bool:
        """Start helper threads for a group; return whether it has as many as ``wanted``."""
        while group.helpers < wanted and self._helpers < self._helpers_allowed():
            if not self._spawn(lambda: self._help(group)):
                self._max_helpers = self._helpers
                break
            group.helpers += 1
            self._helpers += 1
        return group.helpers >= wanted

    def _help(self, group: JobGroup) -> None:
        try:
            group.work(may_leave=True)
        except BaseException as problem:  # noqa: BLE001 - raised again where the group ends
            group.fail(problem)
        finally:
            group.helpers -= 1
            self._helpers -= 1
            self.notify()

    def _spawn(self, run: Job) -> bool:
        def body() -> None:
            self._of_thread.is_helper = True
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
        """Raise the exception that ended the work of all threads. Called before every request."""
        if self.problem is not None:
            raise self.problem

    def stop_now(self) -> None:
        """Make main threads stop waiting for others, for a signal that ends the run at once."""
        self._is_hurried = True

    def end(self, problem: BaseException) -> None:
        """Wait until the other threads have ended, then keep the lock: `release` does nothing more.

        Meanwhile the other threads raise ``problem`` before their next request. After `stop_now`,
        this method does not wait, and the other threads never run again.
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
        """Return the id of the machine's current start, None if the machine has no such id."""
        return self._clock.boot()

    def sleep(self, seconds: float) -> None:
        """Return after ``seconds``, or at once if the run is stopped."""
        is_long = seconds >= LONG_SLEEP_SECONDS
        with self._pool.sleeping() if is_long else self._pool.released():
            self._clock.sleep(seconds)
