"""A sandbox account in its own process, and the tap measured against it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .machine import machine
from .peak_memory import PeakMemory

if TYPE_CHECKING:
    from collections.abc import Iterator

FIRST = -10
CONTACT_STREAMS = ("crm_contacts", "marketing_contacts")


@dataclass(frozen=True)
class Measured:
    """One run: records written, seconds of the clock and of the CPU, peak memory in MB."""

    records: dict[str, int]
    seconds: float
    peak_mb: float
    report: dict[str, Any]
    cpu: float


@contextlib.contextmanager
def account(folder: Path, *options: str) -> Iterator[str]:
    """Run a sandbox account for the time of the block; yield its URL.

    If the user may, it gets a high priority: an account that waits for a processor registers
    requests late and too close together.
    """
    ready = folder / "ready"
    ready.unlink(missing_ok=True)
    command = [sys.executable, "-m", "tests.sandbox", "--port", "0", "--ready-file", str(ready)]
    process = subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL)
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, process.pid, FIRST)
    try:
        while not ready.exists() or not ready.read_text().strip():
            if process.poll() is not None:
                raise SystemExit("the sandbox did not start")
            time.sleep(0.1)
        yield ready.read_text().strip()
    finally:
        process.terminate()
        process.wait()


def log_of(url: str, since: int = 0, after: float = 0, until: float = 0) -> dict[str, Any]:
    """Return the account's log summary of all requests or of a part of them.

    ``since`` is the number of arrivals to leave out; the others are seconds since 1970.
    """
    query = f"since={since}&after={after}&until={until}"
    with urllib.request.urlopen(f"{url}/sandbox/log?{query}") as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def arrivals_of(url: str, since: int = 0) -> list[tuple[float, str, str, int | None]]:
    """Return moment, caller, endpoint and status of each request."""
    with urllib.request.urlopen(f"{url}/sandbox/arrivals?since={since}") as answer:
        return [tuple(row) for row in json.load(answer)["rows"]]


def pace_of(log: dict[str, Any]) -> float:
    """Return requests per second from the first to the last of a log."""
    between = (log["last"] or 0) - (log["first"] or 0)
    return (log["requests"] - 1) / between if between > 0 else 0.0


class Tap:
    """The tap as a program, with settings and a catalog that selects some streams."""

    def __init__(
        self, folder: Path, url: str, streams: tuple[str, ...] | None, **settings: Any
    ) -> None:
        """Discover once, which is not measured. With ``streams`` None the default is selected."""
        self._folder = folder
        self._report = folder / "report.json"
        config = {
            "api_url": url,
            "api_key": "sandbox-key",
            "requests_per_second": 0,
            # Its own file, so that other programs of this machine do not share the budget.
            "rate_limit_store": str(folder / "rate.json"),
            **settings,
        }
        (folder / "config.json").write_text(
            json.dumps({**config, "run_report_path": str(self._report)})
        )
        found = json.loads(self._discovered())
        self.select(found, streams)

    def select(self, found: dict[str, Any], streams: tuple[str, ...] | None) -> None:
        """Write the catalog of a run."""
        for stream in found["streams"] if streams is not None else []:
            root = next(m for m in stream["metadata"] if m["breadcrumb"] == [])
            root["metadata"]["selected"] = stream["tap_stream_id"] in (streams or ())
        self.catalog = found
        (self._folder / "catalog.json").write_text(json.dumps(found))

    def _command(self, *options: str) -> list[str]:
        program = [sys.executable, "-m", "tap_activecampaign_unified"]
        return [*program, "--config", str(self._folder / "config.json"), *options]

    def _discovered(self) -> str:
        done = subprocess.run(
            self._command("--discover"), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(done.stderr[-2000:])
        return done.stdout

    def start(self, state: Path | None = None) -> subprocess.Popen[bytes]:
        """Start a run, output to a file."""
        options = ["--catalog", str(self._folder / "catalog.json")]
        if state:
            options += ["--state", str(state)]
        log = self._folder / "log.txt"
        with (self._folder / "output.jsonl").open("wb") as out, log.open("wb") as log_file:
            return subprocess.Popen(self._command(*options), stdout=out, stderr=log_file)

    def run(self, state: Path | None = None) -> Measured:
        """Run once and count the records."""
        began = time.monotonic()
        process = self.start(state)
        with PeakMemory(process) as peak:
            _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)  # it was waited for already
        seconds = time.monotonic() - began
        if status:
            raise SystemExit((self._folder / "log.txt").read_text()[-2000:])
        counts: dict[str, int] = {}
        last = '{"value": {}}'
        with (self._folder / "output.jsonl").open() as lines:
            for line in lines:
                if line.startswith('{"type":"RECORD"'):
                    stream = line.split('"stream":"', 1)[1].split('"', 1)[0]
                    counts[stream] = counts.get(stream, 0) + 1
                elif line.startswith('{"type":"STATE"'):
                    last = line
        (self._folder / "state.json").write_text(json.dumps(json.loads(last)["value"]))
        return Measured(
            counts,
            seconds,
            peak.megabytes,
            json.loads(self._report.read_text()),
            usage.ru_utime + usage.ru_stime,
        )

    @property
    def state(self) -> Path:
        """The state of the last run."""
        return self._folder / "state.json"


@contextlib.contextmanager
def temp_folder() -> Iterator[Path]:
    """Yield a folder for the time of the block."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        yield Path(folder)


def show(title: str, rows: list[tuple[str, str, str]]) -> None:
    """Print a table of the figures and their bars."""
    print(f"\n{title}  ({machine()})")
    widths = [max(len(row[at]) for row in rows) for at in range(3)]
    for row in rows:
        print("  " + "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)))


def judge(*claims: tuple[bool, str]) -> None:
    """End with 1 if claims fail, and name them."""
    missed = [text for holds, text in claims if not holds]
    for text in missed:
        print(f"  MISSED: {text}")
    if missed:
        raise SystemExit(1)
