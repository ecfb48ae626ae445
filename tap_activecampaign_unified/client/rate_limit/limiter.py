"""The rate limiter: decides when a request is sent, over all threads, processes and machines."""

from __future__ import annotations

import heapq
import itertools
import logging
import secrets
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from .adaptive_budget import EARLY, window_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_activecampaign_unified.client.clock import Clock

logger = logging.getLogger(__name__)

#: The requests per second that ActiveCampaign allows an account.
ACCOUNT_RATE = 5.0
# The client logs longer waits (seconds).
LONG_WAIT = 10.0
# Seconds after which the limiter asks again for a granted slot.
STALE = 0.25
# The system accepts a large body at once. It arrives later, at about this rate.
BYTES_PER_SECOND = 1_000_000


class BudgetStore(Protocol):
    """Stores the budget, and carries out each operation of `Budget` atomically."""

    def do(self, operation: str, *arguments: float | str) -> tuple[float, float]:
        """Return the store's time in seconds, and the operation's result (0 for none)."""


class Limiter:
    """One process's access to the account's budget, at ``rate`` requests per second (0: no limit).

    Only one thread of a process waits at the store at a time, so that processes get equal turns
    with any number of threads. The thread reserves a slot, and waits for it outside the store's
    lock. A process that dies while waiting costs one slot.
    """

    def __init__(self, rate: float, clock: Clock, store: BudgetStore) -> None:
        self.rate = rate
        self._clock, self._store = clock, store
        self._window = window_of(rate) if rate else None
        self._queue = _Queue()
        self._name = secrets.token_hex(4)
        self._numbers = itertools.count()
        self._request = _ThreadRequest()
        self._remainders: set[int] = set()
        #: Seconds that all threads together waited for the budget.
        self.waited = 0.0
        #: Seconds that all threads together waited because the server refused a request.
        self.paused = 0.0
        self._paused_until = 0.0

    def acquire(self, *, urgent: bool = False) -> None:
        """Wait until this thread's next request may be sent. Urgent requests go first."""
        self._request.ticket = f"{self._name}-{next(self._numbers)}"
        with self._queue.turn(urgent=urgent):
            self._wait()

    def confirm_slot(self) -> bool:
        """Ask again just before sending, if connecting took time. Return True if it asked."""
        if self._window is None or self._clock.monotonic() - self._request.granted < STALE:
            return False
        self._wait()
        return True

    def note_sent(self, size: int = 0) -> None:
        """Count this thread's request, with a body of ``size`` bytes, from its arrival on."""
        if self._window is not None:
            delay = size / BYTES_PER_SECOND
            now, _ = self._store.do("sent", self._request.ticket, delay)
            self._request.sent_at = now + delay

    def refused(self, seconds: float) -> None:
        """Pause for ``seconds`` and slow down, after a refusal of the server."""
        self._store.do("refused", self._request.sent_at, seconds)
        self._paused_until = max(self._paused_until, self._clock.monotonic() + seconds)

    def counted(self, limit: int, remaining: int) -> None:
        """Compare the server's count with the requests sent before this thread's request.

        If the server's ``remaining`` never changes, the server counts nothing.
        """
        self._remainders.add(remaining)
        if self._window is not None and len(self._remainders) > 1:
            self._store.do("counted", self._request.sent_at, limit, remaining)

    def _wait(self) -> None:
        while True:
            seconds = self._ask()
            if seconds < EARLY:
                break
            began = self._clock.monotonic()
            if seconds > LONG_WAIT:
                logger.warning(
                    "Waiting %.0f s for the next request: %s", seconds, self._reason(began)
                )
            self._clock.sleep(seconds)
            slept = self._clock.monotonic() - began
            paused = min(slept, max(0.0, self._paused_until - began))
            self.paused += paused
            self.waited += slept - paused
            if slept < seconds / 2:
                break  # woken: the run is being stopped and sends nothing more
        self._request.granted = self._clock.monotonic()

    def _reason(self, now: float) -> str:
        """Return the reason for a long wait."""
        if self._paused_until > now:
            return "ActiveCampaign refused a request and asked for a pause"
        stored, until = self._store.do("paused")
        if until > stored:
            return "another process that uses this account was asked to pause"
        return "other requests to this account take up the rate limit until then"

    def _ask(self) -> float:
        """Return the seconds until this thread's request may be sent. 0 means now."""
        if self._window is None:
            now, slot = self._store.do("paused")
        else:
            now, slot = self._store.do("take", self._request.ticket, *self._window)
        self._request.sent_at = slot
        return slot - now


class _ThreadRequest(threading.local):
    """The request of a thread: its ticket, and two times in seconds.

    ``granted`` is the clock's time of the grant. ``sent_at`` is the store's time of sending.
    """

    ticket = ""
    granted = 0.0
    sent_at = 0.0


class _Queue:
    """Lets one thread through at a time: urgent threads first, then in order of arrival."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: list[tuple[bool, int]] = []
        self._numbers = itertools.count()
        self._holder: int | None = None

    @contextmanager
    def turn(self, *, urgent: bool) -> Iterator[None]:
        thread_id = threading.get_ident()
        entry = (not urgent, next(self._numbers))
        with self._changed:
            heapq.heappush(self._waiting, entry)
            while self._waiting[0] != entry or self._holder is not None:
                self._changed.wait()
            heapq.heappop(self._waiting)
            self._holder = thread_id
        try:
            yield
        finally:
            with self._changed:
                self._holder = None
                self._changed.notify_all()
