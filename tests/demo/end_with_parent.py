"""``python -m tests.demo.end_with_parent COMMAND …``: runs a command until its parent ends.

However the parent ends, also by a kill, the system closes the stdin of this process. It then ends
its whole process group with SIGTERM, and after some seconds with SIGKILL.
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
    """Continue to wait: the command got the signal too."""


def _watch() -> None:
    while os.read(0, 1024):
        pass
    os.killpg(0, signal.SIGTERM)
    time.sleep(SECONDS_TO_END)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
