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
#: The smallest numbers of terminal columns for notes, for bars, and for wide bars.
WITH_NOTES, WITH_BARS, WIDE = 63, 79, 100


class Screen:
    """The lines of the view at the bottom of a terminal. Other output goes above them.

    During a ``with`` block, stderr and the log handlers on it write through the screen.
    """

    def __init__(self, stream: TextIO, claim: int | None = None) -> None:
        """``claim`` is a locked descriptor: it shows other programs that the terminal is in use."""
        self._stream, self._claim = stream, claim
        self._console = Console(file=stream, force_terminal=True, highlight=False)
        self._lock = threading.RLock()
        self._frame = ""
        self._is_active = self._is_mid_line = False
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
        self._is_active = True
        return self

    def __exit__(self, *_: object) -> None:
        """Erase the view, restore stderr and release the terminal."""
        with self._lock:
            self._is_active = False
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
            if self._is_active and is_in_front(self._stream):
                self._frame = frame
                if not self._is_mid_line:
                    self._put(frame)

    def write(self, text: str) -> None:
        """Write above the view, and draw it again below."""
        with self._lock:
            before = ERASE_BELOW if self._is_active and self._frame else ""
            self._is_mid_line = not text.endswith("\n")
            after = self._frame if self._is_active and not self._is_mid_line else ""
            self._put(before + text + after)

    def _put(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()

    def rendered(self, view: ProgressView) -> list[str]:
        """Return the lines of the view, which fit the terminal's current size."""
        # One column less, because some terminals start a new line after the last column.
        width, height = max(self._console.width - 1, 1), max(self._console.height - 2, 0)
        console = Console(file=self._stream, force_terminal=True, highlight=False, width=width)
        footer = self._text("   ".join(view.footer), "dim").wrap(console, width, no_wrap=False)[:2]
        shown, above, below = _visible_rows(view.lines, height - len(footer) - 1)
        parts: list[Any] = [self._text(view.title, "bold")]
        parts += [self._text(f"   {above} more above", "dim")] if above else []
        parts += [self._table(shown, width)] if shown else []
        parts += [self._text(f"   {below} more below", "dim")] if below else []
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
        has_bars = width >= WITH_BARS and any(row.total for row in shown)
        bar_width = 28 if width >= WIDE else 12
        table = Table.grid(padding=(0, 2, 0, 0))
        for is_fixed in (True, False, *([True] if has_bars else []), True):
            table.add_column(no_wrap=is_fixed, overflow="crop")
        for row in shown:
            sign, plain_sign, style = STYLES[row.status]
            quiet = "dim" if row.status is ProgressStatus.WAITING else ""
            total_text = f" of {row.total:,}" if row.total else ""
            figures = "" if row.status is ProgressStatus.WAITING else f"{row.rows:,}{total_text}"
            bar_cell = (
                ProgressBar(row.total, min(row.rows, row.total), bar_width) if row.total else ""
            )
            table.add_row(
                Text(plain_sign if self._console.options.ascii_only else sign, style),
                self._text(row.name, quiet),
                *([bar_cell] if has_bars else []),
                Text(figures, quiet, justify="right"),
                *([self._text(row.note, "dim")] if width >= WITH_NOTES else []),
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
    import fcntl  # noqa: PLC0415 - Windows lacks it

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
    """Return the rows that fit, including active rows, and the numbers of rows above and below."""
    if len(lines) <= height:
        return lines, 0, 0
    height = max(height - 2, 1)
    started = [n for n, row in enumerate(lines) if row.status is not ProgressStatus.WAITING]
    active = [n for n, row in enumerate(lines) if row.status is ProgressStatus.UNDER_WAY]
    position = active[0] if active else (started[-1] if started else 0)
    first = min(max(position - height // 3, 0), len(lines) - height)
    return lines[first : first + height], first, len(lines) - first - height
