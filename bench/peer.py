"""singer-io's tap 1.3.1, measured if `make peer` has installed it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

from .figures import number
from .measuring import log_of, pace_of

ROOT = Path(__file__).resolve().parent.parent
PYTHON = Path(os.environ.get("BENCH_PEER_PYTHON", ROOT / ".venv-peer" / "bin" / "python"))
NAME = "singer-io's tap 1.3.1"
ABSENT = "not installed: `make peer` does"
#: Its streams with the content of our contact streams.
CONTACTS = (
    "contacts",
    "contact_custom_field_values",
    "contact_tags",
    "contact_lists",
    "account_contacts",
)


class Peer:
    """The peer as a program, with a catalog that selects some of its streams."""

    def __init__(self, folder: Path, url: str, streams: tuple[str, ...]) -> None:
        """Discover once, which sends no request."""
        self._folder = folder
        (folder / "peer.json").write_text(
            json.dumps(
                {
                    "api_url": url,
                    "api_token": "sandbox-key",
                    "start_date": "2000-01-01T00:00:00Z",
                    "user_agent": "peer",
                }
            )
        )
        found = json.loads(
            subprocess.run(self._command("--discover"), capture_output=True, check=True).stdout
        )
        for stream in found["streams"]:
            root = next(m for m in stream["metadata"] if m["breadcrumb"] == [])
            root["metadata"]["selected"] = stream["tap_stream_id"] in streams
        (folder / "peer-catalog.json").write_text(json.dumps(found))

    def _command(self, *options: str) -> list[str]:
        program = [str(PYTHON), str(ROOT / "bench" / "peer_program.py")]
        return [*program, "--config", str(self._folder / "peer.json"), *options]

    def run(self, seconds: float | None = None, *, keeps_limit: bool = True) -> int:
        """Run once for at most so many seconds; return the number of records.

        Without its limit it sends the same requests sooner, for accounts that only count.
        """
        command = self._command("--catalog", str(self._folder / "peer-catalog.json"))
        output, log = self._folder / "peer.jsonl", self._folder / "peer.log"
        with output.open("wb") as out, log.open("wb") as log_file:
            environment = os.environ | ({} if keeps_limit else {"PEER_UNLIMITED": "1"})
            process = subprocess.Popen(command, stdout=out, stderr=log_file, env=environment)
            try:
                status = process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
                status = 0
        if status:
            raise SystemExit(f"{NAME} failed: {log.read_text()[-2000:]}")
        with output.open() as lines:
            return sum('"type": "RECORD"' in line for line in lines)


def is_installed() -> bool:
    """Return whether the peer is installed."""
    return PYTHON.exists()


def pace(folder: Path, url: str, seconds: float) -> list[tuple[str, str]]:
    """Measure its requests per second for the content of our contact streams."""
    if not is_installed():
        return [(NAME, ABSENT)]
    since = log_of(url)["arrivals"]
    Peer(folder, url, CONTACTS).run(seconds)
    log = log_of(url, since)
    shown = f"{number(pace_of(log))}, {log['throttled']}, {log['busiest_second']}"
    return [
        (f"{NAME}, over {seconds:.0f} s: requests per second, refused, most in a second", shown)
    ]
