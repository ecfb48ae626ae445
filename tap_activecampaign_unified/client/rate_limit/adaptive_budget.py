"""The account's request budget as numbers: when each request may be sent.

The caller passes the time, and stores the numbers in a file or in Redis. `redis_store` has the
same rules as a script for Redis, and a test compares both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

# Two requests sent one window apart may arrive a little closer together. Delays of this machine
# need no margin, because a request counts from the time at which its bytes were sent.
MARGIN = 1.035
# The gap between requests, as a part of an even spacing. Five requests at once would queue at the
# server.
APART = 0.4
# Seconds. A pause or slot further ahead comes from a broken or restarted machine.
FARTHEST = 600.0
# Seconds by which a sleep may end before its slot.
EARLY = 0.001
# If other programs use the account: the factor on the share of the rate, its minimum, its growth.
# Of 5 requests per second, the minimum is 1, and a second adds 0.15.
CUT_FACTOR = 0.7
MIN_SHARE = 0.2
GROWTH_PER_SECOND = 0.03
# The server counts arrived requests, the client counts sent requests. A difference of 1 proves
# nothing.
OTHERS_THAT_PROVE = 2
# Prefix of the tickets of requests that were sent, as earlier versions write it too. Other tickets
# wait.
SENT_PREFIX = "left "


class RateWindow(NamedTuple):
    """At most ``size`` requests in any ``window`` seconds."""

    size: int
    window: float


def window_of(rate: float) -> RateWindow:
    """Return the window for ``rate`` requests per second, which may be a fraction."""
    return RateWindow(max(1, math.floor(rate)), MARGIN * max(1.0, 1.0 / rate))


@dataclass
class Budget:
    """The times of sent and waiting requests by ticket, and the effect of the server's refusals.

    ``share`` is this client's part of the rate at the time ``share_at``. It grows from then on.
    ``cut_at`` is the time of the last cut. Refusals of earlier requests do not cut the share again.
    """

    slots: dict[str, float] = field(default_factory=dict)
    not_before: float = 0.0
    share: float = 1.0
    share_at: float = 0.0
    cut_at: float = 0.0

    def take(self, ticket: str, size: int, window: float, now: float) -> float:
        """Return the time at which the request of ``ticket`` may be sent, and reserve that slot.

        A new ticket gets a slot after all waiting tickets. A ticket that returns at its slot gets
        a later slot if other requests were sent later than planned.
        """
        is_known = self.slots.pop(ticket, None) is not None
        oldest = now - window / MIN_SHARE
        self.slots = {other: slot for other, slot in self.slots.items() if slot > oldest}
        share = self._share(now)
        window /= share
        gap = window / size * (APART if share == 1.0 else 1.0)
        taken = sorted(
            slot
            for other, slot in self.slots.items()
            if not is_known or slot <= now + EARLY or other.startswith(SENT_PREFIX)
        )
        slot = max(now, self.not_before)
        if taken:
            slot = max(slot, taken[-1] + gap)
        if len(taken) >= size:
            slot = max(slot, taken[-size] + window)
        self.slots[ticket] = slot
        return slot

    def paused(self, now: float) -> float:
        """Return the time from which requests may be sent again."""
        return max(now, self.not_before)

    def sent(self, ticket: str, delay: float, now: float) -> None:
        """Count a request as sent ``delay`` seconds from now, when its last byte arrives."""
        if self.slots.pop(ticket, None) is not None:
            self.slots[SENT_PREFIX + ticket] = now + delay

    def refused(self, sent_at: float, seconds: float, now: float) -> None:
        """Pause and slow down, because the server refused the request sent at ``sent_at``."""
        self.not_before = max(self.not_before, now + min(seconds, FARTHEST))
        if sent_at > self.cut_at + EARLY:
            self._cut(self._share(now) * CUT_FACTOR, now)

    def counted(self, sent_at: float, limit: int, remaining: int, now: float) -> None:
        """Slow down if the server counted more requests in the last second than this budget."""
        if sent_at <= self.cut_at + EARLY:
            return
        ours = sum(sent_at - 1.0 < slot <= sent_at for slot in self.slots.values())
        others = limit - remaining - ours
        if others >= OTHERS_THAT_PROVE:
            self._cut(min(self._share(now), 1.0 - others / limit), now)

    def _share(self, now: float) -> float:
        return min(1.0, self.share + GROWTH_PER_SECOND * max(0.0, now - self.share_at))

    def _cut(self, share: float, now: float) -> None:
        self.share = max(MIN_SHARE, share)
        self.share_at = max(now, self.not_before)
        self.cut_at = now
