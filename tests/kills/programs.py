"""The programs between two accounts, run to their end or killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.end_to_end.program import KEY, SECONDS, Ended, checked

if TYPE_CHECKING:
    import signal

    from .moments import Killer

ROOT = Path(__file__).parents[2]


def start(
    program: str, folder: Path, *more: str, settings: dict[str, Any], **streams: Any
) -> subprocess.Popen[bytes]:
    """Start ``tap`` or ``target`` with settings and short waits."""
    config = folder / f"{program}.json"
    config.write_text(json.dumps({"api_key": KEY, "requests_per_second": 0} | settings))
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "XDG_STATE_HOME": str(folder / "state"),
        "LANG": "C.UTF-8",
    }
    command = [sys.executable, "-m", "tests.kills.fast", program, "--config", str(config), *more]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=ROOT, env=environment, **pipes | streams)


def finish(
    process: subprocess.Popen[bytes], given: bytes = b"", killer: Killer | None = None
) -> Ended:
    """Feed a program, read its output, pass that to the killer, and wait for its end."""
    err: list[bytes] = []
    helpers = [threading.Thread(target=_feed, args=(process, given))]
    if process.stderr is not None:
        stderr = process.stderr
        helpers.append(threading.Thread(target=lambda: err.append(stderr.read())))
    for helper in helpers:
        helper.start()
    out, states = b"", 0
    try:
        while process.stdout is not None and (part := os.read(process.stdout.fileno(), 1 << 16)):
            out += part
            states += part.count(b'"STATE"') or part.count(b'{"bookmarks"')
            if killer is not None:
                killer.note(states=states, written=len(out))
        process.wait(SECONDS)
    finally:
        process.kill()
        process.wait()
        for helper in helpers:
            helper.join()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
    return checked(process.returncode, out, b"".join(err))


def _feed(process: subprocess.Popen[bytes], given: bytes) -> None:
    if process.stdin is None:
        return
    try:
        process.stdin.write(given)
        process.stdin.close()
    except OSError:  # it was killed before it had read everything
        pass


def lines_of(out: str) -> list[Any]:
    """Return the complete lines of an output."""
    return [json.loads(line) for line in out.split("\n")[:-1]]


def check_ending(ended: Ended, signum: signal.Signals, *, is_sent: bool) -> None:
    """Check how a program ended, by the signal or before it."""
    if ended.code == 0:
        return
    assert is_sent, ended.err
    assert ended.code in {-signum, 128 + signum}, (ended.code, ended.err)
    if ended.code > 0:
        # Before the settings are read there is nothing to report.
        assert ended.errors in ([], [f"stopped by {signum.name}"]), ended.err
