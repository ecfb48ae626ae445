"""``python guard.py LABEL FOLDER PROJECT COMMAND …``: a command for an account, alone, to its end.

*Alone*: the account's lock, an advisory lock of PostgreSQL, is held for as long as anything of the
command runs, on whichever machine. *To its end*: when the one who asked is gone, killed outright
too, the system closes this process's stdin, and the command and all it started are told to end, and
made to. Only then is the lock let go.

The environment variable ``ACCOUNT_LOCK_DSN`` says where the lock is; the command does not see it.
``FOLDER`` is made anew before the command starts, for its user only, and removed behind it: what
Meltano keeps for a run, in ``FOLDER/meltano``, is the account's; the plugins are the project's.
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

#: Exit codes: another run has the account; the lock was lost, or could not be asked for.
TAKEN, NO_LOCK = 75, 69
#: Both programs finish what is under way for up to 10 s when they are told to end.
SECONDS_TO_END = 15.0
SECONDS_BETWEEN_LOOKS = 0.1
SECONDS_BETWEEN_PROOFS = 5.0
PR_SET_CHILD_SUBREAPER = 36
#: A machine that vanishes says no goodbye: after about a minute of silence the server lets its lock
#: go, and this side has noticed before.
SERVER_SIDE = "-c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3"
CLIENT_SIDE = {"connect_timeout": 10, "tcp_user_timeout": 10_000, "keepalives_idle": 10}


class Lock:
    """An account's lock, held by a session of PostgreSQL."""

    def __init__(self, dsn: str, label: str) -> None:
        """Connect; raises `psycopg2.Error`."""
        self._label = label
        self._session = psycopg2.connect(
            dsn, options=SERVER_SIDE, application_name=f"run of {label}", **CLIENT_SIDE
        )
        self._session.autocommit = True

    def take(self) -> bool:
        """Say whether it could be had; nothing waits."""
        found = self._ask(
            "SELECT pg_try_advisory_lock(hashtextextended('activecampaign ' || %s, 0))", self._label
        )
        return bool(found)

    def is_held(self) -> bool:
        """Say whether the session still lives, and the lock with it."""
        try:
            return self._ask("SELECT 1") == 1
        except psycopg2.Error:
            return False

    def let_go(self) -> None:
        """End the session."""
        self._session.close()

    def _ask(self, query: str, *values: str) -> Any:
        with self._session.cursor() as cursor:
            cursor.execute(query, values)
            return cursor.fetchone()[0]


def main() -> int:
    """Run the command; return its exit code, or why there was none."""
    label, folder, project, *command = sys.argv[1:]
    signals = Signals()
    adopt()
    try:
        lock = Lock(os.environ.pop("ACCOUNT_LOCK_DSN"), label)
        taken = lock.take()
    except psycopg2.Error as problem:
        # What the server says may name a user; its kind will do.
        say(f"the lock of {label} cannot be asked for ({type(problem).__name__})")
        return NO_LOCK
    if not taken:
        say(f"{label} is being run by another process: its lock is taken")
        return TAKEN
    try:
        with private(Path(folder), Path(project)):
            return run(command, lock, signals)
    finally:
        lock.let_go()


class Signals:
    """Whether this process was told to end."""

    def __init__(self) -> None:
        """Listen."""
        self.came = 0
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)

    def _note(self, number: int, _: Any) -> None:
        self.came = number


@contextlib.contextmanager
def private(folder: Path, project: Path) -> Iterator[None]:
    """Make a run's folder, and remove it in the end; what a machine left that was lost goes too."""
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
    """Run the command until it ends or must; return its exit code."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, umask=0o077)
    patience = SECONDS_TO_END
    try:
        proven = time.monotonic()
        while child.poll() is None:
            if signals.came or asker_is_gone():
                return 128 + (signals.came or signal.SIGHUP)
            if time.monotonic() > proven + SECONDS_BETWEEN_PROOFS:
                if not lock.is_held():
                    say("the lock was lost: stopped at once, before another process begins")
                    patience = 0.0
                    return NO_LOCK
                proven = time.monotonic()
        return child.returncode if child.returncode >= 0 else 128 - child.returncode
    finally:
        end(child, patience)


def asker_is_gone() -> bool:
    """Wait a moment; say whether the other end of stdin is closed."""
    ready, _, _ = select.select([sys.stdin], [], [], SECONDS_BETWEEN_LOOKS)
    return bool(ready) and not os.read(sys.stdin.fileno(), 1024)


def end(child: subprocess.Popen[bytes], patience: float) -> None:
    """End a process group: told to at first, with patience in seconds, then made to."""
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
    """Become the parent of what its own parent leaves behind, where the system can do that."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap(group: int) -> None:
    """Let the dead of a group go: until then it counts as alive."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-group, os.WNOHANG)[0]:
            pass


def say(line: str) -> None:
    """Tell the one who asked."""
    with contextlib.suppress(OSError):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
