"""Sends GET requests early and in parallel, if a reader will certainly make them.

The reader asks for responses in its own order. A response is kept until the reader asks for it.
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

# Called with a response before the reader gets it. It may prefetch further requests.
Then = Callable[["ApiResponse"], None]
Key = tuple[str, tuple[tuple[str, str | int], ...]]

MAX_PREFETCHED = 500


@dataclass
class PrefetchedRequest:
    """One prefetched GET request, with its response or error once ``over`` is set."""

    key: Key
    patience: float | None
    is_urgent: bool = False
    then: list[Then] = field(default_factory=list)
    is_begun: bool = False
    response: ApiResponse | None = None
    problem: BaseException | None = None
    over: threading.Event = field(default_factory=threading.Event)

    def result(self) -> ApiResponse:
        """Return the response, or raise the error of the request."""
        if self.problem is not None:
            raise self.problem
        if self.response is None:
            raise RuntimeError("the request has no response yet")
        return self.response


class Workers(Protocol):
    """Sends prefetched requests in the background."""

    def begin(self, work: Callable[[], None], *, is_urgent: bool) -> None:
        """Call ``work`` once, now or later. Urgent work goes first."""

    def wait(self, over: threading.Event) -> None:
        """Return when ``over`` is set."""


class WorkerThreads:
    """Up to ``max_threads`` daemon threads. Each starts when there is work for it.

    If the machine can start no more threads, the existing threads do the work. Without any thread,
    the caller of `Client.get` sends the request itself.
    """

    def __init__(self, max_threads: int) -> None:
        self._max_threads = max_threads
        self._count = self._idle = 0
        self._work: list[tuple[bool, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()

    def begin(self, work: Callable[[], None], *, is_urgent: bool) -> None:
        """Queue work for an idle thread, a new thread, or the first thread that becomes free."""
        with self._changed:
            heapq.heappush(self._work, (not is_urgent, next(self._numbers), work))
            if self._idle < len(self._work) and self._count < self._max_threads:
                self._start_thread()
            if not self._count:
                self._work.clear()
            self._changed.notify()

    def _start_thread(self) -> None:
        try:
            threading.Thread(target=self._run, name="prefetch", daemon=True).start()
        except RuntimeError as problem:
            self._max_threads = self._count
            logger.warning(
                "%s: the client prefetches at most %s requests at once", problem, self._count
            )
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
        """Prefetch a GET request. Further calls with the same key send nothing."""
        with self._lock:
            earlier = self._pending.get(key)
            if earlier is None and len(self._pending) >= MAX_PREFETCHED:
                return
            pending = self._pending[key] = earlier or PrefetchedRequest(key, patience, is_urgent)
            if then is not None and not pending.over.is_set():
                pending.then.append(then)
                then = None
        if earlier is not None:
            if then is not None and pending.response is not None:
                then(pending.response)
            return
        self._workers.begin(lambda: self._run_request(pending), is_urgent=is_urgent)

    def take(self, key: Key) -> PrefetchedRequest | None:
        """Return the request if a worker has begun it. None if the caller must send it."""
        with self._lock:
            pending = self._pending.pop(key, None)
            if pending is None or not pending.is_begun:
                if pending is not None:
                    pending.is_begun = True  # the caller sends it, so no worker must
                return None
        return pending

    def wait(self, pending: PrefetchedRequest) -> ApiResponse:
        """Wait for the response and return it, or raise the error of the request."""
        self._workers.wait(pending.over)
        return pending.result()

    def cancel_prefetch(self, key: Key) -> None:
        """Forget a request that the reader will not ask for."""
        with self._lock:
            pending = self._pending.pop(key, None)
            if pending is not None:
                pending.is_begun = True

    def cancel_all_prefetches(self) -> None:
        """Forget all requests not asked for yet, because their responses may be outdated."""
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
            pending.response = self._send(pending)
            while (then := self._next_then(pending)) is not None:
                then(pending.response)
        except BaseException as problem:  # noqa: BLE001 - `result` raises it
            pending.problem = problem
            pending.over.set()

    def _next_then(self, pending: PrefetchedRequest) -> Then | None:
        """Return the next callback for a response. Set ``over`` if there is none."""
        with self._lock:
            if pending.then:
                return pending.then.pop(0)
            pending.over.set()
        return None
