"""`python -m bench`: every script in its short form, compared with the stored figures.

Names choose scripts. `--keep` stores the measured figures in `bench/figures.json`. The program ends
with 1 if a bar is missed, or if a figure is worse than the stored figure by more than noise. It
prints both values. Speeds are compared by ratio to a yardstick, a fixed piece of work that is timed
before and after each script. A script that looks worse is measured once more.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from .comparison import Kept, better_of, missed_in_both
from .figures import Found, Yardstick, show
from .machine import machine, speed

if TYPE_CHECKING:
    from .comparison import Verdict
    from .figures import Measure

FILE = Path(__file__).with_name("figures.json")
#: In the order of the table on docs/benchmarks.md.
SCRIPTS = (
    "arrivals",
    "read_pace",
    "share_pace",
    "sync_pace",
    "read_streams",
    "read_requests",
    "sweep_delay",
    "read_speed",
    "read_linear",
    "read_memory",
    "load_read",
    "read_orders",
    "read_engagements",
    "start_up",
    "write_imports",
    "write_requests",
    "write_orders",
    "write_side_by_side",
    "write_singles",
    "write_audience",
    "write_unchanged",
    "write_undo",
    "load_write",
)


def main() -> int:
    """Measure, print, compare; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("scripts", nargs="*", metavar="script", help=", ".join(SCRIPTS))
    parser.add_argument("--keep", action="store_true", help="keep what is measured")
    options = parser.parse_args()
    if unknown := set(options.scripts) - set(SCRIPTS):
        parser.error(f"there is no script {', '.join(sorted(unknown))}")
    kept = Kept.load(FILE)
    problems = []
    began = time.monotonic()
    for name in options.scripts or SCRIPTS:
        measure: Measure = import_module(f"bench.{name}").measure
        started = time.monotonic()
        problems += [f"{name}: {text}" for text in run(name, measure, kept, keeps=options.keep)]
        print(f"  ({name}, {time.monotonic() - started:.0f} s)")
        if (
            options.keep
        ):  # after each, so that an interruption keeps the figures measured until then
            kept.measured = f"{dt.datetime.now(dt.UTC):%Y-%m-%d}, {machine()}"
            kept.save(FILE)
    print(f"\n{time.monotonic() - began:.0f} s; kept figures: {kept.measured or 'none'}")
    for problem in problems:
        print(f"WORSE  {problem}")
    return 1 if problems else 0


def run(script: str, measure: Measure, kept: Kept, *, keeps: bool) -> list[str]:
    """Measure one script, again if it looks worse, and return what is wrong with it."""
    try:
        found, yardstick = timed(measure)
        verdicts = kept.judge(script, found, yardstick)
        missed = found.missed
        if not keeps and (missed or any(verdict.is_regression for verdict in verdicts)):
            print("  … once more")
            second, yardstick_then = timed(measure)
            verdicts = better_of(verdicts, kept.judge(script, second, yardstick_then))
            missed = missed_in_both(found, second)
    except SystemExit as problem:
        return [f"did not end: {problem.code}"]
    unmeasured = [f"{name}: kept, but no longer measured" for name in kept.missing(script, found)]
    report(verdicts)
    if keeps:
        kept.take(script, found, yardstick)
        return missed
    return missed + unmeasured + [str(verdict) for verdict in verdicts if verdict.is_regression]


def timed(measure: Measure) -> tuple[Found, Yardstick]:
    """Measure in the short form; return the result and the machine's speed meanwhile."""
    before = speed()
    found = measure(short=True)
    after = speed()
    show(found)
    seconds, cpu = (sum(pair) / 2 for pair in zip(before, after, strict=True))
    return found, Yardstick(seconds, cpu)


def report(verdicts: list[Verdict]) -> None:
    """Print how each figure compares."""
    for verdict in verdicts:
        print(f"  {'WORSE' if verdict.is_regression else '    ='} {verdict}")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
