"""``python -m tests.kills.fast tap|target …``: the programs with shorter waits.

A wait (for an import, for an answer to look up) takes a twentieth of its time, as in the account
whose clock is a `FastClock`.
"""

from __future__ import annotations

import datetime as dt
import importlib
import sys

from tap_activecampaign_unified.signals_during_import import install_early_handlers

HASTE = 20
PROGRAMS = {"tap": "tap_activecampaign_unified.tap", "target": "target_activecampaign.target"}


class FastClock:
    """An account's clock that runs faster than the machine's."""

    def __init__(self) -> None:
        """It starts now."""
        self._began = dt.datetime.now(dt.UTC)

    def __call__(self) -> dt.datetime:
        """Return its time."""
        return self._began + HASTE * (dt.datetime.now(dt.UTC) - self._began)


def main() -> None:
    """Run one of the programs."""
    install_early_handlers()
    clock = importlib.import_module("tap_activecampaign_unified.client").SystemClock
    sleep = clock.sleep
    clock.sleep = lambda self, seconds: sleep(self, seconds / HASTE)
    importlib.import_module(PROGRAMS[sys.argv.pop(1)]).main()


if __name__ == "__main__":
    main()
