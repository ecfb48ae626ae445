"""Processes of this machine, seen as a machine's own: which there are, and all of them lost."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

SECONDS_TO_DIE = 10.0


def parents() -> dict[int, int]:
    """Return the parent of every process that runs; the dead that nobody has fetched do not."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name stands in brackets and may hold anything.
            state, parent, *_ = path.read_text().rpartition(")")[2].split()
            if state != "Z":
                found[int(path.parent.name)] = int(parent)
    return found


def family(ancestor: int) -> set[int]:
    """Return a process and all that descend from it, whatever groups they made themselves."""
    parent_of = parents()
    found, fresh = {ancestor}, {ancestor}
    while fresh:
        fresh = {child for child, parent in parent_of.items() if parent in fresh} - found
        found |= fresh
    return found


def words(pid: int) -> str:
    """Return a process's command line, empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def told(pid: int, name: str) -> str | None:
    """Return what a process was told in a variable of its environment."""
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return None
    found = [one for one in variables if one.startswith(f"{name}=".encode())]
    return found[0].partition(b"=")[2].decode() if found else None


def lose(ancestor: int) -> set[int]:
    """Take a machine away: all its processes at once, without a word; return which there were.

    Stopped first, from the top, so that none starts another meanwhile.
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
