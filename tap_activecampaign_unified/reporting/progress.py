"""Progress of a run: a live view on a terminal, or a line in the log every 30 seconds.

It never writes to stdout, which is for Singer messages. A thread reads the run's counts twice a
second, so that the view costs nothing per row.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
from collections import deque
from typing import TYPE_CHECKING

from tap_activecampaign_unified.cli import is_on_terminal

from .durations import clock_time
from .progress_rows import ProgressRow, ProgressStatus, ProgressView

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tap_activecampaign_unified.client import Client, Clock, RequestStats
    from tap_activecampaign_unified.resources.resource import Resource

    from .run_report import RunReport

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_LINES = 30.0
SECONDS_BETWEEN_DRAWINGS = 0.5
#: The present rate is the average over this many seconds.
RATE_SECONDS = 10.0
#: The view mentions a response after this many seconds.
LONG_SECONDS = 5.0
#: The view estimates the remaining time after this many seconds of an endpoint's sync.
ESTIMATE_AFTER = 3.0


class Progress:
    """Shows or logs the progress of a run. Programs override ``lines`` and ``log_line``."""

    def __init__(self, program: str, clock: Clock) -> None:
        self._program, self._clock = program, clock
        self._began = self._last = clock.monotonic()
        self._request_rate: _RequestRate | None = None
        self._account = ""
        self._lock = threading.Lock()
        self._is_shown = False

    def follow(self, client: Client) -> None:
        """Show this client's requests."""
        self._account = client.address.account
        self._request_rate = _RequestRate(client.traffic, client.rate, self._clock)

    def lines(self) -> list[ProgressRow]:
        """Return one row per stream."""
        return []

    def remarks(self) -> list[str]:
        """Return further notes for the last line of the view."""
        return []

    def log_line(self) -> str | None:
        """Return a line for the log, None without progress."""
        return None

    def tick(self) -> None:
        """Log a line after every 30 s without a live view. Thread-safe."""
        with self._lock:
            now = self._clock.monotonic()
            if self._is_shown or now - self._last < SECONDS_BETWEEN_LINES:
                return
            self._last = now
        line = self.log_line()
        if line is not None:
            logger.info("%s", line)

    def ticking(self, checkpoint: Callable[[], None]) -> Callable[[], None]:
        """Return a ``before_request`` callback that also calls `tick`."""

        def check() -> None:
            self.tick()
            checkpoint()

        return check

    def view(self) -> ProgressView:
        """Return the current view."""
        took = clock_time(self._clock.monotonic() - self._began)
        title = "  ".join(part for part in (self._program, self._account, took) if part)
        footer = self.remarks()
        if self._request_rate is not None:
            footer = [*footer, *self._request_rate()]
        return ProgressView(title, self.lines(), footer)

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Show the live view during the block, if stderr is a terminal."""
        if not is_on_terminal():
            yield
            return
        from .live_view import screen_of  # noqa: PLC0415 - slow import, for a terminal only

        screen = screen_of(sys.stderr)
        if screen is None:
            yield
            return
        over = threading.Event()

        def draw_on() -> None:
            try:
                while not over.is_set():
                    screen.draw(self.view())
                    over.wait(SECONDS_BETWEEN_DRAWINGS)
            except Exception as problem:  # noqa: BLE001 - the view must not end the run
                self._is_shown = False
                logger.debug("The live view ended: %s", type(problem).__name__)

        thread = threading.Thread(target=draw_on, name="progress", daemon=True)
        with screen:
            with contextlib.suppress(RuntimeError):  # no thread available: no view
                thread.start()
                self._is_shown = True
            try:
                yield
            finally:
                over.set()
                if thread.ident is not None:
                    thread.join(LONG_SECONDS)
                self._is_shown = False


class SyncProgress(Progress):
    """Shows, for each stream, the rows read and the total that ActiveCampaign counts."""

    def __init__(self, program: str, client: Client, report: RunReport) -> None:
        super().__init__(program, client.clock)
        self.follow(client)
        self._client, self._report = client, report
        self._streams: list[str] = []
        self._counted: dict[str, bool] = {}
        self._label = ""
        self._rows = 0
        self._total = 0
        self._since = self._began

    def expect_streams(self, streams: Iterable[str]) -> None:
        """Set the streams that the run will read, in their order."""
        self._streams = list(streams)

    def begin(self, label: str, resources: Iterable[Resource]) -> None:
        """Start the sync of an endpoint for these resources."""
        self._rows, self._total = 0, 0
        self._since = self._clock.monotonic()
        self._label, self._counted = (
            label,
            {resource.name: _is_counted(resource) for resource in resources},
        )

    def advance(self, rows: int, total: int | None) -> None:
        """Add ``rows`` rows. ``total`` is the server's count, None if it is unknown."""
        self._rows += rows
        # A keyset walk may count the remaining rows, so only the first count is the total.
        self._total = max(self._total, total or 0)
        self.tick()

    def end(self) -> None:
        """End the sync of the endpoint."""
        self._counted = {}

    def log_line(self) -> str | None:
        """Return rows and requests of the endpoint's sync."""
        if not self._counted:
            return None
        total = f" of about {self._total}" if self._total > self._rows else ""
        requests = self._client.traffic.requests
        return f"{self._label}: {self._rows} rows read{total}, {requests} requests in all"

    def lines(self) -> list[ProgressRow]:
        """Return a row per selected stream."""
        return [self._line(name) for name in self._streams]

    def remarks(self) -> list[str]:
        """Return the number of failed streams: the view may be too small for all streams."""
        failed = len(self._report.failed)
        return [f"{failed} failed"] if failed else []

    def _line(self, name: str) -> ProgressRow:
        stats = self._report.stats_by_stream.get(name)
        counted = self._counted
        if name not in counted:
            if stats is None or stats.outcome == "not reached":
                return ProgressRow(name, ProgressStatus.WAITING)
            status_by_outcome = {"done": ProgressStatus.DONE, "skipped": ProgressStatus.LEFT_OUT}
            status = status_by_outcome.get(stats.outcome, ProgressStatus.FAILED)
            return ProgressRow(name, status, stats.read, note=stats.problem or "")
        rows = stats.read if stats is not None else 0
        total = self._total if counted[name] and self._total >= max(self._rows, 1) else None
        return ProgressRow(
            name, ProgressStatus.UNDER_WAY, rows, total, self._remaining_time() if total else ""
        )

    def _remaining_time(self) -> str:
        """Estimate the remaining time of this endpoint's sync from its speed so far."""
        took = self._clock.monotonic() - self._since
        if took < ESTIMATE_AFTER or not 0 < self._rows < self._total:
            return ""
        return f"about {clock_time(took / self._rows * (self._total - self._rows))} left"


def _is_counted(resource: Resource) -> bool:
    """Return whether ActiveCampaign counts a resource's rows. It does not count related rows."""
    return resource.relation is None and not getattr(resource, "parent", None)


class _RequestRate:
    """Formats the request rate and the reasons of waits."""

    def __init__(self, traffic: RequestStats, rate: float, clock: Clock) -> None:
        self._traffic, self._rate, self._clock = traffic, rate, clock
        self._samples: deque[tuple[float, int]] = deque([(clock.monotonic(), 0)])
        self._changed = clock.monotonic()

    def __call__(self) -> list[str]:
        traffic, now = self._traffic, self._clock.monotonic()
        requests = traffic.requests
        if requests != self._samples[-1][1]:
            self._changed = now
        self._samples.append((now, requests))
        while len(self._samples) > 2 and now - self._samples[1][0] >= RATE_SECONDS:
            self._samples.popleft()
        sampled_at, count = self._samples[0]
        rate = (requests - count) / (now - sampled_at) if now > sampled_at else 0.0
        if self._rate:
            # The limiter may send the requests of a second at once, which would exceed the rate.
            rate = min(rate, self._rate)
        limit = f" of {self._rate:g}" if self._rate else ""
        notes = [f"{rate:.1f}{limit} requests/s", f"{requests:,} requests"]
        if traffic.waited >= 1:
            notes.append(f"waited {clock_time(traffic.waited)} for the budget")
        if traffic.paused >= 1:
            notes.append(f"paused {clock_time(traffic.paused)} by ActiveCampaign")
        if traffic.repeats:
            notes.append(f"{traffic.repeats:,} sent again")
        notes += [f"{count:,} × {fault}" for fault, count in traffic.frequent_faults[:2]]
        silence = now - self._changed
        if silence >= LONG_SECONDS:
            notes.append(f"no answer for {clock_time(silence)}")
        return notes
