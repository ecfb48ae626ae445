"""The request budget of one machine, in a locked file that all processes of a user share."""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
import threading
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client.url import account_file

from .budget import FARTHEST, Budget

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tap_activecampaign_unified.client.clock import Clock

try:
    import fcntl
except ImportError:  # Windows has no flock: there the budget is kept per process
    fcntl = None  # type: ignore[assignment]
HAS_LOCKS = fcntl is not None
# Child processes do not inherit it, and a symbolic link in its place is not followed.
_SAFELY = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)

logger = logging.getLogger(__name__)

MAX_FILE_BYTES = 1 << 20
# More slots than any window has.
MANY = 100
# Where the machine's start has no id, its time on the wall clock identifies it; clocks drift.
BOOT_DRIFT_SECONDS = 60.0


def default_store(account: str) -> Path:
    """Return the rate file of an account under the user's state folder."""
    return account_file(account, "rate", "json")


class FileBudgetStore:
    """Stores the budget in a file, or in this process where ``path`` is None or unusable."""

    def __init__(self, clock: Clock, path: Path | None = None) -> None:
        self._clock = clock
        self._path = path if HAS_LOCKS else None
        self._lock = threading.Lock()
        self._own = Budget()

    def do(self, operation: str, *arguments: Any) -> tuple[float, float]:
        """Carry out one operation of `Budget` under the file's lock; return uptime and result."""
        with self._budget() as budget:
            now = self._clock.monotonic()
            found = getattr(budget, operation)(*arguments, now)
        return now, found or 0.0

    @contextlib.contextmanager
    def _budget(self) -> Iterator[Budget]:
        with self._lock:
            handle = self._open()
            if handle is None:
                yield self._own
                return
            try:
                self._own = self._read(os.pread(handle, MAX_FILE_BYTES, 0))
                yield self._own
                text = json.dumps(vars(self._own) | self._boot())
                # Overwrite, then truncate: after a kill in between, the file does not parse.
                os.ftruncate(handle, os.pwrite(handle, text.encode(), 0))
            except OSError as problem:
                self._give_up(problem)
            finally:
                os.close(handle)

    def _open(self) -> int | None:
        """Return the locked file; None where it cannot be opened."""
        if self._path is None:
            return None
        handle = None
        try:
            handle = self._open_file(self._path)
            fcntl.flock(handle, fcntl.LOCK_EX)
            if not os.fstat(handle).st_size:
                os.fchmod(handle, 0o600)  # it is new: whatever the umask
        except OSError as problem:
            if handle is not None:
                os.close(handle)
            self._give_up(problem)
            return None
        return handle

    @staticmethod
    def _open_file(path: Path) -> int:
        """Open the file. Only if its folder is missing, make the folder: every request opens it."""
        flags = os.O_RDWR | os.O_CREAT | _SAFELY
        try:
            return os.open(path, flags, 0o600)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            return os.open(path, flags, 0o600)

    def _give_up(self, problem: OSError) -> None:
        logger.warning(
            "The rate file %s cannot be used (%s): the request budget is kept for this "
            "process alone. Set rate_limit_store to a file that can be written.",
            self._path,
            problem.strerror or type(problem).__name__,
        )
        self._path = None

    def _boot(self) -> dict[str, str | float | None]:
        """Return what distinguishes this start of the machine from others: uptimes start again."""
        boot = self._clock.boot()
        if boot is not None:
            return {"boot": boot}
        return {"boot": None, "booted": self._clock.now().timestamp() - self._clock.monotonic()}

    def _is_of_this_boot(self, found: dict[str, Any]) -> bool:
        mine = self._boot()
        if mine["boot"] is not None or found.get("boot") is not None:
            return found.get("boot") == mine["boot"]
        apart = float(found.get("booted", math.nan)) - float(mine["booted"] or 0)
        return abs(apart) <= BOOT_DRIFT_SECONDS

    def _read(self, text: bytes) -> Budget:
        now = self._clock.monotonic()
        if not text:
            return Budget()
        try:
            found = json.loads(text)
            is_current = self._is_of_this_boot(found)
            numbers = {
                name: float(found[name]) for name in ("not_before", "share", "share_at", "cut_at")
            }
            slots = {str(ticket): float(slot) for ticket, slot in found["slots"].items()}
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            # Its writer was killed while writing: assume that the whole window is used up.
            return Budget({f"spent-{number}": now for number in range(MANY)})
        if not is_current:
            return Budget()  # its moments are uptimes of another start, or of another machine
        late = now + 2 * FARTHEST  # slots can be as late as the longest pause
        if any(not moment <= late for moment in numbers.values()) or not 0 < numbers["share"] <= 1:
            numbers = {}
        return Budget({t: s for t, s in slots.items() if s <= late}, **numbers)
