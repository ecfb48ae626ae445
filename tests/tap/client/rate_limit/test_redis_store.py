"""The budget in Redis, and the limit while Redis is unavailable."""

from __future__ import annotations

import logging
import sys

import pytest
import redis

from tap_activecampaign_unified.client import FileBudgetStore, InvalidSetting, Limiter
from tap_activecampaign_unified.client.rate_limit.adaptive_budget import MARGIN
from tap_activecampaign_unified.client.rate_limit.redis_store import (
    SECONDS_BETWEEN_TRIES,
    RedisBudgetStore,
    redis_client,
)
from tests.redis_server import running_redis

from .departures import busiest, rate_over
from .timed_redis import TimedRedis

HIDDEN = "s3cret-5f0c1b9e"


class UnreliableRedis(TimedRedis):
    """A Redis server that can be unavailable."""

    is_away = False

    def run(self, *arguments, **more):
        if self.is_away:
            raise redis.ConnectionError(f"Error connecting to redis://:{HIDDEN}@host")
        return super().run(*arguments, **more)


@pytest.fixture
def unreliable(redis_url, clock, request):
    return UnreliableRedis(redis_url, request.node.name, clock, FileBudgetStore(clock))


def test_while_redis_is_away_a_fifth_of_the_rate_is_used(unreliable, clock, caplog):
    """Without Redis each machine uses a fifth of the rate and logs one warning."""
    limiter = Limiter(5, clock, unreliable)
    assert rate_over(limiter, clock, 20) == pytest.approx(5 / MARGIN, rel=0.05)
    unreliable.is_away = True
    with caplog.at_level(logging.WARNING):
        assert rate_over(limiter, clock, 60) == pytest.approx(1 / MARGIN, rel=0.05)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "a fifth" in caplog.text
    assert HIDDEN not in caplog.text


def test_when_redis_is_back_the_whole_rate_is_used(unreliable, clock, caplog):
    """Seconds after Redis returns, the limiter uses the whole rate and logs it."""
    limiter = Limiter(5, clock, unreliable)
    unreliable.is_away = True
    rate_over(limiter, clock, 5)
    unreliable.is_away = False
    with caplog.at_level(logging.WARNING):
        rate_over(limiter, clock, SECONDS_BETWEEN_TRIES)
    assert "answers again" in caplog.text
    assert rate_over(limiter, clock, 20) == pytest.approx(5 / MARGIN, rel=0.05)


def test_losing_and_regaining_redis_never_exceeds_the_limit(unreliable, clock):
    """No second exceeds the limit when Redis goes away or returns."""
    limiter, left = Limiter(5, clock, unreliable), []
    for number in range(120):
        unreliable.is_away = number // 17 % 2 == 1
        limiter.acquire()
        left.append(clock.monotonic())
    assert busiest(left) <= 5


def test_a_server_that_is_not_there_is_no_error(clock, caplog):
    """A run starts if Redis is unavailable."""
    store = RedisBudgetStore("redis://127.0.0.1:1/0", "acme", clock, FileBudgetStore(clock))
    with caplog.at_level(logging.WARNING):
        Limiter(5, clock, store).acquire()
    assert "does not answer" in caplog.text


def test_the_clock_is_the_servers(redis_url, clock):
    """Machines with different clocks use Redis's clock."""
    store = RedisBudgetStore(redis_url, "server-clock", clock, FileBudgetStore(clock))
    seconds, micros = redis.Redis.from_url(redis_url).time()
    now, slot = store.do("take", "t", 5, MARGIN)
    assert now == pytest.approx(seconds + micros / 1e6, abs=5)
    assert slot == pytest.approx(now, abs=0.001)


def test_keys_of_an_idle_account_expire(redis_url, clock):
    """The keys of an idle account expire in Redis."""
    RedisBudgetStore(redis_url, "forgotten", clock, FileBudgetStore(clock)).do(
        "take", "t", 5, MARGIN
    )
    assert 0 < redis.Redis.from_url(redis_url).ttl("activecampaign:rate:forgotten") <= 1200


def test_a_flushed_server_gets_script_and_budget_again(clock, tmp_path):
    """After a flush or restart of Redis the client loads the script and the budget again."""
    with running_redis(tmp_path) as server:
        store = TimedRedis(
            f"unix://{server.socket_file}?db=0", "acme", clock, FileBudgetStore(clock)
        )
        store.do("take", "a", 5, MARGIN)
        server.flushall()
        server.script_flush()
        assert store.do("take", "b", 5, MARGIN)[1] == pytest.approx(clock.monotonic(), abs=0.001)


@pytest.mark.parametrize("url", ["redis://host:port/0", "redis://host:6379/zero?db=zero"])
def test_a_wrong_redis_address_is_an_error_without_its_value(url):
    """The error shows the form of an address and does not repeat the value."""
    with pytest.raises(InvalidSetting, match="redis://host:6379/0"):
        redis_client(url.replace("host", f":{HIDDEN}@host"))


def test_a_missing_redis_client_is_an_error_with_the_extra(monkeypatch):
    """Without the Redis client the error names the extra to install."""
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(InvalidSetting, match="pip install"):
        redis_client("redis://host")
