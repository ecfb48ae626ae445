"""A million sends, opens, clicks and bounces: requests of the first run and of later runs, memory.

The account has sent for 200 days, the last seven of them as much as the others. A later run reads
the rows of the day that passed, and again the opens and clicks of seven days, whose time can move.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING

from tests.sandbox import Shape, World, serve
from tests.sandbox.engagement import acts

from .figures import Figure, Found, memory_figures, run_script
from .loads import GROWTH
from .measuring import Measured, Tap, log_of, temp_folder

if TYPE_CHECKING:
    from pathlib import Path

STREAM = "marketing_engagements"
ROWS, SHORT = 1_000_000, 50_000
#: Rows of all kinds that the account makes of one send.
PER_SEND = 1.6
TABLES = ("logs", "linkData", "mppLinkData", "bounceLogs")
BAR_MB = 200
USUAL_DAYS, RECENT_DAYS = 200, 7
USUAL = {"contact_fields": 1, "values_per_contact": 0, "tags_per_contact": 0}


class _Clock:
    """Real time, which jumps ahead where a day passes."""

    def __init__(self) -> None:
        self.ahead = dt.timedelta(0)

    def __call__(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC) + self.ahead


def load(rows: int) -> tuple[int, list[tuple[Measured, int]], bool]:
    """Read an account of so many rows three times; return its rows, the runs and their requests.

    A usual day passes before the third run.
    """
    sends = int(rows / PER_SEND)
    clock = _Clock()
    world = World(
        contacts=max(100, sends // 8),
        requests_per_second=0,
        clock=clock,
        shape=Shape(sends=sends, lists_per_contact=0, notes_share=0, **USUAL),
    )
    world.remembers_requests = False
    for day in range(RECENT_DAYS, 0, -1):
        pass_day(world, rows // USUAL_DAYS, world.now() - day * 86_400, campaign=100 - day)
    runs = []
    with temp_folder() as folder, serve(world) as served:
        tap = Tap(folder, served.url, (STREAM,))
        before = sum(len(world.tables[name]) for name in TABLES)
        kept: Path | None = None
        is_whole = True
        for turn in range(3):
            if turn == 2:
                clock.ahead += dt.timedelta(days=1)
                pass_day(world, rows // USUAL_DAYS, world.now() - 3_600, campaign=100)
            since = log_of(served.url)["arrivals"]
            ran = tap.run(kept)
            runs.append((ran, log_of(served.url, since)["requests"]))
            is_whole &= turn > 0 or _ids(folder / "output.jsonl") == before
            kept = folder / "kept.json"
            kept.write_text(tap.state.read_text())
        fresh = sum(len(world.tables[name]) for name in TABLES) - before
    return before, runs, is_whole and runs[2][0].records.get(STREAM, 0) >= fresh


def pass_day(world: World, rows: int, at: int, campaign: int) -> None:
    """Send a campaign to so many people less a third, of whom half open it."""
    people = rows * 2 // 3
    for number in range(people):
        acts.send(world, 1 + number, campaign, at=at)
        if number % 2:
            acts.click(world, 1 + number, campaign=campaign, at=at + 60)


def _ids(output: Path) -> int:
    """Return the number of different records."""
    found = set()
    with output.open() as lines:
        for line in lines:
            if line.startswith('{"type":"RECORD"'):
                found.add(hash(json.loads(line)["record"]["id"]))
    return len(found)


def measure(*, short: bool) -> Found:
    """Read a million rows and a tenth of them; in the short form fewer."""
    rows = SHORT if short else ROWS
    _, few, is_whole_small = load(rows // 10)
    count, runs, is_whole = load(rows)
    (first, first_requests), (_, idle), (_, later) = runs
    return Found(
        f"{count:,} engagements",
        (
            Figure("requests of the first run", first_requests, "count", 0.0103 * count + 20),
            Figure("requests of a run without news", idle, "count", tolerance=0.05),
            Figure("requests of a run a day later", later, "count", tolerance=0.05),
            *memory_figures(first.peak_mb, few[0][0].peak_mb, BAR_MB, GROWTH),
            Figure("rows per second", count / first.seconds, "rate", more_is_better=True),
        ),
        (
            (is_whole and is_whole_small, "every row once, and every new row of the day"),
            (later < 0.05 * first_requests + 50, "a later run costs a twentieth at most"),
        ),
        (("minutes", f"{first.seconds / 60:.1f}"),),
    )


def main() -> None:
    """Measure and check the bars."""
    run_script(measure)


if __name__ == "__main__":
    main()
