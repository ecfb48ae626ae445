"""The budget of many machines: kept in Redis, changed by one script that runs there as a whole."""

from __future__ import annotations

import logging
import threading
from string import Template
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client.errors import InvalidUrl

from . import budget

if TYPE_CHECKING:
    from tap_activecampaign_unified.client.clock import Clock

    from .limiter import BudgetStore

logger = logging.getLogger(__name__)

SCHEMES = ("redis://", "rediss://", "unix://")
ANSWER_SECONDS = 2.0
# While Redis does not answer: the share of the rate for one machine, and the time to the next try.
SAFE_SHARE = 0.2
SECONDS_BETWEEN_TRIES = 10.0
# A store does not know the requests of the other: no request is sent until those stop to count.
CHANGEOVER_SECONDS = 1.1
FORGOTTEN_AFTER_SECONDS = 1200
INSTALL = "pip install 'tap-activecampaign-unified[redis]'"

# `Budget` as a Redis script. Its clock is that of Redis, in milliseconds, so that the clocks of
# machines may differ; tests pass the time. Lua writes numbers with 14 digits.
SCRIPT = Template("""
local share_left, share_least, growth, proof = $left, $least, $growth, $proof
local operation, now = ARGV[1], tonumber(ARGV[2])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 100) / 10
end
local budget = {slots = {}, not_before = 0, share = 1, share_at = 0, cut_at = 0}
local kept = redis.call('GET', KEYS[1])
if kept then budget = cjson.decode(kept) end

local function share_now()
  return math.min(1, budget.share + growth * math.max(0, now - budget.share_at) / 1000)
end

local function cut(share)
  budget.share = math.max(share_least, share)
  budget.share_at = math.max(now, budget.not_before)
  budget.cut_at = now
end

local found = 0
if operation == 'take' then
  local ticket, size, window = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
  local is_back = budget.slots[ticket] ~= nil
  budget.slots[ticket] = nil
  local share, kept_slots, taken = share_now(), {}, {}
  for other, slot in pairs(budget.slots) do
    if slot > now - window / share_least then
      kept_slots[other] = slot
      local has_left = string.sub(other, 1, $length) == '$left_name'
      if not is_back or slot <= now + $early or has_left then table.insert(taken, slot) end
    end
  end
  table.sort(taken)
  window = window / share
  local gap = window / size
  if share == 1 then gap = gap * $apart end
  found = math.max(now, budget.not_before)
  if #taken > 0 then found = math.max(found, taken[#taken] + gap) end
  if #taken >= size then found = math.max(found, taken[#taken - size + 1] + window) end
  found = math.ceil(found * 10) / 10
  kept_slots[ticket] = found
  budget.slots = kept_slots
elseif operation == 'paused' then
  found = math.max(now, budget.not_before)
elseif operation == 'departed' then
  if budget.slots[ARGV[3]] then
    budget.slots[ARGV[3]] = nil
    budget.slots['$left_name' .. ARGV[3]] = now + tonumber(ARGV[4])
  end
elseif operation == 'refused' then
  local left, wait = tonumber(ARGV[3]), math.min(tonumber(ARGV[4]), $farthest)
  budget.not_before = math.max(budget.not_before, now + wait)
  if left > budget.cut_at + $early then cut(share_now() * share_left) end
elseif operation == 'counted' then
  local left, limit, remaining = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
  if left > budget.cut_at + $early then
    local ours = 0
    for _, slot in pairs(budget.slots) do
      if slot > left - 1000 and slot <= left then ours = ours + 1 end
    end
    local others = limit - remaining - ours
    if others >= proof then cut(math.min(share_now(), 1 - others / limit)) end
  end
end
redis.call('SET', KEYS[1], cjson.encode(budget), 'EX', $forgotten)
return {tostring(now), string.format('%.1f', found)}
""").substitute(
    left=budget.LEFT_OF_SHARE,
    least=budget.MIN_SHARE,
    growth=budget.GROWTH_PER_SECOND,
    proof=budget.OTHERS_THAT_PROVE,
    apart=budget.APART,
    early=1000 * budget.EARLY,
    left_name=budget.LEFT,
    length=len(budget.LEFT),
    farthest=1000 * budget.FARTHEST,
    forgotten=FORGOTTEN_AFTER_SECONDS,
)
# Positions of the arguments that are times.
_SECONDS = {"take": (2,), "departed": (1,), "refused": (0, 1), "counted": (0,)}


def redis_client(url: str) -> tuple[Any, tuple[type[Exception], ...]]:
    """Return a client of the Redis server at ``url``, and the errors it raises; does not connect.

    Raises `InvalidUrl` where that is not a URL, or the client for Redis is not installed.
    """
    try:
        import redis  # noqa: PLC0415 - an extra that only this setting needs
        from redis.backoff import NoBackoff  # noqa: PLC0415
        from redis.retry import Retry  # noqa: PLC0415
    except ImportError:
        raise InvalidUrl(f"rate_limit_store needs the client for Redis: {INSTALL}") from None
    try:
        client = redis.Redis.from_url(
            url,
            socket_timeout=ANSWER_SECONDS,
            socket_connect_timeout=ANSWER_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
    except (ValueError, TypeError):
        raise InvalidUrl(
            "rate_limit_store is not the URL of a Redis server: write it like redis://host:6379/0"
        ) from None
    return client, (redis.RedisError, OSError)


class RedisBudgetStore:
    """Stores the budget under one key of a Redis server; uses a safe share without Redis."""

    def __init__(self, url: str, account: str, clock: Clock, spare: BudgetStore) -> None:
        """``spare`` stores the budget while Redis does not answer. Raises `InvalidUrl`."""
        self._key = f"activecampaign:rate:{account}"
        client, self._errors = redis_client(url)
        self._script = client.register_script(SCRIPT)
        self._clock, self._spare = clock, spare
        self._lock = threading.Lock()
        self._next_try: float | None = None
        self._held_until = 0.0

    def do(self, operation: str, *arguments: Any) -> tuple[float, float]:
        """Carry out one operation of `Budget` in Redis, or in ``spare`` while Redis is away."""
        now = self._clock.monotonic()
        if operation in {"take", "paused"} and now < self._held_until:
            return now, self._held_until
        if self._next_try is None or now >= self._next_try:
            try:
                found = self.run(operation, *arguments)
            except self._errors as problem:
                is_new = self._note_away(problem)
            else:
                is_new = self._note_back()
                if not is_new:
                    return found
            if is_new:
                return self.do(operation, *arguments)
        if operation == "take":
            ticket, size, window = arguments
            arguments = (ticket, 1, window / size / SAFE_SHARE)
        return self._spare.do(operation, *arguments)

    def run(self, operation: str, *arguments: Any, now: float | None = None) -> tuple[float, float]:
        """Run the script; ``now`` replaces Redis's clock."""
        times = _SECONDS.get(operation, ())
        values = [
            f"{1000 * value:.1f}" if place in times else value
            for place, value in enumerate(arguments)
        ]
        clock = "" if now is None else f"{1000 * now:.1f}"
        at, found = self._script(keys=[self._key], args=[operation, clock, *values])
        return float(at) / 1000, float(found) / 1000

    def _note_away(self, problem: Exception) -> bool:
        """Continue without Redis for a while; return whether that is new."""
        with self._lock:
            is_new = self._next_try is None
            self._next_try = self._clock.monotonic() + SECONDS_BETWEEN_TRIES
            if is_new:
                self._held_until = self._clock.monotonic() + CHANGEOVER_SECONDS
        if is_new:
            # The URL may hold a password, and so may the client's message.
            logger.warning(
                "The rate limit store in Redis does not answer (%s): continuing on this machine "
                "with a fifth of the rate until it does",
                type(problem).__name__,
            )
        return is_new

    def _note_back(self) -> bool:
        """Continue with Redis; return whether that is new."""
        with self._lock:
            is_new = self._next_try is not None
            self._next_try = None
            if is_new:
                self._held_until = self._clock.monotonic() + CHANGEOVER_SECONDS
        if is_new:
            logger.warning("The rate limit store in Redis answers again: using the whole rate")
        return is_new
