"""What a client is made of: address, key, pace, and where the account's budget is shared."""

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
    """What a client is made of, checked."""

    address: AccountUrl
    api_key: str
    requests_per_second: float
    rate_limit_store: str | None
    request_timeout: float
    max_retry_seconds: float
    max_concurrent_requests: int
    user_agent: str | None

    def __repr__(self) -> str:
        """Name the account, never the key."""
        return f"<Connection to {self.address.origin}>"

    def open(
        self, program: str, clock: Clock, session: Any = None, workers: Workers | None = None
    ) -> Client:
        """Return a client that shares the account's budget with every other."""
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
        """Return where the budget is kept; one without limit is nobody else's affair."""
        if not self.requests_per_second:
            return FileBudgetStore(clock)
        account, chosen = self.address.account, self.rate_limit_store
        if chosen and chosen.startswith(REDIS_SCHEMES):
            spare = FileBudgetStore(clock, default_store(account))
            return RedisBudgetStore(chosen, account, clock, spare)
        return FileBudgetStore(
            clock, Path(chosen).expanduser() if chosen else default_store(account)
        )


def check_store(chosen: str | None) -> None:
    """Raise `InvalidUrl` when the budget cannot be shared at ``chosen``."""
    if chosen and chosen.startswith(REDIS_SCHEMES):
        redis_client(chosen)
    elif chosen and "://" in chosen:
        raise InvalidUrl(
            "rate_limit_store must be a file of this machine, or an address like "
            "redis://host:6379/0"
        )


def distribution_version() -> str:
    """Return the installed version, which both programs share."""
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return "0"
