"""Two programs that use one account at the same time, and the check of their common rate limit."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from tests.sandbox import World

if TYPE_CHECKING:
    from datetime import datetime

SECONDS = 60
# Two programs without a common limit send ten requests a second, with it they send five. The bound
# lies between, because requests arrive closer together than they left when the machine is busy.
MAX_PER_SECOND = 7.5
BURST = 5
MIN_OF_EACH, FEWEST = 10, 30


class Meeting(World):
    """An account that, after `begin`, answers no request until two programs have sent a request.

    Both programs then run at the same time, however long one of them takes to start. It has no
    limit of its own. Programs differ in their user agent.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(requests_per_second=0, **options)
        self._programs: set[str] = set()
        self._is_complete = threading.Event()
        self._is_complete.set()

    def begin(self) -> None:
        """Clear the log, and wait for two programs."""
        self.log.clear()
        self._programs.clear()
        self._is_complete.clear()

    def answer(
        self,
        method: str,
        path: str,
        query: list[tuple[str, str]],
        headers: dict[str, str],
        body: bytes = b"",
        arrived: datetime | None = None,
    ) -> tuple[int, dict[str, str], bytes]:
        """Answer a request when both programs have sent a request."""
        self._programs.add(headers["User-Agent"])
        if len(self._programs) > 1:
            self._is_complete.set()
        assert self._is_complete.wait(SECONDS)
        return super().answer(method, path, query, headers, body, arrived)

    def check_rate(self) -> None:
        """Check that two programs ran at the same time within one limit of five a second."""
        times: dict[str, list[float]] = {}
        for entry in self.log:
            times.setdefault(entry.caller, []).append(entry.time.timestamp())
        first_times, other = (sorted(moments) for moments in times.values())
        first, last = max(first_times[0], other[0]), min(first_times[-1], other[-1])
        each = [
            sum(first <= moment <= last for moment in moments) for moments in (first_times, other)
        ]
        assert min(each) >= MIN_OF_EACH
        assert FEWEST <= sum(each) <= MAX_PER_SECOND * (last - first) + BURST
