"""GETs that will surely be asked for, sent before they are, so that waiting for one is no loss.

Who reads announces what it will ask next, and asks in its own order all the same: only the waiting
is shared. An answer is kept until it is asked for, once.
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
    from .response import ApiResponse

logger = logging.getLogger(__name__)

# What is done with an answer before anybody asked for it: announcing what it leads to.
Then = Callable[["ApiResponse"], None]
Key = tuple[str, tuple[tuple[str, str | int], ...]]

MOST_ANNOUNCED = 500


@dataclass
class PrefetchedRequest:
    """One announced GET: begun or not, and its answer or what went wrong, once it is over."""

    key: Key
    patience: float | None
    is_urgent: bool = False
    then: list[Then] = field(default_factory=list)
    is_begun: bool = False
    answer: ApiResponse | None = None
    problem: BaseException | None = None
    over: threading.Event = field(default_factory=threading.Event)

    def result(self) -> ApiResponse:
        """Return the answer, or raise what came instead."""
        if self.problem is not None:
            raise self.problem
        if self.answer is None:
            raise RuntimeError("asked for an answer that has not come")
        return self.answer


class Workers(Protocol):
    """Who carries out announced GETs meanwhile."""

    def begin(self, work: Callable[[], None], *, is_urgent: bool) -> None:
        """See to it that ``work`` is called once, now or later, what is urgent first."""

    def wait(self, over: threading.Event) -> None:
        """Return when ``over`` is set."""


class WorkerThreads:
    """Up to ``most`` threads, each called into being when there is work for it.

    They never keep the process from ending: a request that hangs is nobody's affair by then. Where
    the machine gives no more of them, those there are do the work; without any, who asks does.
    """

    def __init__(self, most: int) -> None:
        """Start none yet."""
        self._most = most
        self._count = self._idle = 0
        self._work: list[tuple[bool, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()

    def begin(self, work: Callable[[], None], *, is_urgent: bool) -> None:
        """Hand work to an idle thread, to a new one, or to the first that is free."""
        with self._changed:
            heapq.heappush(self._work, (not is_urgent, next(self._numbers), work))
            if self._idle < len(self._work) and self._count < self._most:
                self._call_another()
            if not self._count:
                self._work.clear()
            self._changed.notify()

    def _call_another(self) -> None:
        try:
            threading.Thread(target=self._run, name="ahead", daemon=True).start()
        except RuntimeError as problem:
            self._most = self._count
            logger.warning("%s: at most %s requests are sent ahead", problem, self._count)
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
    """Announced GETs by what they ask for."""

    def __init__(self, send: Callable[[PrefetchedRequest], ApiResponse], workers: Workers) -> None:
        """Take who sends and who works; nothing is announced yet."""
        self._send, self._workers = send, workers
        self._pending: dict[Key, PrefetchedRequest] = {}
        self._lock = threading.Lock()

    def prefetch(
        self, key: Key, patience: float | None, *, is_urgent: bool, then: Then | None
    ) -> None:
        """Announce a GET; it is sent once, however often it is announced."""
        with self._lock:
            known = self._pending.get(key)
            if known is None and len(self._pending) >= MOST_ANNOUNCED:
                return
            pending = self._pending[key] = known or PrefetchedRequest(key, patience, is_urgent)
            if then is not None and not pending.over.is_set():
                pending.then.append(then)
                then = None
        if known is not None:
            if then is not None and pending.answer is not None:
                then(pending.answer)
            return
        self._workers.begin(lambda: self._carry_out(pending), is_urgent=is_urgent)

    def take(self, key: Key) -> PrefetchedRequest | None:
        """Return what was announced and is under way; None where the asker must send it itself."""
        with self._lock:
            pending = self._pending.pop(key, None)
            if pending is None or not pending.is_begun:
                if pending is not None:
                    pending.is_begun = True  # by the asker: no worker needs to
                return None
        return pending

    def wait(self, pending: PrefetchedRequest) -> ApiResponse:
        """Return the answer when it is there, or raise what came instead."""
        self._workers.wait(pending.over)
        return pending.result()

    def cancel_prefetch(self, key: Key) -> None:
        """Forget a GET that will not be asked for after all."""
        with self._lock:
            pending = self._pending.pop(key, None)
            if pending is not None:
                pending.is_begun = True

    def cancel_all_prefetches(self) -> None:
        """Forget every GET that nobody asked for: its answer would be old by the time."""
        with self._lock:
            for pending in self._pending.values():
                pending.is_begun = True
            self._pending.clear()

    def _carry_out(self, pending: PrefetchedRequest) -> None:
        with self._lock:
            if pending.is_begun:
                return
            pending.is_begun = True
        try:
            pending.answer = self._send(pending)
            while (then := self._next_then(pending)) is not None:
                then(pending.answer)
        except BaseException as problem:  # noqa: BLE001 - the asker is told, whatever it is
            pending.problem = problem
            pending.over.set()

    def _next_then(self, pending: PrefetchedRequest) -> Then | None:
        """Return what is still to be done with an answer; with nothing left it is over."""
        with self._lock:
            if pending.then:
                return pending.then.pop(0)
            pending.over.set()
        return None
