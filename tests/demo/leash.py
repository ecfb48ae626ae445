"""``python -m tests.demo.leash COMMAND …``: run a command that ends when its starter is gone.

However a demo ends, killed outright too, the system closes its end of this process's stdin; then
the whole process group is told to end, and made to.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

SECONDS_TO_END = 5


def main() -> int:
    """Run the command; return its exit code."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave_it_to_the_command)
    with subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL) as child:
        threading.Thread(target=_watch, daemon=True).start()
        return child.wait()


def _leave_it_to_the_command(*_: Any) -> None:
    """Go on waiting: the command got the signal too."""


def _watch() -> None:
    while os.read(0, 1024):
        pass
    os.killpg(0, signal.SIGTERM)
    time.sleep(SECONDS_TO_END)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
