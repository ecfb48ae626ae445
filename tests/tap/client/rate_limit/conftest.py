"""Budgets of accounts in a file or in Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tap_activecampaign_unified.client import FileBudgetStore, Limiter
from tests.tap.client.rate_limit.timed_redis import ACCOUNTS, TimedRedis

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.tap.client.clients import ManualClock


@pytest.fixture(scope="module", params=["file", "redis"])
def kept(request, tmp_path_factory, redis_url) -> Callable[[ManualClock], Callable[..., Limiter]]:
    """Yield a function that creates a budget, in a file or in Redis.

    It returns a process factory.
    """

    def make(clock: ManualClock) -> Callable[..., Limiter]:
        path = tmp_path_factory.mktemp("rate") / "rate.json"
        account = f"account-{next(ACCOUNTS)}"

        def process(rate: float = 5) -> Limiter:
            fallback = FileBudgetStore(clock, path)
            if request.param == "file":
                return Limiter(rate, clock, fallback)
            return Limiter(rate, clock, TimedRedis(redis_url, account, clock, fallback))

        return process

    return make
