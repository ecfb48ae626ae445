"""Rows per second and memory of the target for a million unchanged rows, without a request.

The ledger is filled by writing the rows to accounts in this process, on a clock that a sleep
advances: the importer's own limit would take an hour. The measured run is the program itself,
without an account, because an unchanged row needs no request.
"""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING, Any

import requests

from target_activecampaign.target import TargetActiveCampaign
from tests.sandbox import SandboxAdapter, World
from tests.tap.client.clients import ManualClock

from .figures import Figure, Found, run_script
from .measuring import temp_folder
from .writing import Target

if TYPE_CHECKING:
    from collections.abc import Iterator

BAR_ROWS, BAR_MB = 5_000, 250
NO_SERVER = "http://127.0.0.1:9"
CHUNK = 50_000


def rows_of(start: int, stop: int) -> Iterator[dict[str, Any]]:
    """Return rows with a few columns."""
    for n in range(start, stop):
        yield {"email": f"p{n}@bench.example", "first_name": f"P{n}", "last_name": "Same"}


def write_once(target: Target, start: int, stop: int) -> None:
    """Write rows to an account in this process, to fill the ledger."""
    clock = ManualClock()
    world = World(clock=clock.moments, requests_per_second=0)

    class InProcess(TargetActiveCampaign):
        make_clock = staticmethod(lambda: clock)

        @staticmethod
        def make_session() -> requests.Session:
            session = requests.Session()
            session.mount("http://", SandboxAdapter(world))
            return session

    source = target.feed("chunk.jsonl", "crm_contacts", ["email"], rows_of(start, stop))
    with source.open() as lines, contextlib.redirect_stdout(io.StringIO()):
        # Several threads cannot sleep on one clock.
        InProcess(config={**target.config, "max_concurrent_requests": 1}).run(lines)


def measure(*, short: bool) -> Found:
    """Fill the ledger, then run over the same rows; a tenth of them in the short form."""
    rows = 100_000 if short else 1_000_000
    with temp_folder() as folder:
        target = Target(folder, NO_SERVER, requests_per_second=0)
        for start in range(0, rows, CHUNK):
            write_once(target, start, min(rows, start + CHUNK))
        ran = target.run(target.feed("rows.jsonl", "crm_contacts", ["email"], rows_of(0, rows)))
    return Found(
        f"The target over {rows:,} unchanged rows",
        (
            Figure(
                *("rows per second, start-up included", rows / ran.seconds, "rate", BAR_ROWS),
                more_is_better=True,
            ),
            Figure("peak MB", ran.peak_mb, "memory", BAR_MB),
        ),
        ((ran.actions == {"unchanged": rows}, "every row unchanged"),),
    )


def main() -> None:
    """Measure and check the bars."""
    run_script(measure)


if __name__ == "__main__":
    main()
