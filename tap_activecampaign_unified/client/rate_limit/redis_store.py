"""The budget of many machines, in Redis. One script changes it atomically."""

from __future__ import annotations

import logging
import threading
from string import Template
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client.errors import InvalidSetting

from . import adaptive_budget

if TYPE_CHECKING:
    from tap_activecampaign_unified.client.clock import Clock

    from .limiter import BudgetStore

logger = logging.getLogger(__name__)

SCHEMES = ("redis://", "rediss://", "unix://")
ANSWER_SECONDS = 2.0
# While Redis does not answer: the share of the rate for one machine, and the time between tries.
SAFE_SHARE = 0.2
SECONDS_BETWEEN_TRIES = 10.0
# Redis and the fallback store do not know each other's requests. After a change of the store, the
# client sends no request until the earlier requests no longer count.
CHANGEOVER_SECONDS = 1.1
# Redis deletes a budget that no process has used for this long.
FORGOTTEN_AFTER_SECONDS = 1200
INSTALL = "pip install 'tap-activecampaign-unified[redis]'"

# `Budget` as a Redis script. Its clock is the clock of Redis, in milliseconds, so that the clocks
# of machines may differ. Tests pass the time. Lua writes numbers with 14 digits.
SCRIPT = Template("""
local cut_factor, min_share, growth, proof = $cut_factor, $min_share, $growth, $proof
local operation, now = ARGV[1], tonumber(ARGV[2])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 100) / 10
end
local budget = {slots = {}, not_before = 0, share = 1, share_at = 0, cut_at = 0}
local stored = redis.call('GET', KEYS[1])
if stored then budget = cjson.decode(stored) end

local function share_now()
  return math.min(1, budget.share + growth * math.max(0, now - budget.share_at) / 1000)
end

local function cut(share)
  budget.share = math.max(min_share, share)
  budget.share_at = math.max(now, budget.not_before)
  budget.cut_at = now
end

local result = 0
if operation == 'take' then
  local ticket, size, window = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
  local is_known = budget.slots[ticket] ~= nil
  budget.slots[ticket] = nil
  local share, kept_slots, taken = share_now(), {}, {}
  for other, slot in pairs(budget.slots) do
    if slot > now - window / min_share then
      kept_slots[other] = slot
      local is_sent = string.sub(other, 1, $length) == '$sent_prefix'
      if not is_known or slot <= now + $early or is_sent then table.insert(taken, slot) end
    end
  end
  table.sort(taken)
  window = window / share
  local gap = window / size
  if share == 1 then gap = gap * $apart end
  result = math.max(now, budget.not_before)
  if #taken > 0 then result = math.max(result, taken[#taken] + gap) end
  if #taken >= size then result = math.max(result, taken[#taken - size + 1] + window) end
  result = math.ceil(result * 10) / 10
  kept_slots[ticket] = result
  budget.slots = kept_slots
elseif operation == 'paused' then
  result = math.max(now, budget.not_before)
elseif operation == 'sent' then
  if budget.slots[ARGV[3]] then
    budget.slots[ARGV[3]] = nil
    budget.slots['$sent_prefix' .. ARGV[3]] = now + tonumber(ARGV[4])
  end
elseif operation == 'refused' then
  local sent_at, wait = tonumber(ARGV[3]), math.min(tonumber(ARGV[4]), $farthest)
  budget.not_before = math.max(budget.not_before, now + wait)
  if sent_at > budget.cut_at + $early then cut(share_now() * cut_factor) end
elseif operation == 'counted' then
  local sent_at, limit, remaining = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
  if sent_at > budget.cut_at + $early then
    local ours = 0
    for _, slot in pairs(budget.slots) do
      if slot > sent_at - 1000 and slot <= sent_at then ours = ours + 1 end
    end
    local others = limit - remaining - ours
    if others >= proof then cut(math.min(share_now(), 1 - others / limit)) end
  end
end
redis.call('SET', KEYS[1], cjson.encode(budget), 'EX', $forgotten)
return {tostring(now), string.format('%.1f', result)}
""").substitute(
    cut_factor=adaptive_budget.CUT_FACTOR,
    min_share=adaptive_budget.MIN_SHARE,
    growth=adaptive_budget.GROWTH_PER_SECOND,
    proof=adaptive_budget.OTHERS_THAT_PROVE,
    apart=adaptive_budget.APART,
    early=1000 * adaptive_budget.EARLY,
    sent_prefix=adaptive_budget.SENT_PREFIX,
    length=len(adaptive_budget.SENT_PREFIX),
    farthest=1000 * adaptive_budget.FARTHEST,
    forgotten=FORGOTTEN_AFTER_SECONDS,
)
# Positions of the arguments that are times.
_SECONDS = {"take": (2,), "sent": (1,), "refused": (0, 1), "counted": (0,)}


def redis_client(url: str) -> tuple[Any, tuple[type[Exception], ...]]:
    """Return a client of the Redis server at ``url``, and the errors it raises. Does not connect.

    Raises `InvalidSetting` if ``url`` is not a URL, or if the client for Redis is not installed.
    """
    try:
        import redis  # noqa: PLC0415 - an extra that only this setting needs
        from redis.backoff import NoBackoff  # noqa: PLC0415
        from redis.retry import Retry  # noqa: PLC0415
    except ImportError:
        raise InvalidSetting(f"rate_limit_store needs the client for Redis: {INSTALL}") from None
    try:
        client = redis.Redis.from_url(
            url,
            socket_timeout=ANSWER_SECONDS,
            socket_connect_timeout=ANSWER_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
    except (ValueError, TypeError):
        raise InvalidSetting(
            "rate_limit_store is not the URL of a Redis server: write it like redis://host:6379/0"
        ) from None
    return client, (redis.RedisError, OSError)


class RedisBudgetStore:
    """Stores the budget under one key of a Redis server. Without Redis, it uses a safe share."""

    def __init__(self, url: str, account: str, clock: Clock, fallback: BudgetStore) -> None:
        """``fallback`` stores the budget while Redis does not answer. Raises `InvalidSetting`."""
        self._key = f"activecampaign:rate:{account}"
        client, self._errors = redis_client(url)
        self._script = client.register_script(SCRIPT)
        self._clock, self._fallback = clock, fallback
        self._lock = threading.Lock()
        self._next_try: float | None = None
        self._held_until = 0.0

    def do(self, operation: str, *arguments: Any) -> tuple[float, float]:
        """Carry out one operation of `Budget`: in Redis, or in ``fallback`` while Redis fails."""
        now = self._clock.monotonic()
        if operation in {"take", "paused"} and now < self._held_until:
            return now, self._held_until
        if self._next_try is None or now >= self._next_try:
            try:
                result = self.run(operation, *arguments)
            except self._errors as problem:
                has_changed = self._note_failure(problem)
            else:
                has_changed = self._note_success()
                if not has_changed:
                    return result
            if has_changed:
                return self.do(operation, *arguments)
        if operation == "take":
            ticket, size, window = arguments
            arguments = (ticket, 1, window / size / SAFE_SHARE)
        return self._fallback.do(operation, *arguments)

    def run(self, operation: str, *arguments: Any, now: float | None = None) -> tuple[float, float]:
        """Run the script. ``now`` replaces Redis's clock."""
        times = _SECONDS.get(operation, ())
        values = [
            f"{1000 * value:.1f}" if position in times else value
            for position, value in enumerate(arguments)
        ]
        clock = "" if now is None else f"{1000 * now:.1f}"
        time, result = self._script(keys=[self._key], args=[operation, clock, *values])
        return float(time) / 1000, float(result) / 1000

    def _note_failure(self, problem: Exception) -> bool:
        """Continue without Redis for a while. Return whether this changes the store."""
        with self._lock:
            is_new = self._next_try is None
            self._next_try = self._clock.monotonic() + SECONDS_BETWEEN_TRIES
            if is_new:
                self._held_until = self._clock.monotonic() + CHANGEOVER_SECONDS
        if is_new:
            # The URL may hold a password, and so may the client's message.
            logger.warning(
                "The rate limit store in Redis does not answer (%s): this machine continues "
                "with a fifth of the rate until Redis answers",
                type(problem).__name__,
            )
        return is_new

    def _note_success(self) -> bool:
        """Continue with Redis. Return whether this changes the store."""
        with self._lock:
            is_new = self._next_try is not None
            self._next_try = None
            if is_new:
                self._held_until = self._clock.monotonic() + CHANGEOVER_SECONDS
        if is_new:
            logger.warning(
                "The rate limit store in Redis answers again: the client uses the whole rate"
            )
        return is_new
