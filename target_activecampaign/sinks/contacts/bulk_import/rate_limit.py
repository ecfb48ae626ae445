"""The importer's own limits: so many batches a minute, beside the account's budget."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_activecampaign_unified.client import Client, Clock
    from target_activecampaign.concurrency.pool import CooperativePool

# The limits are 100 and 20 in any minute, by the importer's clock; others may be using it too.
PER_MINUTE, SINGLES_PER_MINUTE = 95, 18
MINUTE = 60.5
REFUSED_PAUSE = 30.5


@dataclass
class _Lane:
    """Batches of one size: those under way, and when the others were answered.

    ``most`` are the importer's own a minute; where ``is_bound`` is false, they are not counted.
    """

    most: int
    is_bound: bool
    under_way: int = 0
    answered: deque[float] = field(default_factory=deque)
    not_before: float = 0.0
    is_probing: bool = False

    def is_full(self, now: float) -> bool:
        """Say whether another batch would be one too many now."""
        while self.answered and now - self.answered[0] >= MINUTE:
            self.answered.popleft()
        if now < self.not_before or (self.is_probing and self.under_way):
            return True
        return self.is_bound and len(self.answered) + self.under_way >= self.most

    def seconds(self, now: float) -> float | None:
        """Return how long to wait before looking again; None: until one under way is answered."""
        if now < self.not_before:
            return self.not_before - now
        if (self.is_probing and self.under_way) or not self.answered:
            return None
        return self.answered[0] + MINUTE - now


class ImportRateLimit:
    """Lets batches leave as the importer's limits allow.

    A batch arrives somewhere between its leaving and its answer. It counts until a minute after
    the answer: so the importer never sees one too many, however long anything took on the way.
    Without a limit of requests there is none of batches either, until the importer names it.
    """

    def __init__(
        self, client: Client, clock: Clock, pool: CooperativePool, rest: Callable[[float], None]
    ) -> None:
        """Begin with the minute's whole budget; ``rest`` is how time is spent that must pass."""
        self._client, self._clock, self._turns, self._rest = client, clock, pool, rest
        is_bound = bool(client.rate)
        self._lanes = {
            False: _Lane(PER_MINUTE, is_bound),
            True: _Lane(SINGLES_PER_MINUTE, is_bound),
        }

    @property
    def is_spent(self) -> bool:
        """Whether no batch of several contacts may leave now."""
        return self._lanes[False].is_full(self._clock.monotonic())

    def take(self, *, is_single: bool) -> None:
        """Return when a batch may leave; it is under way from then on."""
        lane = self._lanes[is_single]
        while lane.is_full(now := self._clock.monotonic()):
            seconds = lane.seconds(now)
            if seconds is None:
                known = lane.under_way
                self._turns.wait_until(lambda: lane.under_way < known)  # noqa: B023
                continue
            self._rest(seconds)
            if self._clock.monotonic() <= now:
                self._client.before_request()  # woken: the run is being stopped
                lane.answered.clear()
                lane.not_before = now
        lane.under_way += 1

    def answered(self, *, is_single: bool, is_refused: bool = False) -> None:
        """Note that a batch is no longer under way; refused for the limit, all others wait too."""
        lane, now = self._lanes[is_single], self._clock.monotonic()
        lane.under_way -= 1
        lane.answered.append(now)
        lane.is_probing = is_refused
        if is_refused:
            # Others spend the budget: one batch will find out when there is some again.
            lane.not_before = now + REFUSED_PAUSE
            lane.is_bound = True
        self._turns.notify()
