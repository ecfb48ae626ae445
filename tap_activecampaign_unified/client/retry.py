"""How long one request is repeated, and the growing waits between its attempts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import backoff

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .clock import Clock

LONGEST_WAIT = 60.0
SHORTEST_WAIT = 0.05


class RetryBudget:
    """What one request has left of ``limit`` seconds; ``asked`` is the caller's own bound.

    The time counts from the first attempt that failed: waiting for the account's budget is no
    trouble of the server's. Each kind of trouble has its own time and waits, within the whole.
    """

    def __init__(self, clock: Clock, limit: float, asked: float | None) -> None:
        """Start with everything left."""
        self._clock = clock
        self._limit = limit
        self._sent = self._began = clock.monotonic()
        self._since: dict[object, float] = {}
        self._waits: dict[object, Iterator[float]] = {}
        self.asked = asked
        self.tries = 0
        self.exhausted = False
        #: Seconds slept before the attempt that comes next.
        self.slept = 0.0

    @property
    def elapsed(self) -> float:
        """Return the seconds since the first attempt that failed was sent."""
        return self._clock.monotonic() - self._began

    def note_sent(self) -> None:
        """Remember that an attempt leaves now."""
        self._sent = self._clock.monotonic()
        self.tries += 1

    def _note_failed(self, kind: object) -> float:
        """Return the seconds for which this kind of trouble has lasted."""
        if not self._since:
            self._began = self._sent
        return self._clock.monotonic() - self._since.setdefault(kind, self._sent)

    def _next_wait(self, kind: object) -> float:
        """Return the next of the growing waits; each kind of trouble begins with short ones."""
        if kind not in self._waits:
            self._waits[kind] = backoff.expo(base=2, factor=0.5, max_value=LONGEST_WAIT)
            next(self._waits[kind])  # backoff's generators are primed with one empty turn
        return backoff.full_jitter(next(self._waits[kind]))

    def wait(self, kind: object, limit: float | None) -> bool:
        """Sleep before the next attempt; False when ``limit`` seconds of this kind are used up."""
        lasted = self._note_failed(kind)
        left = self._limit - self.elapsed
        if limit is not None:
            left = min(left, limit - lasted)
        if left <= 0:
            return False
        wait = self._next_wait(kind)
        # The last attempt stands at the very end of the time that was allowed.
        began = self._clock.monotonic()
        self._clock.sleep(max(SHORTEST_WAIT, min(wait, left)))
        self.slept = self._clock.monotonic() - began
        return True

    def pause(self, kind: object, asked: float | None) -> float:
        """Return how long everybody must pause for a throttled request."""
        self._note_failed(kind)
        self.slept = 0.0
        wait = max(asked or 0.0, self._next_wait(kind))
        self.exhausted = self.elapsed + wait > self._limit
        return wait
