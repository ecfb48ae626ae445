"""The target as a process that can be killed at any of its requests."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING, Any

from tests import forked

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandbox import World


def run(
    arguments: list[str],
    messages: bytes,
    folder: Path,
    environment: dict[str, str],
    *,
    worlds: list[World] | None = None,
    kill_at: int | None = None,
) -> tuple[int, str]:
    """Run the target; return its exit code (negative after a kill) and its log.

    It is killed while request ``kill_at`` to one of the ``worlds`` is under way, counted from 1.
    The account processes that request.
    """
    source, log = folder / "forked.singer", folder / "forked.log"
    source.write_bytes(messages)
    started, seen, pid = threading.Event(), 0, 0

    def kill(*_: Any) -> None:
        nonlocal seen
        seen += 1
        if seen == kill_at and started.wait(forked.SECONDS) and pid:
            os.kill(pid, signal.SIGKILL)

    for world in worlds or []:
        world.before_request(kill)
    process = forked.start(
        "target-activecampaign", arguments, folder, environment, stdin=source, err=log
    )
    pid = process.pid or 0
    started.set()
    code = forked.ended(process)
    for world in worlds or []:
        world.hooks.remove(kill)
    return code, log.read_text(encoding="utf-8")
