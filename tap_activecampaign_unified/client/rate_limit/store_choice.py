"""Chooses the store of the rate limit by the setting: a file, a Redis server, or none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tap_activecampaign_unified.client.errors import InvalidSetting

from .file_store import FileBudgetStore, rate_file_of
from .redis_store import SCHEMES, RedisBudgetStore, redis_client

if TYPE_CHECKING:
    from tap_activecampaign_unified.client.clock import Clock


def choose_store(
    location: str | None, account: str, clock: Clock, *, has_limit: bool
) -> FileBudgetStore | RedisBudgetStore:
    """Return the store of an account's rate limit; ``location`` is the setting `rate_limit_store`.

    Without a limit, processes share nothing. Without Redis, those of this machine share a file.
    """
    if not has_limit:
        return FileBudgetStore(clock)
    if location and location.startswith(SCHEMES):
        fallback = FileBudgetStore(clock, rate_file_of(account))
        return RedisBudgetStore(location, account, clock, fallback)
    path = Path(location).expanduser() if location else rate_file_of(account)
    return FileBudgetStore(clock, path)


def check_store(location: str | None) -> None:
    """Raise `InvalidSetting` if ``location`` is neither a file nor the URL of a Redis server."""
    if location and location.startswith(SCHEMES):
        redis_client(location)
    elif location and "://" in location:
        raise InvalidSetting(
            "rate_limit_store must be a file of this machine, or an address like "
            "redis://host:6379/0"
        )
