"""Forks the programs from a process with the modules loaded, which takes 0.05 seconds.

They have files, two output streams and an exit code like any other process, and can be killed.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import sys
from typing import TYPE_CHECKING

# Loaded once, before the forks.
import tap_activecampaign_unified.tap  # noqa: F401
import target_activecampaign.target  # noqa: F401

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess
    from pathlib import Path

SECONDS = 60
_PROGRAMS = {
    "tap-activecampaign-unified": "tap_activecampaign_unified.__main__",
    "target-activecampaign": "target_activecampaign.__main__",
}
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["pytest", "tests.forked"])


def start(
    program: str,
    arguments: list[str],
    folder: Path,
    environment: dict[str, str],
    *,
    stdin: Path | None = None,
    out: Path | None = None,
    err: Path,
) -> BaseProcess:
    """Start a program in a folder; ``stdin`` is its input, ``out`` and ``err`` its outputs."""
    nothing = os.devnull
    streams = (str(stdin or nothing), str(out or nothing), str(err))
    process = _CONTEXT.Process(
        target=_run, args=(_PROGRAMS[program], [program, *arguments], folder, environment, streams)
    )
    process.start()
    return process


def ended(process: BaseProcess) -> int:
    """Wait for the end of a program; return its exit code, negative after a kill."""
    process.join(SECONDS)
    if process.exitcode is None:
        process.kill()
    assert process.exitcode is not None, "the program does not end"
    return process.exitcode


def _run(
    module: str,
    arguments: list[str],
    folder: Path,
    environment: dict[str, str],
    streams: tuple[str, str, str],
) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    stdin, out, err = streams
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    os.dup2(os.open(stdin, os.O_RDONLY), 0)
    os.dup2(os.open(out, flags, 0o600), 1)
    os.dup2(os.open(err, flags, 0o600), 2)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - until the process ends
    sys.argv = arguments
    importlib.import_module(module).main()
