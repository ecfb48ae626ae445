"""Processes of this machine: listing them, and killing all of a simulated machine."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

SECONDS_TO_DIE = 10.0


def parents() -> dict[int, int]:
    """Return the parent of every running process, without zombies."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name is in brackets and may contain any character.
            state, parent, *_ = path.read_text().rpartition(")")[2].split()
            if state != "Z":
                found[int(path.parent.name)] = int(parent)
    return found


def family(ancestor: int) -> set[int]:
    """Return a process and all its descendants, whatever their groups."""
    parent_of = parents()
    found, fresh = {ancestor}, {ancestor}
    while fresh:
        fresh = {child for child, parent in parent_of.items() if parent in fresh} - found
        found |= fresh
    return found


def words(pid: int) -> str:
    """Return a process's command line, empty after its end."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def environment_of(pid: int, name: str) -> str | None:
    """Return the value of an environment variable of a process."""
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return None
    found = [variable for variable in variables if variable.startswith(f"{name}=".encode())]
    return found[0].partition(b"=")[2].decode() if found else None


def lose(ancestor: int) -> set[int]:
    """Kill all processes of a simulated machine at once; return them.

    They are stopped first, parents before children, so that none starts another.
    """
    lost: set[int] = set()
    while fresh := family(ancestor) - lost:
        for pid in fresh:
            _send(pid, signal.SIGSTOP)
        lost |= fresh
    for pid in lost:
        _send(pid, signal.SIGKILL)
    over = time.monotonic() + SECONDS_TO_DIE
    while (left := lost & parents().keys()) - {ancestor} and time.monotonic() < over:
        time.sleep(0.02)
    if left - {ancestor}:
        raise AssertionError(f"still there: {left}")
    return lost


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
