"""A thread pool whose order is chosen by a seed: any interleaving, and the same each time."""

from __future__ import annotations

import contextlib
import random
import threading
from typing import TYPE_CHECKING

from target_activecampaign.concurrency.cooperative_pool import CooperativePool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECONDS = 60


class Deadlock(BaseException):
    """Every thread waits for another."""


class SeededPool(CooperativePool):
    """Chooses at random, by a seed, which thread runs before and after each wait.

    A thread holds the lock during its request. Other threads run between its request and its next
    step. A thread that ends with anything but an `Exception` is a killed process: only the main
    thread runs after that.
    """

    def __init__(self, most: int, seed: int) -> None:
        """No thread waits; ``seed`` decides everything."""
        super().__init__(most)
        self._dice = random.Random(seed)
        self._door = threading.Condition()
        self._waiting: dict[int, Callable[[], bool]] = {}
        self._next: int | None = None
        self._count = 0
        #: The number of switches between threads.
        self.changes = 0
        self.handovers = 0

    # --- the lock ---------------------------------------------------------------------------

    def _acquire(self) -> None:
        """Run as the main thread, before others exist."""
        self._next = self._number

    def release(self) -> None:
        """Let others run between two messages; the main thread continues when called.

        A real pool reads the next message while others run. That message is independent of theirs,
        so the order does not matter.
        """
        if not self._is_over:
            self._switch_to(lambda: True)

    @property
    def _number(self) -> int:
        if not hasattr(self._of_thread, "number"):
            with self._door:
                self._count += 1
                self._of_thread.number = self._count
        return int(self._of_thread.number)

    @property
    def _is_killed(self) -> bool:
        return self.problem is not None and not isinstance(self.problem, Exception)

    @contextlib.contextmanager
    def released(self) -> Iterator[None]:
        """Let others run, send the request, and let others run again."""
        if not self.has_lock:
            yield
            return
        self._switch_to(lambda: True)
        try:
            yield
        finally:
            self._switch_to(lambda: True)

    def yield_now(self) -> None:
        """Let others run."""
        self._switch_to(lambda: True)

    def wait_until(self, is_met: Callable[[], bool]) -> None:
        """Let others run until the condition is true."""
        while not is_met() and not self._is_killed:
            self._switch_to(is_met)

    def notify(self) -> None:
        """Do nothing: each turn checks every thread."""

    def _spawn(self, run: Callable[[], None]) -> bool:
        with self._door:
            self._count += 1
            number = self._count
            self._waiting[number] = lambda: True

        def body() -> None:
            self._of_thread.number = number
            self._of_thread.is_helper = True
            self._wait_for_call()
            self._of_thread.has_lock = True
            run()
            self._of_thread.has_lock = False
            self._call_next()

        threading.Thread(target=body, daemon=True).start()
        return True

    # --- which thread runs ------------------------------------------------------------------

    def _switch_to(self, is_ready: Callable[[], bool]) -> None:
        if self._is_killed:
            if getattr(self._of_thread, "is_helper", False):
                self._call_main()
                threading.Event().wait()
            return
        self._line_up(is_ready)
        self._call_next()
        self._wait_for_call()

    def _line_up(self, is_ready: Callable[[], bool]) -> None:
        with self._door:
            self._waiting[self._number] = is_ready

    def _call_next(self) -> None:
        """Choose at random among the threads that can run."""
        if self._is_killed:
            self._call_main()
            return
        ready = [number for number, is_ready in sorted(self._waiting.items()) if is_ready()]
        with self._door:
            if not ready and self._waiting:
                self.fail(Deadlock(f"every thread waits: {self._waiting}"))
                ready = [min(self._waiting)]
            self.handovers += 1
            found = self._dice.choice(ready) if ready else None
            self.changes += found != self._next
            self._next = found
            self._door.notify_all()

    def _call_main(self) -> None:
        with self._door:
            self._next = 1
            self._door.notify_all()

    def _wait_for_call(self) -> None:
        me = self._number
        with self._door:
            limit = None if getattr(self._of_thread, "is_helper", False) else SECONDS
            if not self._door.wait_for(lambda: self._next == me, limit):
                raise Deadlock("nobody called the main thread")
            self._waiting.pop(me, None)
