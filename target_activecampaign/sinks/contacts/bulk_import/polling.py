"""Polls queued imports until they end. A single thread polls for all threads."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import LONG_WAIT, RequestError
from tap_activecampaign_unified.resources.input_values.column_names import fold

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_activecampaign_unified.client import Client, Clock
    from target_activecampaign.concurrency.cooperative_pool import CooperativePool

logger = logging.getLogger(__name__)

FIRST_POLL = 2.0
MAX_POLL_INTERVAL = 15.0
MAX_WAIT_SECONDS = 3600.0
MAX_FAILED_POLLS = 5
MAX_AT_ONCE = 8
NOT_ENDED = "the import did not end in time; the next run sends the contact again"
ENDED = frozenset({"completed", "failed", "interrupted"})


@dataclass(eq=False, slots=True)
class ImportEntry:
    """A contact of an import.

    ``problem`` is the reason if ActiveCampaign rejected the contact. ``is_lost``: it is unknown
    whether ActiveCampaign imported the contact. ``created`` is None if it is unknown whether the
    contact was new.
    """

    email: str
    contact: dict[str, Any]
    problem: str | None = None
    is_lost: bool = False
    is_imported: bool = False
    created: bool | None = None
    batch: ImportBatch | None = None


@dataclass(eq=False)
class ImportBatch:
    """Entries that were queued together, ``queued_at`` by the monotonic clock.

    ``status`` is empty until the import has ended. ``is_over``: the import ended, or the poller
    stopped waiting for it.
    """

    id: str
    entries: list[ImportEntry]
    queued_at: float
    is_sent_again: bool = False
    failed_polls: int = 0
    polled_at: float = 0.0
    status: str = ""
    is_over: bool = False
    created_ids: list[str] = field(default_factory=list)


class ImportPoller:
    """Polls the unfinished batches of all threads together.

    Queueing takes precedence over polling. While a thread queues batches, the poller polls only
    when the importer's own limit makes the queue wait. It then begins with the batch of the oldest
    poll.
    """

    def __init__(self, client: Client, clock: Clock, pool: CooperativePool) -> None:
        self._client, self._clock, self._pool = client, clock, pool
        self._pending: list[ImportBatch] = []
        self._is_polling = False
        #: Whether the importer's summary is read before the batches are polled.
        self._is_busy = True
        #: Seconds between two polls.
        self._step = FIRST_POLL
        #: The number of threads that queue batches now.
        self.queueing = 0
        #: Returns whether the importer's limit makes these threads wait.
        self.is_waiting: Callable[[], bool] = lambda: False

    def add(self, batch: ImportBatch) -> None:
        """Add a batch that was just queued."""
        batch.polled_at = batch.queued_at
        self._pending.append(batch)
        self._is_busy = True

    def rest(self, seconds: float) -> None:
        """Wait, and poll during the wait."""
        if self._is_polling or not self._pending:
            self._clock.sleep(seconds)
            return
        end = self._clock.monotonic() + seconds
        self._poll_until(lambda: self._clock.monotonic() >= end, end)

    def follow(self, batches: list[ImportBatch]) -> None:
        """Wait until every batch is over. Polls, unless another thread polls."""

        def is_over() -> bool:
            return all(batch.is_over for batch in batches)

        while not is_over():
            if self._is_polling:
                self._pool.wait_until(lambda: not self._is_polling or is_over())
            else:
                self._step = FIRST_POLL
                self._poll_until(is_over)

    def _poll_until(self, is_done: Callable[[], bool], end: float | None = None) -> None:
        self._is_polling = True
        began, notice = self._clock.monotonic(), LONG_WAIT
        try:
            while not is_done():
                self._client.before_request()
                now = self._clock.monotonic()
                remaining = None if end is None else end - now
                is_short = remaining is not None and remaining <= self._step
                if end is None and now + self._step - began > notice:
                    notice = max(2 * notice, now + self._step - began)
                    self._log_wait(now)
                self._clock.sleep(remaining if remaining is not None and is_short else self._step)
                if not is_short:
                    self._poll(is_done)
        finally:
            self._is_polling = False
            self._pool.notify()

    def _log_wait(self, now: float) -> None:
        first = min((batch.queued_at for batch in self._pending), default=now)
        logger.info(
            "Waiting for ActiveCampaign to finish %d accepted import batches; the first was sent "
            "%.0f s ago",
            len(self._pending),
            now - first,
        )

    def _poll(self, is_done: Callable[[], bool]) -> None:
        """Poll the batches that may have ended, until ``is_done``."""
        if not self._pending:
            return
        now = self._clock.monotonic()
        is_early = now - min(batch.queued_at for batch in self._pending) < MAX_WAIT_SECONDS / 10
        if self.queueing:
            if self.is_waiting():
                self._poll_oldest(lambda: is_done() or not self.is_waiting())
        elif not is_early:
            self._poll_oldest(is_done)
        else:
            self._step = min(MAX_POLL_INTERVAL, self._step * 1.5)
            # A single request shows whether any batch is outstanding. If none is, poll each batch
            # once. After a lost response, a batch without a known id may still be outstanding.
            is_unsure = len(self._pending) > 1 or any(
                batch.is_sent_again for batch in self._pending
            )
            if self._is_busy and is_unsure and self._has_outstanding():
                return
            self._is_busy = len(self._pending) > 5
            self._poll_batches(list(self._pending))
        self._end_late_batches()

    def _poll_oldest(self, is_done: Callable[[], bool]) -> None:
        """Poll a batch. As long as all polled batches have ended, poll twice as many."""
        count, ended = 1, 0
        oldest: list[ImportBatch] = []
        while not is_done():
            now = self._clock.monotonic()
            due = [batch for batch in self._pending if now - batch.queued_at >= FIRST_POLL]
            oldest = sorted(due, key=lambda batch: batch.polled_at)[:count]
            if not oldest or not self._poll_batches(oldest):
                break
            ended += len(oldest)
            count = min(2 * count, MAX_AT_ONCE)
        if ended:
            self._step = max(FIRST_POLL, self._step / 1.5)
        elif oldest:
            self._step = min(MAX_POLL_INTERVAL, self._step * 1.5)

    def _poll_batches(self, batches: list[ImportBatch]) -> bool:
        """Poll each batch; return whether all have ended."""
        self._pool.each([partial(self._poll_batch, batch) for batch in batches])
        self._pending = [batch for batch in self._pending if not batch.is_over]
        self._pool.notify()
        return all(batch.is_over for batch in batches)

    def _end_late_batches(self) -> None:
        """Mark batches that do not end in time as lost."""
        now = self._clock.monotonic()
        late = [batch for batch in self._pending if now - batch.queued_at > MAX_WAIT_SECONDS]
        if late:
            logger.error(
                "%d import batches did not end in an hour: the next run sends their contacts again",
                len(late),
            )
        if self._pending and all(batch.failed_polls >= MAX_FAILED_POLLS for batch in self._pending):
            late = list(self._pending)
        for batch in late:
            batch.is_over = True
            for entry in batch.entries:
                entry.is_lost, entry.problem = True, NOT_ENDED
        self._pending = [batch for batch in self._pending if not batch.is_over]
        self._pool.notify()

    # --- requests ---------------------------------------------------------------------------

    def _has_outstanding(self) -> bool:
        try:
            return has_outstanding_imports(self._client)
        except RequestError as problem:
            logger.info(
                "The importer's summary cannot be read, so each batch is polled: %s", problem
            )
            return False

    def _poll_batch(self, batch: ImportBatch) -> None:
        batch.polled_at = self._clock.monotonic()
        if not batch.id:
            batch.status = "completed"  # ActiveCampaign accepted the batch without an id to poll
            record_result(batch, [], [])
            return
        try:
            body = self._client.get("import/info", [("batchId", batch.id)]).body
        except RequestError as problem:
            logger.info(
                "The status of an import batch cannot be read, and is read again: %s", problem
            )
            batch.failed_polls += 1
            return
        status = body.get("status")
        if isinstance(status, str) and status.lower() in ENDED:
            batch.status = status.lower()
            record_result(batch, body.get("success"), body.get("failure"))


def has_outstanding_imports(client: Client) -> bool:
    """Return whether the account has an unfinished import. Raises `RequestError`."""
    rows = client.get("import/bulk_import").body.get("outstanding")
    return any(
        str(row.get(count) or "0").strip("0")
        for row in (rows if isinstance(rows, list) else ())
        if isinstance(row, dict)
        for count in ("batches", "contacts")
    )


def record_result(batch: ImportBatch, success: Any, failure: Any) -> None:
    """Set the result of each entry of a finished batch."""
    batch.is_over = True
    batch.created_ids = (
        [str(native_id) for native_id in success] if isinstance(success, list) else []
    )
    refused = {fold(_address(entry)): entry for entry in failure or ()}
    for entry in batch.entries:
        if fold(entry.email) in refused:
            entry.problem = "the importer did not accept this contact (an excluded address?)"
        elif batch.status == "completed":
            entry.is_imported = True
            if len(batch.created_ids) == len(batch.entries):
                entry.created = True
            elif not batch.created_ids and not batch.is_sent_again:
                entry.created = False


def _address(failure: Any) -> str:
    if isinstance(failure, dict):
        return str(failure.get("email") or failure.get("contact") or "")
    return str(failure)
