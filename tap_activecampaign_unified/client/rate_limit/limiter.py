"""Hands out the moments at which a request may leave, over all threads, processes and machines."""

from __future__ import annotations

import heapq
import itertools
import secrets
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from .budget import EARLY, pace_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_activecampaign_unified.client.clock import Clock

# What was granted longer ago than this is asked for again before it is used.
STALE = 0.25
# A body of 250 contacts has left for the line at once, and arrives when it is whole.
BYTES_PER_SECOND = 1_000_000


class BudgetStore(Protocol):
    """Where the budget is kept: carries out one of `Budget`'s operations, all of it or nothing."""

    def do(self, operation: str, *arguments: float | str) -> tuple[float, float]:
        """Return the store's time in seconds, and what the operation returns (0: nothing)."""


class Limiter:
    """One process's access to the account's budget.

    Of a process only one thread at a time waits at the store: so processes are served in turn,
    however many threads each has. A moment is reserved there and waited for outside its lock; who
    dies while waiting costs a single slot. ``pace`` None knows no limit but the pauses.
    """

    def __init__(self, rate: float, clock: Clock, store: BudgetStore) -> None:
        """Open the budget of ``rate`` requests per second, 0 for no limit."""
        self.rate = rate
        self._clock, self._store = clock, store
        self._pace = pace_of(rate) if rate else None
        self._queue = _Queue()
        self._name = secrets.token_hex(4)
        self._numbers = itertools.count()
        self._mine = _Mine()
        self._told: set[int] = set()
        #: Seconds that were waited for the budget, by all threads together,
        self.waited = 0.0
        #: and those that were waited because the server refused a request.
        self.paused = 0.0
        self._paused_until = 0.0

    def acquire(self, *, urgent: bool = False) -> None:
        """Return when this thread's next request may leave; urgent ones go before the others."""
        self._mine.ticket = f"{self._name}-{next(self._numbers)}"
        with self._queue.turn(urgent=urgent):
            self._wait()

    def departing(self) -> bool:
        """Look again just before the bytes leave: connecting took its time. True: it was waited."""
        if self._pace is None or self._clock.monotonic() - self._mine.granted < STALE:
            return False
        self._wait()
        return True

    def departed(self, size: int = 0) -> None:
        """Count this thread's request, a body of ``size`` bytes, from when it may have arrived."""
        if self._pace is not None:
            late = size / BYTES_PER_SECOND
            now, _ = self._store.do("departed", self._mine.ticket, late)
            self._mine.left = now + late

    def refused(self, seconds: float) -> None:
        """Let nobody leave for ``seconds``, and all go on more slowly: the server said so."""
        self._store.do("refused", self._mine.left, seconds)
        self._paused_until = max(self._paused_until, self._clock.monotonic() + seconds)

    def counted(self, limit: int, remaining: int) -> None:
        """Take note of what the server counted when this thread's request arrived.

        A count that is always the same counts nothing.
        """
        self._told.add(remaining)
        if self._pace is not None and len(self._told) > 1:
            self._store.do("counted", self._mine.left, limit, remaining)

    def _wait(self) -> None:
        while True:
            seconds = self._ask()
            if seconds < EARLY:
                break
            began = self._clock.monotonic()
            self._clock.sleep(seconds)
            slept = self._clock.monotonic() - began
            paused = min(slept, max(0.0, self._paused_until - began))
            self.paused += paused
            self.waited += slept - paused
            if slept < seconds / 2:
                break  # woken: the run is being stopped, and nobody leaves any more
        self._mine.granted = self._clock.monotonic()

    def _ask(self) -> float:
        """Return the seconds until this thread's request may leave, 0 for now."""
        if self._pace is None:
            now, slot = self._store.do("paused")
        else:
            now, slot = self._store.do("take", self._mine.ticket, *self._pace)
        self._mine.left = slot
        return slot - now


class _Mine(threading.local):
    """A thread's own request: its ticket, when it was granted (clock) and left (store's time)."""

    ticket = ""
    granted = 0.0
    left = 0.0


class _Queue:
    """Lets one thread through at a time: urgent ones first, else in the order they came."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: list[tuple[bool, int]] = []
        self._numbers = itertools.count()
        self._holder: int | None = None

    @contextmanager
    def turn(self, *, urgent: bool) -> Iterator[None]:
        me = threading.get_ident()
        place = (not urgent, next(self._numbers))
        with self._changed:
            heapq.heappush(self._waiting, place)
            while self._waiting[0] != place or self._holder is not None:
                self._changed.wait()
            heapq.heappop(self._waiting)
            self._holder = me
        try:
            yield
        finally:
            with self._changed:
                self._holder = None
                self._changed.notify_all()
