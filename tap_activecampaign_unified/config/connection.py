"""The connection settings of a client: URL, key, rate, and the store of the rate limit."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import (
    REDIS_SCHEMES,
    AccountUrl,
    Client,
    FileBudgetStore,
    InvalidUrl,
    Limiter,
    RedisBudgetStore,
    default_store,
    redis_client,
)

if TYPE_CHECKING:
    from tap_activecampaign_unified.client import Clock, Workers

DISTRIBUTION = "tap-activecampaign-unified"


@dataclass(frozen=True)
class Connection:
    """The checked settings of a client."""

    address: AccountUrl
    api_key: str
    requests_per_second: float
    rate_limit_store: str | None
    request_timeout: float
    max_retry_seconds: float
    max_concurrent_requests: int
    user_agent: str | None

    def __repr__(self) -> str:
        """Return the account's URL without the key."""
        return f"<Connection to {self.address.origin}>"

    def open(
        self, program: str, clock: Clock, session: Any = None, workers: Workers | None = None
    ) -> Client:
        """Return a client that shares the account's rate limit with other clients."""
        return Client(
            self.address,
            self.api_key,
            limiter=Limiter(self.requests_per_second, clock, self._store(clock)),
            clock=clock,
            user_agent=self.user_agent or f"{program}/{distribution_version()}",
            timeout=self.request_timeout,
            max_retry_seconds=self.max_retry_seconds,
            max_concurrent_requests=self.max_concurrent_requests,
            session=session,
            workers=workers,
        )

    def _store(self, clock: Clock) -> FileBudgetStore | RedisBudgetStore:
        """Return the store of the rate limit. Without a limit, processes share nothing."""
        if not self.requests_per_second:
            return FileBudgetStore(clock)
        account, location = self.address.account, self.rate_limit_store
        if location and location.startswith(REDIS_SCHEMES):
            fallback = FileBudgetStore(clock, default_store(account))
            return RedisBudgetStore(location, account, clock, fallback)
        return FileBudgetStore(
            clock, Path(location).expanduser() if location else default_store(account)
        )


def check_store(location: str | None) -> None:
    """Raise `InvalidUrl` if ``location`` is neither a file nor the URL of a Redis server."""
    if location and location.startswith(REDIS_SCHEMES):
        redis_client(location)
    elif location and "://" in location:
        raise InvalidUrl(
            "rate_limit_store must be a file of this machine, or an address like "
            "redis://host:6379/0"
        )


def distribution_version() -> str:
    """Return the installed version of the package, which both programs share."""
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return "0"
