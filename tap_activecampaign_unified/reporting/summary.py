"""Prints the summary table at the end of a run on a terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tap_activecampaign_unified.cli import is_on_terminal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_activecampaign_unified.config.read_settings import Settings

REPORTS = ("run_report_path", "run_report_html_path")


def print_summary(
    settings: Settings,
    streams: Mapping[str, Mapping[str, int]],
    notes: Mapping[str, str],
    run_id: str | None,
) -> None:
    """Print the counts of each stream by name, a note per stream, and the run's id.

    Counts that are 0 for every stream have no column. Without a terminal, it prints nothing,
    because the log has the counts.
    """
    if not is_on_terminal():
        return
    from rich.console import Console  # noqa: PLC0415 - slow import, for a terminal only
    from rich.table import Table  # noqa: PLC0415

    counted = dict.fromkeys(name for counts in streams.values() for name in counts)
    heads = [name for name in counted if any(stream.get(name) for stream in streams.values())]
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("stream", no_wrap=True)
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column()
    rows = dict(sorted(streams.items()))
    if len(rows) > 1:
        rows["all"] = {
            head: sum(stream.get(head, 0) for stream in streams.values()) for head in heads
        }
    for name, counts in rows.items():
        table.add_row(name, *(f"{counts.get(head, 0):,}" for head in heads), notes.get(name, ""))
    console = Console(file=sys.stderr, highlight=False, markup=False)
    if rows:
        console.print(table)
    if run_id:
        console.print(f"Run: {run_id}")
    for setting in REPORTS:
        if settings[setting]:
            console.print(f"Report: {settings[setting]}", soft_wrap=True)
