"""Stop signals (SIGINT, SIGTERM): when the target ends.

A target that waits for a message ends at once. A target that handles a message ends before its next
request. A second signal, or the end of the time that a signal leaves, ends it at once.
"""

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
    from target_activecampaign.concurrency.cooperative_pool import CooperativePool

    Handle = Callable[..., None]


class _TargetStopSignal(cli.StopSignal):
    """The run's stop signal; it calls ``stop_now`` when the run must end at once."""

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
    """Decides when a signal ends the run: while it waits for a message, or before a request.

    ``handler`` is the installed signal handler; it calls `handle`.
    """

    def __init__(self, clock: SystemClock, handler: Handle) -> None:
        self.stop = _TargetStopSignal(clock)
        self.pool: CooperativePool | None = None
        self._handler = handler
        self._is_reading = True
        self._is_woken = False

    def use_pool(self, pool: CooperativePool) -> None:
        """Run other threads of this pool while messages are read."""
        self.pool = pool
        self.stop.stop_now = pool.stop_now

    def raise_if_ending(self) -> None:
        """Raise the error that ends the run: of a signal, or of another thread."""
        self.stop.raise_if_stopped()
        if self.pool is not None:
            self.pool.raise_if_ending()

    def begin_message(self) -> None:
        """Begin to handle a message: a first signal ends the run only before its next request.

        Meanwhile no other thread runs.
        """
        self._is_reading = False
        if self.pool is not None:
            self.pool.acquire()

    def end_message(self, *, runs_threads: bool) -> None:
        """Go back to reading; with ``runs_threads``, other threads run while the target reads."""
        if runs_threads and self.pool is not None:
            self.pool.release()
        self._is_reading = True
        self.raise_if_ending()

    def end(self, problem: BaseException) -> None:
        """End the other threads."""
        self._is_reading = False
        with contextlib.suppress(cli.Stopped):
            if self.pool is not None:
                self.pool.end(problem)

    def handle(self, signum: int, frame: object = None) -> None:
        """Handle a signal."""
        if self._is_woken:  # by `wake`
            self._is_woken = False
            if self._is_reading:
                self.raise_if_ending()
            return
        self.stop.on_signal(signum, frame)
        if self._is_reading:
            self.stop.raise_if_stopped()

    def wake(self) -> None:
        """Interrupt the wait for a message, because another thread failed."""
        can_wake = hasattr(signal, "pthread_kill")
        if can_wake and self._is_reading and signal.getsignal(signal.SIGINT) == self._handler:
            self._is_woken = True
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def message_handler(handle: Handle) -> Handle:
    """Decorate a method that handles a message: a first signal ends it before a request only."""

    @functools.wraps(handle)
    def handled(self: Any, *args: Any, **kwargs: Any) -> None:
        self.interrupts.begin_message()
        handle(self, *args, **kwargs)
        self.interrupts.end_message(runs_threads=self.background.is_running)

    return handled
