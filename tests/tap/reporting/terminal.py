"""A terminal emulator, and programs that run in it."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from typing import TYPE_CHECKING, Any

import pyte

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SECONDS = 60


class Screen:
    """The visible lines of a terminal, and the lines that scrolled away."""

    def __init__(self, columns: int, lines: int) -> None:
        """Begin empty."""
        self._screen = pyte.HistoryScreen(columns, lines, history=10_000, ratio=1)
        self._screen.set_mode(pyte.modes.LNM)
        self._stream = pyte.ByteStream(self._screen)

    def feed(self, output: bytes) -> None:
        """Process what a program writes."""
        self._stream.feed(output)

    @property
    def shown(self) -> list[str]:
        """The visible lines."""
        return [line.rstrip() for line in self._screen.display]

    @property
    def all(self) -> list[str]:
        """All lines, scrolled lines included, without empty lines at the end."""
        columns = self._screen.columns
        above = [
            "".join(line[place].data for place in range(columns)).rstrip()
            for line in self._screen.history.top
        ]
        found = [*above, *self.shown]
        while found and not found[-1]:
            found.pop()
        return found


class Terminal:
    """A terminal in which programs run; ``seen`` has all screens, ``output`` all bytes."""

    def __init__(self, columns: int = 200, lines: int = 40) -> None:
        """Open it."""
        self.screen = Screen(columns, lines)
        self._near, self.far = pty.openpty()
        fcntl.ioctl(self.far, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.output = b""
        self.seen: list[list[str]] = []

    def run(
        self, command: list[str], environment: dict[str, str], out: Path | None, **more: Any
    ) -> int:
        """Run a program, its stderr on the terminal, its stdout in a file or there too."""
        with self.start(command, environment, out, **more) as process:
            self.watch(lambda: process.poll() is not None)
            return process.wait()

    def start(
        self, command: list[str], environment: dict[str, str], out: Path | None, **more: Any
    ) -> subprocess.Popen[bytes]:
        """Start a program."""
        stdout: Any = self.far if out is None else out.open("wb")
        try:
            return subprocess.Popen(
                command, env=environment, stdout=stdout, stderr=self.far, **more
            )
        finally:
            if out is not None:
                stdout.close()

    def watch(self, is_over: Callable[[], bool]) -> None:
        """Read the output until the program ends."""
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            ready, _, _ = select.select([self._near], [], [], 0.05)
            if ready:
                output = os.read(self._near, 1 << 16)
                self.output += output
                self.screen.feed(output)
                self.seen.append(self.screen.shown)
            elif is_over():
                return
        raise AssertionError("it does not end")

    def showed(self, *words: str) -> bool:
        """Return whether all these words were visible at one moment."""
        return any(all(word in "\n".join(screen) for word in words) for screen in self.seen)

    def close(self) -> None:
        """Close it."""
        for descriptor in (self._near, self.far):
            os.close(descriptor)
