"""Decides how long one request is retried, and waits between its attempts."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import backoff

from .rate_limit.limiter import LONG_WAIT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .clock import Clock

logger = logging.getLogger(__name__)

MAX_WAIT_SECONDS = 60.0
MIN_WAIT_SECONDS = 0.05


class RetryWaits:
    """The waits between the attempts of one request: at most ``limit`` seconds in all.

    ``patience`` is the caller's shorter time for server errors, which `Retries` passes to `wait`.

    The time starts when the first failed attempt is sent. Waiting for the rate limit before it does
    not count. Each kind of failure has its own time and its own waits, within the whole time.
    """

    def __init__(self, clock: Clock, limit: float, patience: float | None) -> None:
        self._clock = clock
        self._limit = limit
        self._sent = self._began = clock.monotonic()
        self._since: dict[object, float] = {}
        self._waits: dict[object, Iterator[float]] = {}
        self.patience = patience
        self.tries = 0
        self.exhausted = False
        #: Seconds slept before the next attempt.
        self.slept = 0.0

    @property
    def elapsed(self) -> float:
        """Seconds since the first failed attempt was sent."""
        return self._clock.monotonic() - self._began

    def note_sent(self) -> None:
        """Note that an attempt is sent now."""
        self._sent = self._clock.monotonic()
        self.tries += 1

    def _note_failed(self, kind: object) -> float:
        """Return the seconds since the first failure of this kind."""
        if not self._since:
            self._began = self._sent
        return self._clock.monotonic() - self._since.setdefault(kind, self._sent)

    def _next_wait(self, kind: object) -> float:
        """Return the next wait in seconds. The waits grow per kind of failure."""
        if kind not in self._waits:
            self._waits[kind] = backoff.expo(base=2, factor=0.5, max_value=MAX_WAIT_SECONDS)
            next(self._waits[kind])  # the first item of backoff's generators is not a wait
        return backoff.full_jitter(next(self._waits[kind]))

    def wait(self, kind: object, limit_of_kind: float | None) -> bool:
        """Sleep before the next attempt. Return False if the time for this kind is used up."""
        lasted = self._note_failed(kind)
        remaining = self._limit - self.elapsed
        if limit_of_kind is not None:
            remaining = min(remaining, limit_of_kind - lasted)
        if remaining <= 0:
            return False
        wait = self._next_wait(kind)
        # The client sends the last attempt at the very end of the allowed time.
        began = self._clock.monotonic()
        seconds = max(MIN_WAIT_SECONDS, min(wait, remaining))
        if seconds > LONG_WAIT:
            # The log line before this states the failure of the attempt.
            logger.warning("Waiting %.0f s for the next attempt", seconds)
        self._clock.sleep(seconds)
        self.slept = self._clock.monotonic() - began
        return True

    def pause(self, kind: object, server_wait: float | None) -> float:
        """Return the seconds that all requests must pause after a throttled request."""
        self._note_failed(kind)
        self.slept = 0.0
        wait = max(server_wait or 0.0, self._next_wait(kind))
        self.exhausted = self.elapsed + wait > self._limit
        return wait
