"""Work that the account does some time after a request: each job runs before the next answer."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime


class Jobs:
    """Jobs by due time; jobs of the same time run in the order of their creation."""

    def __init__(self) -> None:
        """Start without jobs."""
        self._due: list[tuple[datetime, Callable[[], None]]] = []

    def add(self, now: datetime, seconds: float, job: Callable[[], None]) -> None:
        """Run a job after so many seconds, or at once for 0."""
        if seconds <= 0:
            job()
        else:
            self._due.append((now + timedelta(seconds=seconds), job))

    def run(self, now: datetime, *, all_of_them: bool = False) -> None:
        """Run the jobs that are due, and due jobs that they add."""
        while due := [entry for entry in self._due if all_of_them or entry[0] <= now]:
            first = min(due, key=lambda entry: entry[0])
            self._due.remove(first)
            first[1]()
