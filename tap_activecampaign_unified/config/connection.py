"""The connection settings of a client, and the client that they open."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import AccountUrl, Client, Limiter, choose_store

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
        rate = self.requests_per_second
        account = self.address.account
        store = choose_store(self.rate_limit_store, account, clock, has_limit=bool(rate))
        return Client(
            self.address,
            self.api_key,
            limiter=Limiter(rate, clock, store),
            clock=clock,
            user_agent=self.user_agent or f"{program}/{distribution_version()}",
            timeout=self.request_timeout,
            max_retry_seconds=self.max_retry_seconds,
            max_concurrent_requests=self.max_concurrent_requests,
            session=session,
            workers=workers,
        )


@cache
def distribution_version() -> str:
    """Return the installed version of the package, which both programs share.

    The package's metadata is read once: this takes 2 ms.
    """
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return "0"
