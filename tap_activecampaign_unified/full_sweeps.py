"""Decides when the tap reads an incremental stream in full again: the setting `full_sweep_hours`.

A sweep is such a full read. It finds changes that a filter by time misses, such as an
unsubscription.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

# With `auto`, a sweep may take this share of the time since the last sweep, within these bounds.
SHARE_OF_TIME = 0.05
MIN_AGE, MAX_AGE = dt.timedelta(hours=1), dt.timedelta(hours=168)


@dataclass(frozen=True)
class SweepPolicy:
    """The rule for sweeps: after a fixed time (``after``), or by ``rate`` in requests per second.

    Without both, the tap never reads an incremental stream in full again.
    """

    after: dt.timedelta | None = None
    rate: float | None = None

    @property
    def is_on(self) -> bool:
        """Whether the tap ever reads incremental streams in full again."""
        return self.after is not None or self.rate is not None

    def age(self, requests: int | None) -> dt.timedelta | None:
        """Return the age of the last sweep at which the next sweep is due, None for never.

        ``requests`` is the number of requests of the last sweep, None if it is unknown.
        """
        if self.rate is None:
            return self.after
        if requests is None:
            return MAX_AGE
        needed = dt.timedelta(seconds=requests / self.rate / SHARE_OF_TIME)
        return min(max(needed, MIN_AGE), MAX_AGE)

    def is_due(self, last: dt.datetime | None, requests: int | None, now: dt.datetime) -> bool:
        """Return whether a sweep is due. ``last`` is the time of the last sweep."""
        age = self.age(requests)
        return age is not None and (last is None or now - last >= age)


NO_SWEEPS = SweepPolicy()
