"""Signal handlers for the second in which Python imports the program.

This module imports only `signal`, so that the handlers are in place at once.
"""

from __future__ import annotations

import signal


def _leave(signum: int, _: object) -> None:
    raise SystemExit(128 + signum)


def install_early_handlers() -> None:
    """Exit with 130 or 143, without a traceback, until the program installs its own handlers."""
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, _leave)
