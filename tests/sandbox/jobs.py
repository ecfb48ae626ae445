"""Work that the account does some time after a request: each job runs before the next answer."""

from __future__ import annotations

import heapq
import itertools
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime


class Jobs:
    """Jobs by due time; jobs of the same time run in the order of their creation."""

    def __init__(self) -> None:
        """Start without jobs."""
        self._due: list[tuple[datetime, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def add(self, now: datetime, seconds: float, job: Callable[[], None]) -> None:
        """Run a job after so many seconds, or at once for 0."""
        if seconds <= 0:
            job()
        else:
            due = now + timedelta(seconds=seconds)
            heapq.heappush(self._due, (due, next(self._numbers), job))

    def run(self, now: datetime, *, all_of_them: bool = False) -> None:
        """Run the jobs that are due, and due jobs that they add."""
        while self._due and (all_of_them or self._due[0][0] <= now):
            heapq.heappop(self._due)[-1]()
