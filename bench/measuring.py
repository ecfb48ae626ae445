"""A sandbox account in a process of its own, and the tap measured against it."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTACT_STREAMS = ("crm_contacts", "marketing_contacts")


@dataclass(frozen=True)
class Measured:
    """One run: records written, seconds from start to end, peak memory in MB."""

    records: dict[str, int]
    seconds: float
    peak_mb: float
    report: dict[str, Any]


def machine() -> str:
    """Say on what was measured."""
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"


@contextlib.contextmanager
def account(folder: Path, *options: str) -> Iterator[str]:
    """Run a sandbox account for the time of the block and give its URL."""
    ready = folder / "ready"
    ready.unlink(missing_ok=True)
    command = [sys.executable, "-m", "tests.sandbox", "--port", "0", "--ready-file", str(ready)]
    process = subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL)
    try:
        while not ready.exists() or not ready.read_text().strip():
            if process.poll() is not None:
                raise SystemExit("the sandbox did not start")
            time.sleep(0.1)
        yield ready.read_text().strip()
    finally:
        process.terminate()
        process.wait()


def log_of(url: str) -> dict[str, Any]:
    """Return what the account says of the requests it saw."""
    with urllib.request.urlopen(f"{url}/sandbox/log") as answer:
        found: dict[str, Any] = json.load(answer)
        return found


class Tap:
    """The tap as a program, with settings and a catalog that selects some streams."""

    def __init__(self, folder: Path, url: str, streams: tuple[str, ...], **settings: Any) -> None:
        """Discover once; that is not measured."""
        self._folder = folder
        self._report = folder / "report.json"
        config = {"api_url": url, "api_key": "sandbox-key", "requests_per_second": 0, **settings}
        (folder / "config.json").write_text(
            json.dumps({**config, "run_report_path": str(self._report)})
        )
        found = json.loads(self._call("--discover").stdout)
        for stream in found["streams"]:
            root = next(m for m in stream["metadata"] if m["breadcrumb"] == [])
            root["metadata"]["selected"] = stream["tap_stream_id"] in streams
        (folder / "catalog.json").write_text(json.dumps(found))

    def _command(self, *options: str) -> list[str]:
        program = [sys.executable, "-m", "tap_activecampaign_unified"]
        return [*program, "--config", str(self._folder / "config.json"), *options]

    def _call(self, *options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self._command(*options), capture_output=True, text=True, check=True)

    def run(self, state: Path | None = None) -> Measured:
        """Run once, output to a file, and count what it wrote."""
        options = ["--catalog", str(self._folder / "catalog.json")]
        if state:
            options += ["--state", str(state)]
        output = self._folder / "output.jsonl"
        began = time.monotonic()
        with output.open("wb") as out, (self._folder / "log.txt").open("wb") as log:
            process = subprocess.Popen(self._command(*options), stdout=out, stderr=log)
            _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
        if status:
            raise SystemExit((self._folder / "log.txt").read_text()[-2000:])
        counts: dict[str, int] = {}
        with output.open() as lines:
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
            usage.ru_maxrss / 1024,
            json.loads(self._report.read_text()),
        )

    @property
    def state(self) -> Path:
        """The state the last run left."""
        return self._folder / "state.json"


@contextlib.contextmanager
def workplace() -> Iterator[Path]:
    """Give a folder for the time of the block."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        yield Path(folder)


def show(title: str, rows: list[tuple[str, str, str]]) -> None:
    """Print a table of what was measured beside its bar."""
    print(f"\n{title}  ({machine()})")
    widths = [max(len(row[at]) for row in rows) for at in range(3)]
    for row in rows:
        print("  " + "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)))


def judge(*claims: tuple[bool, str]) -> None:
    """End with 1, naming them, when claims do not hold."""
    missed = [text for holds, text in claims if not holds]
    for text in missed:
        print(f"  MISSED: {text}")
    if missed:
        raise SystemExit(1)
