"""The live view on a terminal, drawn below the line on which the cursor rests.

So whatever comes meanwhile, a log line of ours or the output of a program that shares the
terminal, is written where the cursor is, above the view: it neither sticks to it nor is erased.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
from typing import TYPE_CHECKING, Any, Self, TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from .view import ProgressStatus

if TYPE_CHECKING:
    from .view import ProgressRow, ProgressView

ERASE_BELOW = "\x1b[J"
STYLES = {
    ProgressStatus.WAITING: ("·", " ", "dim"),
    ProgressStatus.UNDER_WAY: ("▸", ">", "bold"),
    ProgressStatus.DONE: ("✓", "+", "green"),
    ProgressStatus.LEFT_OUT: ("–", "-", "yellow"),
    ProgressStatus.FAILED: ("✗", "!", "red"),
}
BARS, GAP = (28, 12, 8, 0), 2
NARROWEST_NAME = 12


class Screen:
    """Lines at the foot of a terminal, drawn over and over; what is written goes above them.

    For the time of a ``with`` block stderr and the handlers that log to it write through it.
    """

    def __init__(self, stream: TextIO, claim: int | None = None) -> None:
        """Take the terminal; ``claim`` is the open file by which others know that it is taken."""
        self._stream, self._claim = stream, claim
        self._console = Console(file=stream, force_terminal=True, highlight=False)
        self._lock = threading.RLock()
        self._frame = ""
        self._is_open = self._is_mid_line = False
        self._handlers: list[logging.StreamHandler[Any]] = []
        self._above = _Above(self)

    def __enter__(self) -> Self:
        """Begin to draw."""
        for handler in logging.getLogger().handlers:
            if isinstance(handler, logging.StreamHandler) and handler.stream is self._stream:
                handler.setStream(self._above)
                self._handlers.append(handler)
        if sys.stderr is self._stream:
            sys.stderr = self._above
        self._is_open = True
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing of it, and the terminal to others."""
        with self._lock:
            self._is_open = False
            with contextlib.suppress(OSError, ValueError):
                self._put(ERASE_BELOW if self._frame else "")
        for handler in self._handlers:
            handler.setStream(self._stream)
        if sys.stderr is self._above:
            sys.stderr = self._stream
        if self._claim is not None:
            os.close(self._claim)

    def draw(self, glance: ProgressView) -> None:
        """Show what there is to see now; raises `OSError` where the terminal is gone."""
        lines = self.rendered(glance)
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

    # --- what it looks like -----------------------------------------------------------------

    def rendered(self, glance: ProgressView) -> list[str]:
        """Return the lines of a view: they fit the terminal as it is now, whatever its size."""
        console = self._console
        # One less: some terminals begin a new line when the last column is written.
        width, height = max(console.width - 1, 1), console.height - 2
        foot = _packed(glance.foot, width, 2 if height > 4 else 1)
        room = height - len(foot) - 1
        with console.capture() as caught:
            if room > 1:
                console.print(self._text(glance.title, "bold"), width=width)
            if glance.lines and room > 0:
                shown, before, behind = _around(glance.lines, room)
                if before:
                    console.print(self._text(f"   {before} before", "dim"), width=width)
                console.print(self._table(shown, width), width=width)
                if behind:
                    console.print(self._text(f"   {behind} more to come", "dim"), width=width)
            for text in foot:
                console.print(self._text(text, "dim"), width=width)
        return caught.get().splitlines()[: max(height, 0)]

    def _text(self, text: str, style: str = "") -> Text:
        text = "".join(one if one.isprintable() else " " for one in text)
        if self._is_plain:
            text = text.replace("×", "x").replace("…", "...").encode("ascii", "replace").decode()
        overflow = "crop" if self._is_plain else "ellipsis"
        return Text(text, style, no_wrap=True, overflow=overflow)  # type: ignore[arg-type]

    @property
    def _is_plain(self) -> bool:
        return self._console.options.ascii_only

    def _table(self, shown: list[ProgressRow], width: int) -> Table:
        figures = [_figures(line) for line in shown]
        counts = max(map(len, figures))
        bar, notes, names = _widths(shown, counts, width)
        table = Table.grid(padding=(0, GAP, 0, 0))
        for cells in (1, names, bar, counts, notes):
            if cells:
                table.add_column(width=cells, no_wrap=True, overflow="crop")
        for line, figure in zip(shown, figures, strict=True):
            sign, plain_sign, style = STYLES[line.mark]
            quiet = "dim" if line.mark is ProgressStatus.WAITING else ""
            row: list[Any] = [
                Text(plain_sign if self._is_plain else sign, style),
                self._text(line.name, quiet),
            ]
            if bar:
                row.append(_bar(line, bar))
            if counts:
                row.append(Text(figure.rjust(counts), quiet))
            if notes:
                row.append(self._text(line.note, "dim"))
            table.add_row(*row)
        return table


class _Above:
    """Stderr for the time of a view."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    def write(self, text: str) -> int:
        if text:
            self._screen.write(text)
        return len(text)

    def flush(self) -> None:
        """Do nothing: it is written by then."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._screen._stream, name)  # noqa: SLF001 - it stands in for that


def screen_of(stream: TextIO) -> Screen | None:
    """Return the terminal's screen, None where it cannot be drawn on or another program draws."""
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
    except OSError:  # terminals know no locks here
        os.close(claim)
        return Screen(stream)
    return Screen(stream, claim)


def is_in_front(stream: TextIO) -> bool:
    """Whether this program has the terminal, and is none in the background."""
    if not hasattr(os, "tcgetpgrp"):
        return True
    try:
        return os.tcgetpgrp(stream.fileno()) == os.getpgrp()
    except (OSError, ValueError):  # not the terminal that controls us
        return True


def _around(lines: list[ProgressRow], room: int) -> tuple[list[ProgressRow], int, int]:
    """Return the lines that fit, those under way among them, and how many are above and below."""
    if len(lines) <= room:
        return lines, 0, 0
    room = max(room - 2, 1)
    places = [at for at, line in enumerate(lines) if line.mark is not ProgressStatus.WAITING]
    now = [at for at, line in enumerate(lines) if line.mark is ProgressStatus.UNDER_WAY]
    place = now[0] if now else (places[-1] if places else 0)
    first = min(max(place - room // 3, 0), len(lines) - room)
    return lines[first : first + room], first, len(lines) - first - room


def _figures(line: ProgressRow) -> str:
    if line.mark is ProgressStatus.WAITING:
        return ""
    return f"{line.rows:,}" + (f" of {line.total:,}" if line.total else "")


def _widths(lines: list[ProgressRow], counts: int, width: int) -> tuple[int, int, int]:
    """Return the widths of bar, note and name.

    Numbers are never cut. What is short of room loses first the ends of notes on what is over,
    then bars, then the ends of names, then all notes.
    """
    names = max(cell_len(line.name) for line in lines)
    notes = max(cell_len(line.note) for line in lines)
    now = [cell_len(line.note) for line in lines if line.mark is ProgressStatus.UNDER_WAY]
    news = max(now, default=0)
    has_bars = any(line.total for line in lines)
    left = width - 1 - counts - 2 * GAP
    for needed in (notes, news):
        for bar in BARS if has_bars else (0,):
            rest = left - names - (bar + GAP if bar else 0)
            if rest >= (needed + GAP if needed else 0):
                return bar, max(min(notes, rest - GAP), 0), names
    rest = left - news - GAP
    if rest >= NARROWEST_NAME:
        return 0, news, min(names, rest)
    return 0, 0, max(min(names, left), 1)


def _bar(line: ProgressRow, width: int) -> Any:
    if not line.total:
        return ""
    return ProgressBar(total=line.total, completed=min(line.rows, line.total), width=width)


def _packed(parts: list[str], width: int, most: int) -> list[str]:
    """Put parts side by side into as few lines as will do."""
    lines: list[str] = []
    for part in parts:
        row_context = f"{lines[-1]}   {part}" if lines else part
        if lines and cell_len(row_context) <= width:
            lines[-1] = row_context
        elif len(lines) < most:
            lines.append(part)
    return lines
