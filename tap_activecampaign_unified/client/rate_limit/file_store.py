"""The request budget of one machine, in a locked file that all processes of a user share."""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
import threading
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client.account_url import account_file

from .adaptive_budget import FARTHEST, Budget

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tap_activecampaign_unified.client.clock import Clock

try:
    import fcntl
except ImportError:  # Windows has no flock, so each process has its own budget there
    fcntl = None  # type: ignore[assignment]
HAS_LOCKS = fcntl is not None
# Child processes do not inherit the file, and the system follows no symbolic link to it.
_SAFE_FLAGS = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)

logger = logging.getLogger(__name__)

MAX_FILE_BYTES = 1 << 20
# More slots than any window has, to mark a whole window as used up.
SPENT_SLOTS = 100
# If the machine's start has no id, its time on the wall clock identifies it. Clocks drift.
BOOT_DRIFT_SECONDS = 60.0


def rate_file_of(account: str) -> Path:
    """Return the rate file of an account under the user's state folder."""
    return account_file(account, "rate", "json")


class FileBudgetStore:
    """Stores the budget in a file, or in this process if ``path`` is None or unusable."""

    def __init__(self, clock: Clock, path: Path | None = None) -> None:
        self._clock = clock
        self._path = path if HAS_LOCKS else None
        self._lock = threading.Lock()
        self._latest = Budget()

    def do(self, operation: str, *arguments: Any) -> tuple[float, float]:
        """Carry out one operation of `Budget` under the file's lock. Return uptime and result."""
        with self._budget() as budget:
            now = self._clock.monotonic()
            result = getattr(budget, operation)(*arguments, now)
        return now, result or 0.0

    @contextlib.contextmanager
    def _budget(self) -> Iterator[Budget]:
        with self._lock:
            handle = self._open()
            if handle is None:
                yield self._latest
                return
            try:
                self._latest = self._read(os.pread(handle, MAX_FILE_BYTES, 0))
                yield self._latest
                text = json.dumps(vars(self._latest) | self._boot())
                # Overwrite, then truncate. After a kill in between, the file does not parse.
                os.ftruncate(handle, os.pwrite(handle, text.encode(), 0))
            except OSError as problem:
                self._give_up(problem)
            finally:
                os.close(handle)

    def _open(self) -> int | None:
        """Return the descriptor of the locked file, or None if it cannot be opened."""
        if self._path is None:
            return None
        handle = None
        try:
            handle = self._open_file(self._path)
            fcntl.flock(handle, fcntl.LOCK_EX)
            if not os.fstat(handle).st_size:
                os.fchmod(handle, 0o600)  # a new file, whose mode the umask may have changed
        except OSError as problem:
            if handle is not None:
                os.close(handle)
            self._give_up(problem)
            return None
        return handle

    @staticmethod
    def _open_file(path: Path) -> int:
        """Open the file. Make its folder only after a failure, because every request opens it."""
        flags = os.O_RDWR | os.O_CREAT | _SAFE_FLAGS
        try:
            return os.open(path, flags, 0o600)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            return os.open(path, flags, 0o600)

    def _give_up(self, problem: OSError) -> None:
        logger.warning(
            "The rate file %s cannot be used (%s): this process keeps its own "
            "request budget. Set rate_limit_store to a file that can be written.",
            self._path,
            problem.strerror or type(problem).__name__,
        )
        self._path = None

    def _boot(self) -> dict[str, str | float | None]:
        """Return the identity of the machine's start, because each start begins a new uptime."""
        boot = self._clock.boot()
        if boot is not None:
            return {"boot": boot}
        return {"boot": None, "booted": self._clock.now().timestamp() - self._clock.monotonic()}

    def _is_of_this_boot(self, stored: dict[str, Any]) -> bool:
        boot = self._boot()
        if boot["boot"] is not None or stored.get("boot") is not None:
            return stored.get("boot") == boot["boot"]
        drift = float(stored.get("booted", math.nan)) - float(boot["booted"] or 0)
        return abs(drift) <= BOOT_DRIFT_SECONDS

    def _read(self, text: bytes) -> Budget:
        now = self._clock.monotonic()
        if not text:
            return Budget()
        try:
            stored = json.loads(text)
            is_current = self._is_of_this_boot(stored)
            numbers = {
                name: float(stored[name]) for name in ("not_before", "share", "share_at", "cut_at")
            }
            slots = {str(ticket): float(slot) for ticket, slot in stored["slots"].items()}
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            # A process was killed while it wrote. Assume that the whole window is used up.
            return Budget({f"spent-{number}": now for number in range(SPENT_SLOTS)})
        if not is_current:
            return Budget()  # its times are uptimes of another start, or of another machine
        latest = now + 2 * FARTHEST  # slots can be as late as the longest pause
        if any(not time <= latest for time in numbers.values()) or not 0 < numbers["share"] <= 1:
            numbers = {}
        kept = {ticket: slot for ticket, slot in slots.items() if slot <= latest}
        return Budget(kept, **numbers)
