"""Draws the live view on a terminal, below the line of the cursor.

Log lines, and the output of other programs on the same terminal, go to the cursor's line above the
view. They do not mix with the view, and the view does not erase them.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
from typing import TYPE_CHECKING, Any, Self, TextIO

from rich.console import Console
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from .progress_rows import ProgressStatus

if TYPE_CHECKING:
    from .progress_rows import ProgressRow, ProgressView

ERASE_BELOW = "\x1b[J"
STYLES = {
    ProgressStatus.WAITING: ("·", " ", "dim"),
    ProgressStatus.UNDER_WAY: ("▸", ">", "bold"),
    ProgressStatus.DONE: ("✓", "+", "green"),
    ProgressStatus.LEFT_OUT: ("–", "-", "yellow"),
    ProgressStatus.FAILED: ("✗", "!", "red"),
}
#: The columns from which on there are notes, bars, and wide bars.
WITH_NOTES, WITH_BARS, WIDE = 63, 79, 100


class Screen:
    """The lines of the view at the bottom of a terminal. Other output goes above them.

    During a ``with`` block, stderr and the log handlers on it write through the screen.
    """

    def __init__(self, stream: TextIO, claim: int | None = None) -> None:
        """``claim`` is the locked file by which other programs know that the terminal is in use."""
        self._stream, self._claim = stream, claim
        self._console = Console(file=stream, force_terminal=True, highlight=False)
        self._lock = threading.RLock()
        self._frame = ""
        self._is_open = self._is_mid_line = False
        self._handlers: list[logging.StreamHandler[Any]] = []
        self._stderr_proxy = _StderrProxy(self)

    def __enter__(self) -> Self:
        """Redirect stderr and start to draw."""
        for handler in logging.getLogger().handlers:
            if isinstance(handler, logging.StreamHandler) and handler.stream is self._stream:
                handler.setStream(self._stderr_proxy)
                self._handlers.append(handler)
        if sys.stderr is self._stream:
            sys.stderr = self._stderr_proxy
        self._is_open = True
        return self

    def __exit__(self, *_: object) -> None:
        """Erase the view, restore stderr and release the terminal."""
        with self._lock:
            self._is_open = False
            with contextlib.suppress(OSError, ValueError):
                self._put(ERASE_BELOW if self._frame else "")
        for handler in self._handlers:
            handler.setStream(self._stream)
        if sys.stderr is self._stderr_proxy:
            sys.stderr = self._stream
        if self._claim is not None:
            os.close(self._claim)

    def draw(self, view: ProgressView) -> None:
        """Draw the view. Raises `OSError` if the terminal is closed."""
        lines = self.rendered(view)
        frame = ERASE_BELOW
        if lines:
            frame += "\n" + "\n".join(lines) + f"\x1b[{len(lines)}A\r"
        with self._lock:
            if self._is_open and is_in_front(self._stream):
                self._frame = frame
                if not self._is_mid_line:
                    self._put(frame)

    def write(self, text: str) -> None:
        """Write above the view, and draw it again below."""
        with self._lock:
            before = ERASE_BELOW if self._is_open and self._frame else ""
            self._is_mid_line = not text.endswith("\n")
            after = self._frame if self._is_open and not self._is_mid_line else ""
            self._put(before + text + after)

    def _put(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()

    def rendered(self, view: ProgressView) -> list[str]:
        """Return the lines of the view, which fit the terminal's current size."""
        # One less: some terminals start a new line after the last column.
        width, height = max(self._console.width - 1, 1), max(self._console.height - 2, 0)
        console = Console(file=self._stream, force_terminal=True, highlight=False, width=width)
        footer = self._text("   ".join(view.footer), "dim").wrap(console, width, no_wrap=False)[:2]
        shown, before, behind = _visible_rows(view.lines, height - len(footer) - 1)
        parts: list[Any] = [self._text(view.title, "bold")]
        parts += [self._text(f"   {before} more above", "dim")] if before else []
        parts += [self._table(shown, width)] if shown else []
        parts += [self._text(f"   {behind} more below", "dim")] if behind else []
        with console.capture() as caught:
            for part in (*parts, *footer):
                console.print(part, no_wrap=True)
        return caught.get().splitlines()[:height]

    def _text(self, text: str, style: str = "") -> Text:
        text = "".join(character if character.isprintable() else " " for character in text)
        if is_plain := self._console.options.ascii_only:
            text = text.replace("×", "x").replace("…", "...").encode("ascii", "replace").decode()
        return Text(text, style, no_wrap=True, overflow="crop" if is_plain else "ellipsis")

    def _table(self, shown: list[ProgressRow], width: int) -> Table:
        """Return the table of streams. Only names and notes are cut to the width."""
        has_bars = width >= WITH_BARS and any(line.total for line in shown)
        bar = 28 if width >= WIDE else 12
        table = Table.grid(padding=(0, 2, 0, 0))
        for is_fixed in (True, False, *([True] if has_bars else []), True):
            table.add_column(no_wrap=is_fixed, overflow="crop")
        for line in shown:
            sign, plain_sign, style = STYLES[line.status]
            quiet = "dim" if line.status is ProgressStatus.WAITING else ""
            of = f" of {line.total:,}" if line.total else ""
            figures = "" if line.status is ProgressStatus.WAITING else f"{line.rows:,}{of}"
            done = ProgressBar(line.total, min(line.rows, line.total), bar) if line.total else ""
            table.add_row(
                Text(plain_sign if self._console.options.ascii_only else sign, style),
                self._text(line.name, quiet),
                *([done] if has_bars else []),
                Text(figures, quiet, justify="right"),
                *([self._text(line.note, "dim")] if width >= WITH_NOTES else []),
            )
        return table


class _StderrProxy:
    """Replaces stderr during the view."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    def write(self, text: str) -> int:
        if text:
            self._screen.write(text)
        return len(text)

    def flush(self) -> None:
        """Do nothing: `write` flushes."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._screen._stream, name)  # noqa: SLF001 - a proxy of the stream


def screen_of(stream: TextIO) -> Screen | None:
    """Return a screen, None if the terminal cannot draw or another program draws on it."""
    if Console(file=stream, force_terminal=True).legacy_windows or not is_in_front(stream):
        return None
    if os.name != "posix":
        return Screen(stream)
    import fcntl  # noqa: PLC0415 - Windows has none

    try:
        claim = os.open(os.ttyname(stream.fileno()), os.O_WRONLY | os.O_NOCTTY)
    except (OSError, ValueError):
        return Screen(stream)
    try:
        fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(claim)
        return None
    except OSError:  # this system cannot lock terminals
        os.close(claim)
        return Screen(stream)
    return Screen(stream, claim)


def is_in_front(stream: TextIO) -> bool:
    """Return whether this program is in the terminal's foreground."""
    if not hasattr(os, "tcgetpgrp"):
        return True
    try:
        return os.tcgetpgrp(stream.fileno()) == os.getpgrp()
    except (OSError, ValueError):  # not the controlling terminal
        return True


def _visible_rows(lines: list[ProgressRow], height: int) -> tuple[list[ProgressRow], int, int]:
    """Return the rows that fit, including active ones, and how many are above and below."""
    if len(lines) <= height:
        return lines, 0, 0
    height = max(height - 2, 1)
    started = [at for at, line in enumerate(lines) if line.status is not ProgressStatus.WAITING]
    active = [at for at, line in enumerate(lines) if line.status is ProgressStatus.UNDER_WAY]
    position = active[0] if active else (started[-1] if started else 0)
    first = min(max(position - height // 3, 0), len(lines) - height)
    return lines[first : first + height], first, len(lines) - first - height
