"""A real headless Chromium, controlled over two pipes with the DevTools protocol."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = (
    "Chromium was not found: install it (on Debian: apt-get install chromium), "
    "or name it: CHROMIUM=/path/to/chromium"
)
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--remote-debugging-pipe",
    # Every request except for a file ends at a closed port.
    "--proxy-server=127.0.0.1:9",
    "--proxy-bypass-list=<-loopback>",
)
#: Chromium reads from descriptor 3 and writes to 4.
START = """
import fcntl, os, sys
for place, given in [(3, fcntl.fcntl(int(sys.argv[1]), fcntl.F_DUPFD, 10)),
                     (4, fcntl.fcntl(int(sys.argv[2]), fcntl.F_DUPFD, 10))]:
    os.dup2(given, place)
os.execvp(sys.argv[3], sys.argv[3:])
"""
SECONDS = 60


def find() -> str | None:
    """Return the path that CHROMIUM names, else the path of the first installed Chromium."""
    named = os.environ.get("CHROMIUM")
    return next(filter(None, map(shutil.which, (named,) if named else NAMES)), None)


class Browser:
    """A running Chromium."""

    def __init__(self, command: str, profile: Path) -> None:
        """Start it with a new profile."""
        read, out = os.pipe()
        into, write = os.pipe()
        words = [*OPTIONS, f"--user-data-dir={profile}", "about:blank"]
        self._process = subprocess.Popen(
            [sys.executable, "-ISc", START, str(read), str(write), command, *words],
            pass_fds=(read, write),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"HOME": str(profile), "XDG_CONFIG_HOME": str(profile)},
            start_new_session=True,
        )
        for descriptor in (read, write):
            os.close(descriptor)
        self._out, self._into = out, into
        self._number = 0
        self._unread = b""
        self.events: list[dict[str, Any]] = []

    def ask(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its result; keep the events that arrive meanwhile."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer["error"]
                return dict(answer["result"])
            self.events.append(answer)

    def until(self, method: str) -> None:
        """Wait for an event."""
        while not any(event.get("method") == method for event in self.events):
            self.events.append(self._receive())

    def _receive(self) -> dict[str, Any]:
        end = time.monotonic() + SECONDS
        while b"\0" not in self._unread:
            ready, _, _ = select.select([self._into], [], [], max(0, end - time.monotonic()))
            assert ready, "Chromium says nothing"
            more = os.read(self._into, 1 << 20)
            assert more, "Chromium has ended"
            self._unread += more
        line, _, self._unread = self._unread.partition(b"\0")
        return dict(json.loads(line))

    def close(self) -> None:
        """End it and all its processes."""
        with contextlib.suppress(AssertionError, OSError):
            self.ask("Browser.close")
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, 9)
        self._process.wait(10)
        for descriptor in (self._out, self._into):
            os.close(descriptor)


class Tab:
    """An open page on a screen of a given width, in the light or dark colour scheme."""

    def __init__(self, browser: Browser, *, width: int, height: int, scheme: str) -> None:
        """Open an empty page."""
        self._browser = browser
        target = browser.ask("Target.createTarget", url="about:blank")["targetId"]
        self.target = target
        attached = browser.ask("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._ask(f"{domain}.enable")
        size = {"width": width, "height": height, "deviceScaleFactor": 1}
        self._ask("Emulation.setDeviceMetricsOverride", **size, mobile=width < 600)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._ask("Emulation.setEmulatedMedia", features=features)

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self._browser.ask(method, self._session, **parameters)

    def open(self, path: Path) -> None:
        """Open a file and wait until it is loaded."""
        self._browser.events.clear()
        self._ask("Page.navigate", url=path.as_uri())
        self._browser.until("Page.loadEventFired")

    def value(self, expression: str) -> Any:
        """Return the value of an expression on the page."""
        found = self._ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    @property
    def requested(self) -> list[str]:
        """All requests since the page was opened."""
        return [
            event["params"]["request"]["url"]
            for event in self._browser.events
            if event.get("method") == "Network.requestWillBeSent"
        ]

    @property
    def complaints(self) -> list[str]:
        """Errors, warnings and violations on the console since the page was opened."""
        kinds = {"Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown"}
        return [json.dumps(event) for event in self._browser.events if event.get("method") in kinds]

    def table(self, name: str) -> list[list[str]]:
        """Return a table's cells as text, row by row, head and foot too."""
        expression = (
            f"[...document.getElementById({json.dumps(name)}).rows]"
            ".map(row => [...row.cells].map(cell => cell.textContent.trim()))"
        )
        found: list[list[str]] = self.value(expression)
        return found

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than the screen."""
        return int(self.value("document.documentElement.scrollWidth - window.innerWidth"))

    def picture(self) -> bytes:
        """Return a picture of the whole page."""
        self.value("document.querySelectorAll('details').forEach(element => element.open = true)")
        size = self._ask("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        taken = self._ask("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
        return base64.b64decode(taken["data"])

    def close(self) -> None:
        """Close it."""
        self._browser.ask("Target.closeTarget", targetId=self.target)


@contextlib.contextmanager
def tab(
    browser: Browser, *, width: int = 1200, height: int = 900, scheme: str = "light"
) -> Iterator[Tab]:
    """Yield a new tab, and close it afterwards."""
    found = Tab(browser, width=width, height=height, scheme=scheme)
    try:
        yield found
    finally:
        found.close()
