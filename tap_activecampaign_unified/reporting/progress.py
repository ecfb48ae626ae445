"""How far a run is: a live view for who watches on a terminal, sparse lines in the log elsewhere.

Never on stdout, which carries Singer messages. Nothing here is done by row: the view looks at the
run's own numbers twice a second, from a thread of its own.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
from collections import deque
from typing import TYPE_CHECKING

from tap_activecampaign_unified.cli import is_watched

from .durations import clock_time
from .view import ProgressRow, ProgressStatus, ProgressView

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tap_activecampaign_unified.client import Client, Clock, RequestStats
    from tap_activecampaign_unified.resources.resource import Resource

    from .run_report import RunReport

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_LINES = 30.0
SECONDS_BETWEEN_LOOKS = 0.5
#: Over so many seconds a rate is what it is now.
RATE_SECONDS = 10.0
#: An answer that takes longer is worth a word.
LONG_SECONDS = 5.0
#: What is left of a crawl is not foretold before so many seconds of it.
FORETOLD_AFTER = 3.0


class Progress:
    """Shows or tells how far a run is; programs say what there is by ``lines`` and ``told``."""

    def __init__(self, program: str, clock: Clock) -> None:
        """Begin now, unseen."""
        self._program, self._clock = program, clock
        self._began = self._last = clock.monotonic()
        self._pace: _Pace | None = None
        self._account = ""
        self._lock = threading.Lock()
        self._is_shown = False

    def follow(self, client: Client) -> None:
        """Look at this client's traffic."""
        self._account = client.address.account
        self._pace = _Pace(client.traffic, client.rate, self._clock)

    def lines(self) -> list[ProgressRow]:
        """Return the streams."""
        return []

    def remarks(self) -> list[str]:
        """Return what else is to be said beside the streams."""
        return []

    def told(self) -> str | None:
        """Return the line for a log, None where there is nothing to tell."""
        return None

    def tick(self) -> None:
        """Tell the log, where half a minute has passed and nobody watches; any thread may call."""
        with self._lock:
            now = self._clock.monotonic()
            if self._is_shown or now - self._last < SECONDS_BETWEEN_LINES:
                return
            self._last = now
        told = self.told()
        if told is not None:
            logger.info("%s", told)

    def ticking(self, checkpoint: Callable[[], None]) -> Callable[[], None]:
        """Return a checkpoint of requests that ticks as well."""

        def check() -> None:
            self.tick()
            checkpoint()

        return check

    def glance(self) -> ProgressView:
        """Return what there is to see now."""
        took = clock_time(self._clock.monotonic() - self._began)
        title = "  ".join(part for part in (self._program, self._account, took) if part)
        return ProgressView(title, self.lines(), [*self.remarks(), *(self._pace or _no_pace)()])

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Show the live view for the time of the block, where a person watches."""
        if not is_watched():
            yield
            return
        from .terminal import screen_of  # noqa: PLC0415 - it takes long to load, and few look

        screen = screen_of(sys.stderr)
        if screen is None:
            yield
            return
        over = threading.Event()

        def draw_on() -> None:
            try:
                while not over.is_set():
                    screen.draw(self.glance())
                    over.wait(SECONDS_BETWEEN_LOOKS)
            except Exception as problem:  # noqa: BLE001 - a view costs no run
                self._is_shown = False
                logger.debug("The live view ended: %s", type(problem).__name__)

        thread = threading.Thread(target=draw_on, name="progress", daemon=True)
        with screen:
            with contextlib.suppress(RuntimeError):  # the machine gives no thread: no view
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
    """Shows rows read, stream by stream, of the total that ActiveCampaign counts."""

    def __init__(self, program: str, client: Client, report: RunReport) -> None:
        """Begin before the first crawl."""
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
        """Name the streams that will be read, in their order."""
        self._streams = list(streams)

    def begin(self, label: str, resources: Iterable[Resource]) -> None:
        """Start a crawl that brings these."""
        self._rows, self._total = 0, 0
        self._since = self._clock.monotonic()
        self._label, self._counted = label, {one.name: _is_counted(one) for one in resources}

    def advance(self, rows: int, total: int | None) -> None:
        """Note that ``rows`` more were read, of ``total`` as far as it is known."""
        self._rows += rows
        # Under a keyset the server may count only what lies beyond: the first count is the whole.
        self._total = max(self._total, total or 0)
        self.tick()

    def end(self) -> None:
        """End the crawl."""
        self._counted = {}

    def told(self) -> str | None:
        """Return how far the crawl is, and what the requests do."""
        if not self._counted:
            return None
        known = f" of about {self._total}" if self._total > self._rows else ""
        requests = self._client.traffic.requests
        return f"{self._label}: {self._rows} rows read{known}, {requests} requests in all"

    def lines(self) -> list[ProgressRow]:
        """Return the streams that are selected."""
        return [self._line(name) for name in self._streams]

    def remarks(self) -> list[str]:
        """Return how many streams failed: not all of them may be in sight."""
        failed = len(self._report.failed)
        return [f"{failed} failed"] if failed else []

    def _line(self, name: str) -> ProgressRow:
        tally = self._report.tallies.get(name)
        counted = self._counted
        if name not in counted:
            if tally is None or tally.outcome == "not reached":
                return ProgressRow(name, ProgressStatus.WAITING)
            marks = {"done": ProgressStatus.DONE, "skipped": ProgressStatus.LEFT_OUT}
            mark = marks.get(tally.outcome, ProgressStatus.FAILED)
            return ProgressRow(name, mark, tally.read, note=tally.problem or "")
        rows = tally.read if tally is not None else 0
        total = self._total if counted[name] and self._total >= max(self._rows, 1) else None
        return ProgressRow(
            name, ProgressStatus.UNDER_WAY, rows, total, self._left() if total else ""
        )

    def _left(self) -> str:
        """Foretell this crawl's end by its own speed; what comes behind it nobody has counted."""
        took = self._clock.monotonic() - self._since
        if took < FORETOLD_AFTER or not 0 < self._rows < self._total:
            return ""
        return f"about {clock_time(took / self._rows * (self._total - self._rows))} left"


def _is_counted(resource: Resource) -> bool:
    """Whether ActiveCampaign counts its rows: not what hangs on others, which comes in heaps."""
    return resource.relation is None and not getattr(resource, "parent", None)


class _Pace:
    """Says how fast requests leave, and what holds them up."""

    def __init__(self, traffic: RequestStats, rate: float, clock: Clock) -> None:
        self._traffic, self._rate, self._clock = traffic, rate, clock
        self._seen: deque[tuple[float, int]] = deque([(clock.monotonic(), 0)])
        self._changed = clock.monotonic()

    def __call__(self) -> list[str]:
        traffic, now = self._traffic, self._clock.monotonic()
        requests = traffic.requests
        if requests != self._seen[-1][1]:
            self._changed = now
        self._seen.append((now, requests))
        while len(self._seen) > 2 and now - self._seen[1][0] >= RATE_SECONDS:
            self._seen.popleft()
        before, count = self._seen[0]
        rate = (requests - count) / (now - before) if now > before else 0.0
        if self._rate:
            # A second's requests may leave at once: no time has passed yet that they stand for.
            rate = min(rate, self._rate)
        limit = f" of {self._rate:g}" if self._rate else ""
        found = [f"{rate:.1f}{limit} requests/s", f"{requests:,} requests"]
        if traffic.waited >= 1:
            found.append(f"waited {clock_time(traffic.waited)} for the budget")
        if traffic.paused >= 1:
            found.append(f"paused {clock_time(traffic.paused)} by ActiveCampaign")
        if traffic.repeats:
            found.append(f"{traffic.repeats:,} sent again")
        found += [f"{count:,} × {what}" for what, count in traffic.troubles[:2]]
        silence = now - self._changed
        if silence >= LONG_SECONDS:
            found.append(f"no answer for {clock_time(silence)}")
        return found


def _no_pace() -> list[str]:
    return []
