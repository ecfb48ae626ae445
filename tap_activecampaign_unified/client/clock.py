"""The clock: an argument of all code that waits or reads the time."""

from __future__ import annotations

import datetime as dt
import threading
import time
from functools import cache
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """Clock of the client, the rate limiter and the walks."""

    def now(self) -> dt.datetime:
        """Return the time of day, aware, in UTC."""

    def monotonic(self) -> float:
        """Return seconds that never run backwards and are the same for every process."""

    def boot(self) -> str | None:
        """Return the id of the machine's current start, None if the system has no such id."""

    def sleep(self, seconds: float) -> None:
        """Return after ``seconds``, or at once while the run is being stopped."""


@cache
def _boot_id() -> str | None:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip() or None
    except (OSError, ValueError):
        return None


class SystemClock:
    """The machine's clock. `wake` ends every sleep when a run is being stopped."""

    def __init__(self) -> None:
        self._woken = threading.Event()

    def now(self) -> dt.datetime:
        """Return the machine's time of day in UTC."""
        return dt.datetime.now(dt.UTC)

    def monotonic(self) -> float:
        """Return the machine's uptime in seconds, the same for all its processes."""
        return time.monotonic()

    def boot(self) -> str | None:
        """Return Linux's id of the current start, None on other systems."""
        return _boot_id()

    def sleep(self, seconds: float) -> None:
        """Wait until the time is over or `wake` is called."""
        if seconds > 0:
            self._woken.wait(seconds)

    def wake(self) -> None:
        """End this and every later sleep."""
        self._woken.set()
