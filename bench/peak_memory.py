"""The peak memory of a program, read while it runs.

The maximum that the kernel reports at the end of a child counts the memory of the process that
started it, which may hold a whole account.
"""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import subprocess

SECONDS = 0.1


class PeakMemory:
    """Reads the peak of a program, again and again until the block ends."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        """Read nothing yet."""
        self._status = Path(f"/proc/{process.pid}/status")
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        #: The peak so far, in MB.
        self.megabytes = 0.0

    def __enter__(self) -> Self:
        """Begin to read."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(SECONDS):
            with contextlib.suppress(OSError, StopIteration, ValueError):
                lines = self._status.read_text().splitlines()
                found = next(line for line in lines if line.startswith("VmHWM:"))
                self.megabytes = max(self.megabytes, int(found.split()[1]) / 1024)
