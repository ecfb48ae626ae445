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
    from target_activecampaign.concurrency.cooperative_pool import CooperativePool

logger = logging.getLogger(__name__)

# ActiveCampaign allows 100 and 20 per minute by its own clock. Other clients may use the importer.
PER_MINUTE, SINGLES_PER_MINUTE = 95, 18
MINUTE = 60.5
REFUSED_PAUSE = 30.5


@dataclass
class _BatchWindow:
    """Batches of the same kind: those in flight, and the times of the last responses.

    ``limit`` is the number of batches per minute. It applies only if ``is_limited``. No batch is
    sent before the time ``not_before``. With ``is_probing``, only one batch is in flight, because
    the importer refused the last batch.
    """

    limit: int
    is_limited: bool
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
        return self.is_limited and len(self.answered) + self.in_flight >= self.limit

    def seconds(self, now: float) -> float | None:
        """Return the seconds to wait, None to wait for the response to a batch in flight."""
        if now < self.not_before:
            return self.not_before - now
        if (self.is_probing and self.in_flight) or not self.answered:
            return None
        return self.answered[0] + MINUTE - now


class ImportRateLimit:
    """Keeps batches within the importer's limits.

    A batch counts until a minute after its response, because ActiveCampaign receives it at an
    unknown time before the response. No delay on the network can thus make a run exceed the limit.
    If requests have no rate limit, batches have none until the importer rejects a batch for it.
    """

    def __init__(
        self, client: Client, clock: Clock, pool: CooperativePool, rest: Callable[[float], None]
    ) -> None:
        """``rest`` waits for a number of seconds."""
        self._client, self._clock, self._pool, self._rest = client, clock, pool, rest
        is_limited = bool(client.rate)
        self._windows = {
            False: _BatchWindow(PER_MINUTE, is_limited),
            True: _BatchWindow(SINGLES_PER_MINUTE, is_limited),
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
                before = window.in_flight
                self._pool.wait_until(lambda: window.in_flight < before)  # noqa: B023
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
        kind = "batches of one contact" if window.limit == SINGLES_PER_MINUTE else "batches"
        reason = f"the importer accepts a limited number of {kind} per minute"
        if now < window.not_before:
            reason += ", and refused a batch because of this limit"
        logger.info("Waiting %.0f s for the next import batch: %s", seconds, reason)

    def answered(self, *, is_single: bool, is_refused: bool = False) -> None:
        """Record the response to a batch. If the batch exceeded the limit, other batches wait."""
        window, now = self._windows[is_single], self._clock.monotonic()
        window.in_flight -= 1
        window.answered.append(now)
        window.is_probing = is_refused
        if is_refused:
            # Other clients use up the limit: send a single batch at a time until ActiveCampaign
            # accepts a batch.
            window.not_before = now + REFUSED_PAUSE
            window.is_limited = True
        self._pool.notify()
