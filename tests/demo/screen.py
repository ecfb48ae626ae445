"""Prints the text of the demo, at most 100 columns wide."""

from __future__ import annotations

import sys
import textwrap
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

WIDTH = 98
COLUMN = 10


def say(text: str = "") -> None:
    """Write a line."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def head(text: str) -> None:
    """Write a heading."""
    say(f"\n{text}\n{'─' * len(text)}")


def wrapped(text: str, indent: str = "") -> str:
    """Break a paragraph."""
    return textwrap.fill(text, WIDTH, initial_indent=indent, subsequent_indent=indent)


def counted(number: int, singular: str, plural: str | None = None) -> str:
    """Return a number with its noun."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def listed(parts: list[str]) -> str:
    """Join words with commas and "and"."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


class Waiting:
    """A line with seconds and requests that is updated during a run; on a terminal only."""

    def __init__(self, requests: Callable[[], int]) -> None:
        """Start the clock."""
        self._requests = requests
        self._started = time.monotonic()
        self._before = requests()
        self._watched = sys.stdout.isatty()

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started

    @property
    def requests(self) -> int:
        """Requests since the start."""
        return self._requests() - self._before

    def show(self) -> None:
        """Update the line."""
        if self._watched:
            text = f"  … {self.seconds:3.0f} s, {self.requests} requests"
            sys.stdout.write(f"\r{text:<{WIDTH}}")
            sys.stdout.flush()

    def end(self) -> None:
        """Clear the line."""
        if self._watched:
            sys.stdout.write(f"\r{'':<{WIDTH}}\r")
            sys.stdout.flush()


def streams_table(
    streams: dict[str, dict[str, Any]],
    loaded: dict[str, int],
    expected: dict[str, int],
    surplus: dict[str, int],
) -> list[str]:
    """Return a line per stream: the numbers of the tap, and the rows in DuckDB and the account.

    Columns of zeros alone are left out. ``surplus`` rows are marked; the demo explains them below.
    """
    columns = {
        "read": [stream["rows_read"] for stream in streams.values()],
        "emitted": [stream["rows_emitted"] for stream in streams.values()],
        "unchanged": [stream["rows_suppressed"] for stream in streams.values()],
        "left out": [sum(stream["rows_left_out"].values()) for stream in streams.values()],
        "faulty": [stream["rows_faulty"] for stream in streams.values()],
        "requests": [stream["requests"] for stream in streams.values()],
        "DuckDB": [loaded[name] for name in streams],
        "account": [expected[name] for name in streams],
    }
    for name in ("unchanged", "left out", "faulty"):
        if not any(columns[name]):
            del columns[name]
    width = max(map(len, streams))
    lines = [f"  {'':<{width}}" + "".join(f"{name:>{COLUMN}}" for name in columns)]
    for place, name in enumerate(streams):
        values = (column[place] for column in columns.values())
        cells = "".join(f"{f'{value:,}' if value else '·':>{COLUMN}}" for value in values)
        extra = surplus.get(name, 0)
        mark = "✓" if loaded[name] == expected[name] else "✗"
        if extra and loaded[name] == expected[name] + extra:
            mark = f"✓ +{extra}"
        lines.append(f"  {name:<{width}}{cells}  {mark}")
    sums = "".join(f"{sum(values):>{COLUMN},}" for values in columns.values())
    lines += [f"  {'':<{width}}" + f"{'─' * 8:>{COLUMN}}" * len(columns), f"  {'':<{width}}{sums}"]
    return lines
