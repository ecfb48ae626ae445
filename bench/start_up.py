"""Seconds until a program prints its version, and until a program without work ends.

Without work means, for the tap, a run over all streams without changes; for the target, unchanged
rows.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from functools import partial
from typing import TYPE_CHECKING

from .figures import Figure, Found, run_script
from .measuring import Tap, account, temp_folder
from .writing import Target, person

if TYPE_CHECKING:
    from collections.abc import Callable

VERSION, NOTHING = 1.5, 3.0
RUNS = 5
PROGRAMS = {"tap": "tap_activecampaign_unified", "target": "target_activecampaign"}


def say_version(package: str) -> None:
    """Run a program with --version."""
    command = [sys.executable, "-m", package, "--version"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def seconds(act: Callable[[], object], runs: int) -> float:
    """Return the median of the seconds of a call, after a first call."""
    act()
    found = []
    for _ in range(runs):
        began = time.monotonic()
        act()
        found.append(time.monotonic() - began)
    return statistics.median(found)


def measure(*, short: bool) -> Found:
    """Start both programs, some times each."""
    runs = 3 if short else RUNS
    figures = []
    for name, package in PROGRAMS.items():
        took = seconds(partial(say_version, package), runs)
        figures.append(Figure(f"{name} --version, seconds", took, "seconds", VERSION))
    with temp_folder() as folder, account(folder, "--requests-per-second", "0") as url:
        tap = Tap(folder, url, None)
        tap.run()
        took = seconds(lambda: tap.run(tap.state), runs)
        figures.append(Figure("tap, nothing changed, seconds", took, "seconds", NOTHING))
        target = Target(folder, url, requests_per_second=0)
        rows = target.feed("rows.jsonl", "crm_contacts", ["email"], [person(n) for n in range(10)])
        target.run(rows)
        took = seconds(lambda: target.run(rows), runs)
        figures.append(Figure("target, nothing changed, seconds", took, "seconds", NOTHING))
        again = target.run(rows).actions
    return Found(
        f"Start-up, median of {runs}",
        tuple(figures),
        ((again == {"unchanged": 10}, f"the target had nothing to do: {dict(again)}"),),
    )


def main() -> None:
    """Measure and check the bars."""
    run_script(measure)


if __name__ == "__main__":
    main()
