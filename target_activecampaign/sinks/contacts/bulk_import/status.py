"""Queued imports, looked at until they end: by one thread for all, with few requests."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import RequestError
from tap_activecampaign_unified.resources.parsing.names import fold

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_activecampaign_unified.client import Client, Clock
    from target_activecampaign.concurrency.pool import CooperativePool

logger = logging.getLogger(__name__)

FIRST_LOOK = 2.0
LONGEST_LOOK = 15.0
LONGEST_WAIT = 3600.0
MOST_STRIKES = 5
MOST_AT_ONCE = 8
ENDED = frozenset({"completed", "failed", "interrupted"})

#: The columns of a contact that the importer takes, with its names of them.
IMPORTED_COLUMNS = {"firstName": "first_name", "lastName": "last_name", "phone": "phone"}


@dataclass(eq=False, slots=True)
class ImportEntry:
    """One contact on its way through the importer.

    ``problem`` says why it was refused, ``is_lost`` that nobody knows whether it was taken.
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
    """Entries that were queued together, ``queued_at`` by the uptime clock.

    ``status`` is empty until the import ended, and stays so if nobody saw its end: ``is_over``.
    """

    id: str
    entries: list[ImportEntry]
    queued_at: float
    is_sent_again: bool = False
    strikes: int = 0
    looked_at: float = 0.0
    status: str = ""
    is_over: bool = False
    created_ids: list[str] = field(default_factory=list)


class ImportPoller:
    """Looks at the batches that have not ended, those of every run of the importer together.

    While batches are still being queued, the account's budget is theirs: then looks are taken only
    when the importer's own limit makes the queue wait, the longest not looked at first.
    """

    def __init__(self, client: Client, clock: Clock, pool: CooperativePool) -> None:
        """Begin with nothing queued."""
        self._client, self._clock, self._turns = client, clock, pool
        self._left: list[ImportBatch] = []
        self._is_watched = False
        self._is_busy = True
        self._step = FIRST_LOOK
        #: How many are queueing batches now, and whether the importer's limit makes them wait.
        self.queueing = 0
        self.is_waiting: Callable[[], bool] = lambda: False

    def add(self, batch: ImportBatch) -> None:
        """Take a batch that was just queued."""
        batch.looked_at = batch.queued_at
        self._left.append(batch)
        self._is_busy = True

    def rest(self, seconds: float) -> None:
        """Let time pass, and use it for looking."""
        if self._is_watched or not self._left:
            self._clock.sleep(seconds)
            return
        end = self._clock.monotonic() + seconds
        self._watch(lambda: self._clock.monotonic() >= end, end)

    def follow(self, batches: list[ImportBatch]) -> None:
        """Wait until every batch is over; looks at all there are, unless another thread does."""

        def is_over() -> bool:
            return all(batch.is_over for batch in batches)

        while not is_over():
            if self._is_watched:
                self._turns.wait_until(lambda: not self._is_watched or is_over())
            else:
                self._step = FIRST_LOOK
                self._watch(is_over)

    def _watch(self, is_done: Callable[[], bool], end: float | None = None) -> None:
        self._is_watched = True
        try:
            while not is_done():
                self._client.before_request()
                left = None if end is None else end - self._clock.monotonic()
                is_short = left is not None and left <= self._step
                self._clock.sleep(left if left is not None and is_short else self._step)
                if not is_short:
                    self._look(is_done)
        finally:
            self._is_watched = False
            self._turns.notify()

    def _look(self, is_done: Callable[[], bool]) -> None:
        """Look once at what may have ended; a longer look breaks off when ``is_done``."""
        if not self._left:
            return
        now = self._clock.monotonic()
        is_early = now - min(batch.queued_at for batch in self._left) < LONGEST_WAIT / 10
        if self.queueing:
            if self.is_waiting():
                self._look_at_oldest(lambda: is_done() or not self.is_waiting())
        elif not is_early:
            self._look_at_oldest(is_done)
        else:
            self._step = min(LONGEST_LOOK, self._step * 1.5)
            # One look tells whether anything is outstanding; each is asked once, at the end.
            # After a lost answer the first sending may still be under way, without a number.
            is_unsure = len(self._left) > 1 or any(batch.is_sent_again for batch in self._left)
            if self._is_busy and is_unsure and self._outstanding():
                return
            self._is_busy = len(self._left) > 5
            self._look_at(list(self._left))
        self._give_up()

    def _look_at_oldest(self, is_done: Callable[[], bool]) -> None:
        """Look at one, and as long as all that were looked at have ended, at twice as many."""
        count, ended = 1, 0
        some: list[ImportBatch] = []
        while not is_done():
            now = self._clock.monotonic()
            ripe = [batch for batch in self._left if now - batch.queued_at >= FIRST_LOOK]
            some = sorted(ripe, key=lambda batch: batch.looked_at)[:count]
            if not some or not self._look_at(some):
                break
            ended += len(some)
            count = min(2 * count, MOST_AT_ONCE)
        if ended:
            self._step = max(FIRST_LOOK, self._step / 1.5)
        elif some:
            self._step = min(LONGEST_LOOK, self._step * 1.5)

    def _look_at(self, batches: list[ImportBatch]) -> bool:
        """Look at each; say whether all have ended."""
        self._turns.each([partial(self._look_at_one, batch) for batch in batches])
        self._left = [batch for batch in self._left if not batch.is_over]
        self._turns.notify()
        return all(batch.is_over for batch in batches)

    def _give_up(self) -> None:
        """Take those for lost that do not end."""
        now = self._clock.monotonic()
        late = [batch for batch in self._left if now - batch.queued_at > LONGEST_WAIT]
        if late:
            logger.error("%d import batches did not end in an hour", len(late))
        if self._left and all(batch.strikes >= MOST_STRIKES for batch in self._left):
            late = list(self._left)
        for batch in late:
            batch.is_over = True
            for entry in batch.entries:
                entry.is_lost, entry.problem = True, "the import did not end in time"
        self._left = [batch for batch in self._left if not batch.is_over]
        self._turns.notify()

    # --- single looks -----------------------------------------------------------------------

    def _outstanding(self) -> bool:
        try:
            body = self._client.get("import/bulk_import").body
        except RequestError as problem:
            logger.info("The importer's summary cannot be read: %s", problem)
            return False
        rows = body.get("outstanding")
        return any(
            str(row.get("batches", "0")) != "0" or str(row.get("contacts", "0")) != "0"
            for row in (rows if isinstance(rows, list) else ())
            if isinstance(row, dict)
        )

    def _look_at_one(self, batch: ImportBatch) -> None:
        batch.looked_at = self._clock.monotonic()
        if not batch.id:
            batch.status = "completed"  # taken, but without a number to ask by
            note(batch, [], [])
            return
        try:
            body = self._client.get("import/info", [("batchId", batch.id)]).body
        except RequestError as problem:
            logger.info("An import batch cannot be looked at: %s", problem)
            batch.strikes += 1
            return
        status = body.get("status")
        if isinstance(status, str) and status.lower() in ENDED:
            batch.status = status.lower()
            note(batch, body.get("success"), body.get("failure"))


def note(batch: ImportBatch, success: Any, failure: Any) -> None:
    """Write down for each entry what became of it."""
    batch.is_over = True
    batch.created_ids = [str(one) for one in success] if isinstance(success, list) else []
    refused = {fold(_address(one)): one for one in failure or ()} if failure else {}
    for entry in batch.entries:
        if fold(entry.email) in refused:
            entry.problem = "the importer did not take this contact (an excluded address?)"
        elif batch.status == "completed":
            entry.is_imported = True
            if len(batch.created_ids) == len(batch.entries):
                entry.created = True
            elif not batch.created_ids and not batch.is_sent_again:
                entry.created = False


def _address(one: Any) -> str:
    if isinstance(one, dict):
        return str(one.get("email") or one.get("contact") or "")
    return str(one)
