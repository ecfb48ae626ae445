"""GET requests that the reader will certainly make, sent early so that their waits overlap.

The reader still asks in its own order. A response is kept until it is asked for, once.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .response_check import ApiResponse

logger = logging.getLogger(__name__)

# Called with a response before it is asked for; may prefetch what follows from it.
Then = Callable[["ApiResponse"], None]
Key = tuple[str, tuple[tuple[str, str | int], ...]]

MAX_PREFETCHED = 500


@dataclass
class PrefetchedRequest:
    """One prefetched GET request, and its response or error once it is over."""

    key: Key
    patience: float | None
    is_urgent: bool = False
    then: list[Then] = field(default_factory=list)
    is_begun: bool = False
    answer: ApiResponse | None = None
    problem: BaseException | None = None
    over: threading.Event = field(default_factory=threading.Event)

    def result(self) -> ApiResponse:
        """Return the response, or raise the error that came instead."""
        if self.problem is not None:
            raise self.problem
        if self.answer is None:
            raise RuntimeError("the response is not there yet")
        return self.answer


class Workers(Protocol):
    """Sends prefetched requests in the background."""

    def begin(self, work: Callable[[], None], *, is_urgent: bool) -> None:
        """Call ``work`` once, now or later; urgent work first."""

    def wait(self, over: threading.Event) -> None:
        """Return when ``over`` is set."""


class WorkerThreads:
    """Up to ``most`` daemon threads, each started when there is work for it.

    Where the machine starts no more threads, the existing ones do the work; without any, the
    caller of `Client.get` sends the request itself.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._count = self._idle = 0
        self._work: list[tuple[bool, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()

    def begin(self, work: Callable[[], None], *, is_urgent: bool) -> None:
        """Queue work for an idle thread, a new one, or the first that is free."""
        with self._changed:
            heapq.heappush(self._work, (not is_urgent, next(self._numbers), work))
            if self._idle < len(self._work) and self._count < self._most:
                self._start_thread()
            if not self._count:
                self._work.clear()
            self._changed.notify()

    def _start_thread(self) -> None:
        try:
            threading.Thread(target=self._run, name="prefetch", daemon=True).start()
        except RuntimeError as problem:
            self._most = self._count
            logger.warning("%s: at most %s requests are prefetched at once", problem, self._count)
        else:
            self._count += 1

    def _run(self) -> None:
        while True:
            with self._changed:
                self._idle += 1
                while not self._work:
                    self._changed.wait()
                self._idle -= 1
                *_, work = heapq.heappop(self._work)
            work()

    def wait(self, over: threading.Event) -> None:
        """Sleep until ``over`` is set."""
        over.wait()


class Prefetcher:
    """Prefetched requests by path and parameters."""

    def __init__(self, send: Callable[[PrefetchedRequest], ApiResponse], workers: Workers) -> None:
        self._send, self._workers = send, workers
        self._pending: dict[Key, PrefetchedRequest] = {}
        self._lock = threading.Lock()

    def prefetch(
        self, key: Key, patience: float | None, *, is_urgent: bool, then: Then | None
    ) -> None:
        """Prefetch a GET request; it is sent once, however often this is called."""
        with self._lock:
            known = self._pending.get(key)
            if known is None and len(self._pending) >= MAX_PREFETCHED:
                return
            pending = self._pending[key] = known or PrefetchedRequest(key, patience, is_urgent)
            if then is not None and not pending.over.is_set():
                pending.then.append(then)
                then = None
        if known is not None:
            if then is not None and pending.answer is not None:
                then(pending.answer)
            return
        self._workers.begin(lambda: self._run_request(pending), is_urgent=is_urgent)

    def take(self, key: Key) -> PrefetchedRequest | None:
        """Return the request if it was sent already; None if the caller must send it itself."""
        with self._lock:
            pending = self._pending.pop(key, None)
            if pending is None or not pending.is_begun:
                if pending is not None:
                    pending.is_begun = True  # the caller sends it, no worker needs to
                return None
        return pending

    def wait(self, pending: PrefetchedRequest) -> ApiResponse:
        """Wait for the response and return it, or raise the error that came instead."""
        self._workers.wait(pending.over)
        return pending.result()

    def cancel_prefetch(self, key: Key) -> None:
        """Forget a request that will not be asked for."""
        with self._lock:
            pending = self._pending.pop(key, None)
            if pending is not None:
                pending.is_begun = True

    def cancel_all_prefetches(self) -> None:
        """Forget every request that was not asked for: its response would be outdated."""
        with self._lock:
            for pending in self._pending.values():
                pending.is_begun = True
            self._pending.clear()

    def _run_request(self, pending: PrefetchedRequest) -> None:
        with self._lock:
            if pending.is_begun:
                return
            pending.is_begun = True
        try:
            pending.answer = self._send(pending)
            while (then := self._next_then(pending)) is not None:
                then(pending.answer)
        except BaseException as problem:  # noqa: BLE001 - `result` raises it
            pending.problem = problem
            pending.over.set()

    def _next_then(self, pending: PrefetchedRequest) -> Then | None:
        """Return the next callback for a response; with none left the request is over."""
        with self._lock:
            if pending.then:
                return pending.then.pop(0)
            pending.over.set()
        return None
