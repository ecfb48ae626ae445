"""The importer's own rate limit of batches per minute, besides the account's rate limit."""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tap_activecampaign_unified.client import LONG_WAIT

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_activecampaign_unified.client import Client, Clock
    from target_activecampaign.concurrency.pool import CooperativePool

logger = logging.getLogger(__name__)

# ActiveCampaign allows 100 and 20 per minute, by its own clock. Other clients may use it, too.
PER_MINUTE, SINGLES_PER_MINUTE = 95, 18
MINUTE = 60.5
REFUSED_PAUSE = 30.5


@dataclass
class _BatchWindow:
    """Batches of one kind: how many are in flight, and when the others were answered.

    ``most`` is the limit per minute. If ``is_bound`` is false, it does not apply.
    """

    most: int
    is_bound: bool
    in_flight: int = 0
    answered: deque[float] = field(default_factory=deque)
    not_before: float = 0.0
    is_probing: bool = False

    def is_full(self, now: float) -> bool:
        """Return whether another batch would exceed the limit now."""
        while self.answered and now - self.answered[0] >= MINUTE:
            self.answered.popleft()
        if now < self.not_before or (self.is_probing and self.in_flight):
            return True
        return self.is_bound and len(self.answered) + self.in_flight >= self.most

    def seconds(self, now: float) -> float | None:
        """Return the seconds to wait, or None: wait until a batch in flight is answered."""
        if now < self.not_before:
            return self.not_before - now
        if (self.is_probing and self.in_flight) or not self.answered:
            return None
        return self.answered[0] + MINUTE - now


class ImportRateLimit:
    """Keeps batches within the importer's limits.

    A batch counts until a minute after its answer, because it arrives at an unknown time before
    the answer. So no delay on the network makes a run exceed the limit. If requests have no limit,
    batches have none either, until the importer rejects one for its limit.
    """

    def __init__(
        self, client: Client, clock: Clock, pool: CooperativePool, rest: Callable[[float], None]
    ) -> None:
        """``rest`` waits for a number of seconds."""
        self._client, self._clock, self._pool, self._rest = client, clock, pool, rest
        is_bound = bool(client.rate)
        self._windows = {
            False: _BatchWindow(PER_MINUTE, is_bound),
            True: _BatchWindow(SINGLES_PER_MINUTE, is_bound),
        }

    @property
    def is_spent(self) -> bool:
        """Whether no batch of several contacts may be sent now."""
        return self._windows[False].is_full(self._clock.monotonic())

    def take(self, *, is_single: bool) -> None:
        """Wait until a batch may be sent, and count it as in flight."""
        window = self._windows[is_single]
        while window.is_full(now := self._clock.monotonic()):
            seconds = window.seconds(now)
            if seconds is None:
                known = window.in_flight
                self._pool.wait_until(lambda: window.in_flight < known)  # noqa: B023
                continue
            if seconds > LONG_WAIT:
                self._log_wait(window, seconds, now)
            self._rest(seconds)
            if self._clock.monotonic() <= now:
                self._client.before_request()  # the wait was interrupted: the run is stopping
                window.answered.clear()
                window.not_before = now
        window.in_flight += 1

    def _log_wait(self, window: _BatchWindow, seconds: float, now: float) -> None:
        kind = "batches of one contact" if window.most == SINGLES_PER_MINUTE else "batches"
        reason = f"the importer takes a limited number of {kind} per minute"
        if now < window.not_before:
            reason += ", and refused one for it"
        logger.info("Waiting %.0f s for the next import batch: %s", seconds, reason)

    def answered(self, *, is_single: bool, is_refused: bool = False) -> None:
        """Record the answer to a batch; if it exceeded the limit, the other batches wait."""
        window, now = self._windows[is_single], self._clock.monotonic()
        window.in_flight -= 1
        window.answered.append(now)
        window.is_probing = is_refused
        if is_refused:
            # Other clients use the limit: one batch at a time tries until it is free again.
            window.not_before = now + REFUSED_PAUSE
            window.is_bound = True
        self._pool.notify()
