"""When a program gets its signal: a moment that a seed chooses."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from tests.sandbox import World

SECONDS = 60
SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True)
class Usual:
    """The figures of an undisturbed run, from which moments are chosen."""

    seconds: float
    requests: int
    written: int  # bytes of its output or of its results
    states: int


@dataclass(frozen=True)
class Moment:
    """A signal and when it is sent.

    ``kind``: ``before`` or ``after`` the n-th request is processed, at the n-th ``state`` of the
    output, once ``written`` reaches n bytes, at the n-th growth of the ``ledger``, at the n-th
    request to the ``import``er, or n milliseconds after the start (``time``).
    """

    signum: signal.Signals
    kind: str
    n: int


def moment_of(seed: int, usual: Usual, kinds: Iterable[str]) -> Moment:
    """Return the moment of a seed; each kind is equally frequent."""
    dice = random.Random(seed)
    most = {
        "before": usual.requests,
        "after": usual.requests,
        "state": usual.states,
        "written": usual.written,
        "ledger": 40,
        "import": 6,
        "time": int(1100 * usual.seconds),
    }
    kinds = tuple(kinds)
    kind = kinds[seed % len(kinds)]
    return Moment(dice.choice(SIGNALS), kind, dice.randint(1, most[kind]))


class Killer:
    """Sends the signal at its moment, once."""

    def __init__(self, moment: Moment, world: World) -> None:
        """Watch the account's requests, where the moment is a request."""
        self.moment, self._world = moment, world
        self._process: subprocess.Popen[Any] | None = None
        self._ready = threading.Event()
        self._lock = threading.Lock()
        self._seen = 0
        self.is_sent = False
        self._real = world.answer
        if moment.kind in {"before", "after", "import"}:
            world.answer = self._answer  # type: ignore[method-assign]

    def watch(self, process: subprocess.Popen[Any], *files: tuple[str, Path]) -> None:
        """Watch the process; ``files`` has the files by kind: ``written``, ``ledger``."""
        self._process = process
        self._ready.set()
        kind, n = self.moment.kind, self.moment.n
        found = dict(files)
        if kind == "time":
            self._beside(lambda: not time.sleep(n / 1000))
        elif kind in found:
            path, seen = found[kind], [(0, 0)]

            def has_come() -> bool:
                with contextlib.suppress(OSError):
                    stat = path.stat()
                    if kind == "written":
                        return stat.st_size >= n
                    if (now := (stat.st_size, stat.st_mtime_ns)) != seen[-1]:
                        seen.append(now)
                return len(seen) > n

            self._beside(has_come)

    def note(self, *, states: int, written: int) -> None:
        """Record how much the program has written."""
        reached = {"state": states, "written": written}.get(self.moment.kind, 0)
        if reached >= self.moment.n:
            self.strike()

    def strike(self) -> None:
        """Send the signal."""
        assert self._ready.wait(SECONDS)
        with self._lock:
            if not self.is_sent and self._process and self._process.poll() is None:
                self.is_sent = True
                os.kill(self._process.pid, self.moment.signum)

    def leave(self) -> None:
        """Stop watching the account's requests."""
        self._world.answer = self._real  # type: ignore[method-assign]

    def _answer(self, method: str, path: str, *rest: Any) -> Any:
        with self._lock:
            self._seen += self.moment.kind != "import" or "/import/" in path
            is_now = self._seen == self.moment.n and not self.is_sent
        if is_now and self.moment.kind != "after":
            self.strike()
        answer = self._real(method, path, *rest)
        if is_now:
            self.strike()
        return answer

    def _beside(self, has_come: Callable[[], bool]) -> None:
        def wait() -> None:
            while self._process and self._process.poll() is None and not self.is_sent:
                if has_come():
                    self.strike()
                time.sleep(0.0003)

        threading.Thread(target=wait, daemon=True).start()
