"""The account's budget: so many requests in any rolling second, over all threads and processes."""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
import re
import threading
from bisect import insort
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .clock import Clock

try:
    import fcntl
except ImportError:  # Windows has no flock: there the budget is kept per process
    fcntl = None  # type: ignore[assignment]

logger = logging.getLogger(__name__)

# A request that leaves late must not squeeze into the next second at the server's end.
MARGIN = 1.06
# A reservation or pause further away than this comes from a broken or rebooted machine's file.
FARTHEST = 600.0
LONGEST_FILE = 1 << 20
# Sleeps may end a hair before the slot they were for.
EARLY = 0.001


def default_store(account: str) -> Path:
    """Return the rate file of an account under the user's state folder."""
    root = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(root) / "activecampaign" / f"rate-{re.sub(r'[^A-Za-z0-9.-]', '_', account)}.json"


class Limiter:
    """Hands out the moments at which a request may leave.

    A moment is reserved under the lock and waited for outside it, so that processes are served in
    the order they asked and one that dies while waiting costs a single slot. Who wakes late looks
    again before it leaves, and what counts from then on is when it left. ``store`` None keeps the
    budget inside this process; ``rate`` 0 knows no limit but the pauses.
    """

    def __init__(self, rate: float, clock: Clock, store: Path | None = None) -> None:
        """Open the budget of ``rate`` requests per second."""
        self._clock = clock
        self._size = max(1, math.floor(rate))
        self._window = MARGIN * max(1.0, 1.0 / rate) if rate else 0.0
        self._store = store if rate and fcntl is not None else None
        self._lock = threading.Lock()
        self._own = _Budget()
        self.waited = 0.0

    def acquire(self) -> None:
        """Return when the next request may leave."""
        slot: float | None = None
        while True:
            with self._budget() as budget:
                now = self._clock.monotonic()
                late = now if slot is None else max(slot, now)
                if slot is not None:
                    # While we slept a pause may have been called, or others may have left late.
                    budget.drop(slot)
                    if self._earliest(budget, late, waits=False) <= late:
                        budget.add(late)
                        return
                slot = self._earliest(budget, now, waits=True)
                budget.add(slot)
                if slot <= now:
                    return
            self.waited += slot - now
            self._clock.sleep(slot - now)

    def pause(self, seconds: float) -> None:
        """Let no request of any process leave for ``seconds``: ActiveCampaign said so."""
        with self._budget() as budget:
            until = self._clock.monotonic() + min(seconds, FARTHEST)
            budget.not_before = max(budget.not_before, until)

    def _earliest(self, budget: _Budget, now: float, *, waits: bool) -> float:
        """Return when a request may leave: who waits for a slot goes behind those who have one."""
        slot = max(now, budget.not_before)
        if not self._window:
            budget.slots.clear()
            return slot
        budget.slots = [s for s in budget.slots if now - self._window < s]
        taken = budget.slots if waits else [s for s in budget.slots if s <= now + EARLY]
        if waits and taken:
            slot = max(slot, taken[-1])  # first come, first served
        if len(taken) >= self._size:
            slot = max(slot, taken[-self._size] + self._window)
        return slot

    @contextlib.contextmanager
    def _budget(self) -> Iterator[_Budget]:
        with self._lock:
            handle = self._open()
            if handle is None:
                yield self._own
                return
            try:
                self._own = self._read(os.pread(handle, LONGEST_FILE, 0))
                yield self._own
                text = json.dumps({"slots": self._own.slots, "not_before": self._own.not_before})
                # Written over, then cut: a writer killed in between leaves no file that reads.
                os.ftruncate(handle, os.pwrite(handle, text.encode(), 0))
            except OSError as problem:
                self._give_up(problem)
            finally:
                os.close(handle)

    def _open(self) -> int | None:
        """Return the locked file, None where there is none to be had."""
        if self._store is None:
            return None
        handle = None
        try:
            self._store.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(self._store, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError as problem:
            if handle is not None:
                os.close(handle)
            self._give_up(problem)
            return None
        return handle

    def _give_up(self, problem: OSError) -> None:
        logger.warning(
            "The rate file %s cannot be used (%s): the request budget is kept for this "
            "process alone. Set rate_limit_store to a file that can be written.",
            self._store,
            problem.strerror or type(problem).__name__,
        )
        self._store = None

    def _read(self, text: bytes) -> _Budget:
        now = self._clock.monotonic()
        if not text:
            return _Budget()
        try:
            found = json.loads(text)
            pause = float(found["not_before"])
            # Uptime starts anew with the machine: what lies too far ahead is from before that.
            slots = sorted(s for s in map(float, found["slots"]) if s < now + FARTHEST)
        except (ValueError, TypeError, KeyError, RecursionError):
            # Its writer was killed in mid-write: take the whole window as spent.
            return _Budget([now] * self._size)
        return _Budget(slots, pause if pause <= now + FARTHEST else 0.0)


@dataclass
class _Budget:
    """When requests left or are to leave, in order, and until when none may."""

    slots: list[float] = field(default_factory=list)
    not_before: float = 0.0

    def add(self, slot: float) -> None:
        insort(self.slots, slot)

    def drop(self, slot: float) -> None:
        if slot in self.slots:
            self.slots.remove(slot)
