"""Starts a made-up account in its own process, and reads from it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]
API_KEY = "sandbox-key"
END_WITH_PARENT = (sys.executable, "-m", "tests.demo.end_with_parent")


class AccountFailedError(Exception):
    """The sandbox did not start."""


class Account:
    """`python -m tests.sandbox` on a free port; the process ends with the `with` block."""

    def __init__(self, folder: Path, **options: float) -> None:
        """Start it; return when it listens. ``options`` are those of the sandbox."""
        ready, log = folder / "sandbox.url", folder / "sandbox.log"
        ready.unlink(missing_ok=True)
        arguments = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
        command = [*END_WITH_PARENT, sys.executable, "-m", "tests.sandbox", "--port=0"]
        command += [f"--api-key={API_KEY}", f"--ready-file={ready}", *arguments]
        with log.open("w", encoding="utf-8") as output:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._pace = 1.3 / options.get("requests_per_second", 5) if self._limited(options) else 0.0
        self._last = 0.0
        try:
            self._wait(ready, log)
        except BaseException:
            self.close()
            raise
        self.url = ready.read_text(encoding="utf-8").strip()

    def _wait(self, ready: Path, log: Path) -> None:
        while not ready.exists():
            if self._process.poll() is not None:
                raise AccountFailedError(f"the sandbox did not start: see {log}")
            time.sleep(0.05)

    @staticmethod
    def _limited(options: dict[str, float]) -> bool:
        return options.get("requests_per_second", 5) > 0

    def ask(self, path: str) -> Any:
        """Read from the API, below the rate limit of the account."""
        self._keep_pace()
        return self._call(f"/api/3/{path}")

    def write(self, path: str, body: dict[str, Any]) -> Any:
        """Create something through the API."""
        self._keep_pace()
        return self._call(f"/api/3/{path}", body)

    def _keep_pace(self) -> None:
        time.sleep(max(0.0, self._last + self._pace - time.monotonic()))
        self._last = time.monotonic()

    def change(self, seed: int) -> dict[str, Any]:
        """Make the changes of one day in the account; return them."""
        return dict(self._call("/sandbox/change", {"seed": seed}))

    def tables(self) -> dict[str, int]:
        """Return the number of rows of each table of the account."""
        return dict(self._call("/sandbox/tables"))

    def requests(self) -> int:
        """Return the number of requests that the account has answered."""
        return int(self._call("/sandbox/log")["requests"])

    def endpoints(self) -> dict[str, int]:
        """Return the number of requests that the account has answered, by endpoint."""
        return dict(self._call("/sandbox/log")["by_endpoint"])

    def refused(self) -> int:
        """Return the number of requests that the account refused because they came too fast."""
        return int(self._call("/sandbox/log")["throttled"])

    def _call(self, path: str, body: dict[str, Any] | None = None) -> Any:
        request = urllib.request.Request(  # noqa: S310 - always the loopback
            self.url + path,
            None if body is None else json.dumps(body).encode(),
            {"Api-Token": API_KEY, "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return json.load(answer)

    def close(self) -> None:
        """End the process and wait for it."""
        if self._process.stdin:
            self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()
