"""Formats durations."""

from __future__ import annotations


def clock_time(seconds: float) -> str:
    """Return seconds in clock format: ``1:05``, ``2:00:00``."""
    minutes, seconds_left = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds_left:02}" if hours else f"{minutes}:{seconds_left:02}"
