"""``python guard.py LABEL FOLDER PROJECT COMMAND …`` runs a command under the lock of an account.

The lock is an advisory lock of PostgreSQL. It is held while any process of the command runs, on
whichever machine. When the caller ends, also by a kill, the system closes the stdin of this
process. Then it ends the command and its processes, and only then releases the lock.

The environment variable ``ACCOUNT_LOCK_DSN`` is the address of the lock; the command does not get
it. ``FOLDER`` is created empty before the command starts, for this user only, and deleted
afterwards. ``FOLDER/meltano`` holds Meltano's files of the run, with links to the plugins of the
project.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg2

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Exit codes: another run has the lock; the lock was lost, or its server did not answer.
TAKEN, NO_LOCK = 75, 69
#: Both programs finish the requests in flight for up to 10 s after a signal.
SECONDS_TO_END = 15.0
SECONDS_BETWEEN_LOOKS = 0.1
SECONDS_BETWEEN_PROOFS = 5.0
PR_SET_CHILD_SUBREAPER = 36
#: A machine that is lost closes no connection. After about a minute without an answer the server
#: releases the lock; this process notices before that.
SERVER_SIDE = "-c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3"
CLIENT_SIDE = {"connect_timeout": 10, "tcp_user_timeout": 10_000, "keepalives_idle": 10}


class Lock:
    """The lock of an account, held by a session of PostgreSQL."""

    def __init__(self, dsn: str, label: str) -> None:
        """Connect; raises `psycopg2.Error`."""
        self._label = label
        self._session = psycopg2.connect(
            dsn, options=SERVER_SIDE, application_name=f"run of {label}", **CLIENT_SIDE
        )
        self._session.autocommit = True

    def take(self) -> bool:
        """Try to get the lock without waiting; return whether that succeeded."""
        found = self._ask(
            "SELECT pg_try_advisory_lock(hashtextextended('activecampaign ' || %s, 0))", self._label
        )
        return bool(found)

    def is_held(self) -> bool:
        """Return whether the session, and with it the lock, is still there."""
        try:
            return self._ask("SELECT 1") == 1
        except psycopg2.Error:
            return False

    def release(self) -> None:
        """End the session."""
        self._session.close()

    def _ask(self, query: str, *values: str) -> Any:
        with self._session.cursor() as cursor:
            cursor.execute(query, values)
            return cursor.fetchone()[0]


def main() -> int:
    """Run the command; return its exit code, or `TAKEN` or `NO_LOCK`."""
    label, folder, project, *command = sys.argv[1:]
    signals = Signals()
    adopt()
    try:
        lock = Lock(os.environ.pop("ACCOUNT_LOCK_DSN"), label)
        taken = lock.take()
    except psycopg2.Error as problem:
        # Without the words of the server: they may name a user.
        say(f"the lock of {label} is not available ({type(problem).__name__})")
        return NO_LOCK
    if not taken:
        say(f"another run of {label} is active: its lock is taken")
        return TAKEN
    try:
        with private(Path(folder), Path(project)):
            return run(command, lock, signals)
    finally:
        lock.release()


class Signals:
    """Stores the signal that this process got."""

    def __init__(self) -> None:
        """Install the handlers."""
        self.came = 0
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)

    def _note(self, number: int, _: Any) -> None:
        self.came = number


@contextlib.contextmanager
def private(folder: Path, project: Path) -> Iterator[None]:
    """Create the folder of a run, without files of an earlier run, and delete it afterwards."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "meltano").mkdir(parents=True)
    folder.chmod(0o700)
    for kind in ("extractors", "loaders"):
        (folder / "meltano" / kind).symlink_to(project / ".meltano" / kind)
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run(command: list[str], lock: Lock, signals: Signals) -> int:
    """Run the command; end it when a signal came, the caller ended or the lock was lost."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, umask=0o077)
    patience = SECONDS_TO_END
    try:
        proven = time.monotonic()
        while child.poll() is None:
            if signals.came or caller_has_ended():
                return 128 + (signals.came or signal.SIGHUP)
            if time.monotonic() > proven + SECONDS_BETWEEN_PROOFS:
                if not lock.is_held():
                    say("the lock was lost: the run is stopped before another one starts")
                    patience = 0.0
                    return NO_LOCK
                proven = time.monotonic()
        return child.returncode if child.returncode >= 0 else 128 - child.returncode
    finally:
        end(child, patience)


def caller_has_ended() -> bool:
    """Wait a moment; return whether the other end of stdin is closed."""
    ready, _, _ = select.select([sys.stdin], [], [], SECONDS_BETWEEN_LOOKS)
    return bool(ready) and not os.read(sys.stdin.fileno(), 1024)


def end(child: subprocess.Popen[bytes], patience: float) -> None:
    """End a process group with SIGTERM, and after ``patience`` seconds with SIGKILL."""
    for number, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, SECONDS_TO_END)):
        over = time.monotonic() + seconds
        try:
            os.killpg(child.pid, number)
            while time.monotonic() < over:
                if child.poll() is not None:
                    reap(child.pid)
                os.killpg(child.pid, 0)
                time.sleep(SECONDS_BETWEEN_LOOKS)
        except ProcessLookupError:
            return


def adopt() -> None:
    """Become the parent of orphaned processes of the command, where the system supports it."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap(group: int) -> None:
    """Collect the exit codes of a process group; until then it counts as running."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-group, os.WNOHANG)[0]:
            pass


def say(line: str) -> None:
    """Write a line for the caller."""
    with contextlib.suppress(OSError):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
