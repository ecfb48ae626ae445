"""The first moments of a program: what it is made of takes longer to load than a finger to stop it.

Imports nothing that would have to be loaded first.
"""

from __future__ import annotations

import signal


def _leave(signum: int, _: object) -> None:
    raise SystemExit(128 + signum)


def heed_signals() -> None:
    """End with 130 or 143, and without a traceback, until the program handles signals itself."""
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, _leave)
