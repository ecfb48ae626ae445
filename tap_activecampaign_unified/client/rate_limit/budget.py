"""The account's budget as numbers: who may leave when, and what is given up for others.

Pure: the caller brings the time and keeps the numbers, in a file or in Redis. What Redis runs
(`redis_store`) says the same in its own language, and a test holds the two together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

# Two requests that leave a window apart arrive a little closer or further apart than that. What
# happens on this side of the line is not part of it: a request counts from when its bytes left.
MARGIN = 1.035
# Five at once would queue at the server and arrive as it gets round to them: a little apart they
# arrive as they left. In parts of the space that each would have if all left evenly.
APART = 0.4
# A pause or slot further away than this comes from a broken or rebooted machine.
FARTHEST = 600.0
# Sleeps may end a hair before the slot they were for.
EARLY = 0.001
# Others use the account: what is left of the rate at once, never less than, and how fast it grows.
LEFT_OF_SHARE = 0.7
LEAST_SHARE = 0.2
GROWTH_PER_SECOND = 0.03
# The server counts arrivals, we count departures: one more than ours proves nobody.
OTHERS_THAT_PROVE = 2
# How those that left are told from those that wait: by the names of their slots.
LEFT = "left "


class RateWindow(NamedTuple):
    """How one caller uses the budget: at most ``size`` requests in any ``window`` seconds."""

    size: int
    window: float


def pace_of(rate: float) -> RateWindow:
    """Return the pace of ``rate`` requests per second, which may be a fraction."""
    return RateWindow(max(1, math.floor(rate)), MARGIN * max(1.0, 1.0 / rate))


@dataclass
class Budget:
    """When requests left or are to leave, by ticket, and what the server said of its patience.

    ``share`` is the part of the rate that was ours at ``share_at``; it grows back from there.
    ``cut_at`` is when it was cut last: what left before that says nothing new.
    """

    slots: dict[str, float] = field(default_factory=dict)
    not_before: float = 0.0
    share: float = 1.0
    share_at: float = 0.0
    cut_at: float = 0.0

    def take(self, ticket: str, size: int, window: float, now: float) -> float:
        """Return when the request of ``ticket`` may leave: now, or a slot that it has from here on.

        Who asks for the first time goes behind those who wait. Who comes back for its slot is let
        go if those that left by now leave room for it; others may have left later than planned.
        """
        is_back = self.slots.pop(ticket, None) is not None
        oldest = now - window / LEAST_SHARE
        self.slots = {one: slot for one, slot in self.slots.items() if slot > oldest}
        share = self._share(now)
        window /= share
        gap = window / size * (APART if share == 1.0 else 1.0)
        taken = sorted(
            slot
            for one, slot in self.slots.items()
            if not is_back or slot <= now + EARLY or one.startswith(LEFT)
        )
        slot = max(now, self.not_before)
        if taken:
            slot = max(slot, taken[-1] + gap)
        if len(taken) >= size:
            slot = max(slot, taken[-size] + window)
        self.slots[ticket] = slot
        return slot

    def paused(self, now: float) -> float:
        """Return when anybody may leave again."""
        return max(now, self.not_before)

    def departed(self, ticket: str, late: float, now: float) -> None:
        """Count a request from ``late`` seconds from now: its last byte left a moment ago."""
        if self.slots.pop(ticket, None) is not None:
            self.slots[LEFT + ticket] = now + late

    def pause(self, seconds: float, now: float) -> None:
        """Let nobody leave for so long."""
        self.not_before = max(self.not_before, now + min(seconds, FARTHEST))

    def refused(self, left: float, seconds: float, now: float) -> None:
        """Pause, and go on more slowly: the request that left then was one too many."""
        self.pause(seconds, now)
        if left > self.cut_at + EARLY:
            self._cut(self._share(now) * LEFT_OF_SHARE, now)

    def counted(self, left: float, limit: int, remaining: int, now: float) -> None:
        """Give way where the server counted more requests than ours in the second before."""
        if left <= self.cut_at + EARLY:
            return
        ours = sum(left - 1.0 < slot <= left for slot in self.slots.values())
        others = limit - remaining - ours
        if others >= OTHERS_THAT_PROVE:
            self._cut(min(self._share(now), 1.0 - others / limit), now)

    def _share(self, now: float) -> float:
        return min(1.0, self.share + GROWTH_PER_SECOND * max(0.0, now - self.share_at))

    def _cut(self, share: float, now: float) -> None:
        self.share = max(LEAST_SHARE, share)
        self.share_at = max(now, self.not_before)
        self.cut_at = now
