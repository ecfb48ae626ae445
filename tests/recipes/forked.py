"""The target as a process that is forked from one with the modules loaded, in 0.05 seconds.

It can be killed like any other, at any of its requests.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

from target_activecampaign.target import main

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandbox import World

SECONDS = 60
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["pytest", "tests.recipes.forked"])


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
    process = _CONTEXT.Process(target=_be, args=(arguments, folder, environment, source, log))
    started, seen = threading.Event(), 0

    def kill(*_: Any) -> None:
        nonlocal seen
        seen += 1
        if seen == kill_at and started.wait(SECONDS) and process.pid:
            os.kill(process.pid, signal.SIGKILL)

    for world in worlds or []:
        world.before_request(kill)
    process.start()
    started.set()
    process.join(SECONDS)
    assert process.exitcode is not None, "the target does not end"
    for world in worlds or []:
        world.hooks.remove(kill)
    return process.exitcode, log.read_text(encoding="utf-8")


def _be(
    arguments: list[str], folder: Path, environment: dict[str, str], source: Path, log: Path
) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    os.dup2(os.open(source, os.O_RDONLY), 0)
    os.dup2(os.open(os.devnull, flags), 1)
    os.dup2(os.open(log, flags, 0o600), 2)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - until the process ends
    sys.argv = ["target-activecampaign", *arguments]
    main()
