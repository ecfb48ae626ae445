"""Reading and being ended: a message is taken whole, and between two the run may be ended."""

from __future__ import annotations

import contextlib
import functools
import signal
import threading
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified import cli

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_activecampaign_unified.client import SystemClock
    from target_activecampaign.concurrency.pool import CooperativePool

    Handle = Callable[..., None]


class _ImmediateStop(cli.StopSignal):
    """The sign of a run; ``stop_now`` is called when it must end at once."""

    def __init__(self, clock: SystemClock) -> None:
        super().__init__(clock)
        self.stop_now: Callable[[], None] = lambda: None

    def on_signal(self, signum: int, frame: object = None) -> None:
        try:
            super().on_signal(signum, frame)
        except cli.Stopped:
            self.stop_now()
            raise


class Interrupts:
    """Whether the program only waits for its next message: then a signal ends it at once.

    ``handler`` is what signals are handled by; it calls `handle`.
    """

    def __init__(self, clock: SystemClock, handler: Handle) -> None:
        """Begin before the first message."""
        self.stop = _ImmediateStop(clock)
        self.pool: CooperativePool | None = None
        self._handler = handler
        self._is_reading = True
        self._is_woken = False

    def share(self, pool: CooperativePool) -> None:
        """Let other threads work while messages are read."""
        self.pool = pool
        self.stop.stop_now = pool.stop_now

    def raise_if_ending(self) -> None:
        """Raise what ends the run: a signal, or another thread's problem."""
        self.stop.raise_if_stopped()
        if self.pool is not None:
            self.pool.raise_if_ending()

    def begin_message(self) -> None:
        """Begin to do something: no signal ends the run in its middle, and nobody else runs."""
        self._is_reading = False
        if self.pool is not None:
            self.pool.acquire()

    def end_message(self, *, beside: bool) -> None:
        """Go back to reading; ``beside`` lets others run meanwhile."""
        if beside and self.pool is not None:
            self.pool.release()
        self._is_reading = True
        self.raise_if_ending()

    def end(self, problem: BaseException) -> None:
        """Let no other thread run any more."""
        self._is_reading = False
        with contextlib.suppress(cli.Stopped):
            if self.pool is not None:
                self.pool.end(problem)

    def handle(self, signum: int, frame: object = None) -> None:
        """Handle a signal."""
        if self._is_woken:  # by ourselves
            self._is_woken = False
            if self._is_reading:
                self.raise_if_ending()
            return
        self.stop.on_signal(signum, frame)
        if self._is_reading:
            self.stop.raise_if_stopped()

    def wake(self) -> None:
        """End the waiting for a message: what failed in another thread is told at once."""
        can_wake = hasattr(signal, "pthread_kill")
        if can_wake and self._is_reading and signal.getsignal(signal.SIGINT) == self._handler:
            self._is_woken = True
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def message_handler(handle: Handle) -> Handle:
    """Make a method that takes something from the reader, and does it whole."""

    @functools.wraps(handle)
    def handled(self: Any, *args: Any, **kwargs: Any) -> None:
        self.interrupts.begin_message()
        handle(self, *args, **kwargs)
        self.interrupts.end_message(beside=self.background.is_open)

    return handled
