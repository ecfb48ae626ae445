"""The account's budget: so many requests in any rolling second, over all threads and processes."""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .clock import Clock

try:
    import fcntl
except ImportError:  # Windows has no flock: there the budget is kept per process
    fcntl = None  # type: ignore[assignment]

logger = logging.getLogger(__name__)

ACCOUNT_LIMIT = 5
# A request that leaves late must not squeeze into the next second at the server's end.
MARGIN = 1.05
# A reservation or pause further away than this comes from a broken or rebooted machine's file.
FARTHEST = 600.0


def default_store(account: str) -> Path:
    """Return the rate file of an account under the user's state folder."""
    root = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(root) / "activecampaign" / f"rate-{re.sub(r'[^A-Za-z0-9.-]', '_', account)}.json"


class Limiter:
    """Hands out the moments at which a request may leave.

    A moment is reserved under the lock and waited for outside it, so that processes are served in
    the order they asked and one that dies while waiting costs a single slot. ``store`` None keeps
    the budget inside this process; ``rate`` 0 knows no limit but the pauses.
    """

    def __init__(self, rate: float, clock: Clock, store: Path | None = None) -> None:
        """Open the budget of ``rate`` requests per second."""
        self._clock = clock
        self._size = max(1, math.floor(rate))
        self._window = MARGIN * max(1.0, 1.0 / rate) if rate else 0.0
        self._store = store if fcntl and rate else None
        self._lock = threading.Lock()
        self._own: dict[str, Any] = {"slots": [], "not_before": 0.0}
        self.waited = 0.0

    def acquire(self) -> None:
        """Return when the next request may leave."""
        while True:
            with self._budget() as budget:
                now = self._clock.monotonic()
                slot = self._reserve(budget, now)
            if slot > now:
                self.waited += slot - now
                self._clock.sleep(slot - now)
            with self._budget() as budget:
                # A pause may have been called while we slept: then the slot is void.
                if budget["not_before"] <= max(slot, self._clock.monotonic()):
                    return

    def pause(self, seconds: float) -> None:
        """Let no request of any process leave for ``seconds``: ActiveCampaign said so."""
        with self._budget() as budget:
            until = self._clock.monotonic() + min(seconds, FARTHEST)
            budget["not_before"] = max(budget["not_before"], until)

    def _reserve(self, budget: dict[str, Any], now: float) -> float:
        slot = max(now, budget["not_before"])
        if not self._window:
            return slot
        slots = sorted(s for s in budget["slots"] if now - self._window < s)
        if slots:
            slot = max(slot, slots[-1])  # first come, first served
        if len(slots) >= self._size:
            slot = max(slot, slots[-self._size] + self._window)
        budget["slots"] = [*slots, slot][-4 * ACCOUNT_LIMIT - self._size :]
        return slot

    @contextlib.contextmanager
    def _budget(self) -> Iterator[dict[str, Any]]:
        with self._lock:
            handle = self._open()
            if handle is None:
                yield self._own
                return
            with handle:
                fcntl.flock(handle, fcntl.LOCK_EX)
                budget = self._read(handle.read())
                yield budget
                try:
                    handle.seek(0)
                    handle.truncate()
                    handle.write(json.dumps(budget))
                    handle.flush()
                except OSError as problem:
                    self._give_up(problem)

    def _open(self) -> Any:  # a text file handle
        if self._store is None:
            return None
        try:
            self._store.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(self._store, os.O_RDWR | os.O_CREAT, 0o600)
            return os.fdopen(descriptor, "r+")
        except OSError as problem:
            self._give_up(problem)
            return None

    def _give_up(self, problem: OSError) -> None:
        logger.warning(
            "The rate file %s cannot be used (%s): the request budget is kept for this "
            "process alone. Set rate_limit_store to a file that can be written.",
            self._store,
            problem.strerror or type(problem).__name__,
        )
        self._store = None

    def _read(self, text: str) -> dict[str, Any]:
        now = self._clock.monotonic()
        if not text:
            return {"slots": [], "not_before": 0.0}
        try:
            found = json.loads(text)
            pause = float(found["not_before"])
            slots = [s for s in map(float, found["slots"]) if s < now + FARTHEST]
        except (ValueError, TypeError, KeyError):
            # Its writer was killed in mid-write: take the whole window as spent.
            return {"slots": [now] * self._size, "not_before": 0.0}
        # Uptime starts anew with the machine: what lies too far ahead was written before that.
        return {"slots": slots, "not_before": pause if pause <= now + FARTHEST else 0.0}
