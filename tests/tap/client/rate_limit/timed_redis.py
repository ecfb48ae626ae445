"""A store in a real Redis server that uses the test's clock."""

from __future__ import annotations

import itertools
from typing import Any

from tap_activecampaign_unified.client.rate_limit.redis_store import RedisBudgetStore

ACCOUNTS = itertools.count()


class TimedRedis(RedisBudgetStore):
    """The store in a real Redis server that uses the test's clock."""

    def run(self, operation: str, *arguments: Any, now: float | None = None) -> Any:
        now = self._clock.monotonic() if now is None else now
        return super().run(operation, *arguments, now=now)
