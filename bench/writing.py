"""The target measured: rows in a file, a run of the program, and its results."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .loads import Once
from .peak_memory import PeakMemory

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


@dataclass(frozen=True)
class Written:
    """One run: rows by action, seconds of clock and CPU, peak MB, whether each row has one result.

    ``with_id`` is the number of rows whose result has ActiveCampaign's id.
    """

    actions: Counter[str]
    seconds: float
    peak_mb: float
    with_id: int
    cpu: float
    is_complete: bool


class Target:
    """The target as a program with its own ledger."""

    def __init__(self, folder: Path, url: str, **settings: Any) -> None:
        """Prepare settings; nothing runs yet."""
        self._folder = folder
        self._results = folder / "results.jsonl"
        self.config = {
            "api_url": url,
            "api_key": "sandbox-key",
            "ledger_path": str(folder / "ledger.sqlite"),
            "results_path": str(self._results),
            **settings,
        }

    def feed(self, name: str, stream: str, keys: list[str], rows: Iterable[dict[str, Any]]) -> Path:
        """Write rows as Singer messages; return the file."""
        path = self._folder / name
        with path.open("w") as lines:
            schema = {"type": "SCHEMA", "stream": stream, "schema": {"properties": {}}}
            lines.write(json.dumps({**schema, "key_properties": keys}) + "\n")
            for row in rows:
                message = {"type": "RECORD", "stream": stream, "record": row}
                lines.write(json.dumps(message) + "\n")
            lines.write(json.dumps({"type": "STATE", "value": {"done": name}}) + "\n")
        return path

    def start(self, source: Path, *options: str) -> subprocess.Popen[bytes]:
        """Start a run over a file, with more options of the command."""
        config = self._folder / "target.json"
        config.write_text(json.dumps(self.config))
        command = [sys.executable, "-m", "target_activecampaign", "--config", str(config), *options]
        with source.open("rb") as rows, (self._folder / "target.log").open("wb") as log:
            return subprocess.Popen(command, stdin=rows, stdout=subprocess.DEVNULL, stderr=log)

    def run(self, source: Path, *options: str) -> Written:
        """Run once over a file, with more options of the command."""
        began = time.monotonic()
        process = self.start(source, *options)
        with PeakMemory(process) as peak:
            _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)  # it was waited for already
        seconds = time.monotonic() - began
        if status:
            raise SystemExit((self._folder / "target.log").read_text()[-2000:])
        actions: Counter[str] = Counter()
        with_id, numbers = 0, Once()
        with self._results.open() as lines:
            for line in lines:
                result = json.loads(line)
                actions[result["action"]] += 1
                with_id += result["id"] is not None
                numbers.note(result["row"] or 0)
        return Written(
            actions,
            seconds,
            peak.megabytes,
            with_id,
            usage.ru_utime + usage.ru_stime,
            numbers.is_all(actions.total()),
        )


def person(number: int, score: int | None = None) -> dict[str, Any]:
    """Return a new contact with three custom fields, two tags and a list."""
    return {
        "email": f"person{number}@bench.example",
        "first_name": f"Person {number}",
        "custom_fields": {
            "lead_source": f"source {number % 7}",
            "plan_tier": "Business",
            "lead_score": number % 100 if score is None else score,
        },
        "tags": [f"bench-{number % 5}", "bench"],
        "segments": ["Monthly newsletter"],
    }
