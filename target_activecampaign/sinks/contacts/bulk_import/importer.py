"""Sends contacts in batches to the bulk importer.

ActiveCampaign rejects a whole batch for a single bad contact, and processes an accepted batch
later. After a lost response, the target sends the batch again: a second import of a contact changes
the same contact.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import (
    LONG_WAIT,
    InvalidRequest,
    RequestError,
    UnconfirmedWrite,
)
from tap_activecampaign_unified.resources.input_values.column_names import fold

from .polling import ImportBatch, ImportEntry, ImportPoller
from .rate_limit import REFUSED_PAUSE, ImportRateLimit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_activecampaign_unified.client import ApiResponse, Clock
    from target_activecampaign.client.write_client import WriteClient
    from target_activecampaign.concurrency.cooperative_pool import CooperativePool

logger = logging.getLogger(__name__)

PATH = "import/bulk_import"
#: A response to an accepted batch has at least one of these keys.
QUEUED = frozenset({"batchId", "Success", "success"})
MAX_CONTACTS = 250
MAX_BYTES = 350_000
MAX_SENDS = 5
MAX_WAITS = 20


class Importer:
    """Sends contacts through the importer.

    It sets in each `ImportEntry` whether ActiveCampaign imported the contact, rejected it, or left
    that unknown.

    Several threads may use an importer. They share its rate limit and its poller.
    """

    def __init__(
        self,
        write_client: WriteClient,
        clock: Clock,
        pool: CooperativePool,
        *,
        runs_automations: bool,
    ) -> None:
        self._write_client, self._clock, self._pool = write_client, clock, pool
        self._excludes_automations = not runs_automations
        self._poller = ImportPoller(write_client.client, clock, pool)
        self._rate_limit = ImportRateLimit(write_client.client, clock, pool, self._poller.rest)
        self._poller.is_waiting = lambda: self._rate_limit.is_spent
        #: The number of the first contact in the errors of a batch: 0 or 1, None until it is known.
        self._base: int | None = None
        self._numbers = itertools.count()
        #: The callers that queue or wait to queue. The lowest queues; a repeated batch comes first.
        self._queue_order: list[tuple[bool, int]] = []
        self.batches = 0
        #: Whether the account was seen to list updated contacts among the created ones.
        self.lists_updated = False

    def run(self, entries: list[ImportEntry]) -> list[ImportBatch]:
        """Import the entries; return the finished batches with the ids of created contacts."""
        if self._excludes_automations:
            for entry in entries:
                entry.contact["exclude_automations"] = True
        queued = self._queue(self._pack(entries))
        if self._write_client.is_dry_run:
            for entry in entries:
                entry.is_imported = True
            return []
        self._poller.follow(queued)
        failed = [batch for batch in queued if batch.status in {"failed", "interrupted"}]
        if failed:
            logger.warning("%d import batches were not processed: sending them again", len(failed))
            packs = [[entry for entry in old.entries if entry.problem is None] for old in failed]
            retried = self._queue(packs, is_again=True)
            self._poller.follow(retried)
            queued = [batch for batch in queued if batch not in failed] + retried
        finished = [batch for batch in queued if batch.status]
        for batch in finished:
            for entry in batch.entries:
                entry.is_lost = entry.problem is None and not entry.is_imported
        return finished

    def _pack(self, entries: list[ImportEntry]) -> list[list[ImportEntry]]:
        packed: list[list[ImportEntry]] = []
        size = 0
        for entry in entries:
            weight = len(json.dumps(entry.contact)) + 2
            if not packed or len(packed[-1]) >= MAX_CONTACTS or size + weight > MAX_BYTES:
                packed.append([])
                size = 100
            packed[-1].append(entry)
            size += weight
        return packed

    # --- sending ----------------------------------------------------------------------------

    def _queue(
        self, packs: list[list[ImportEntry]], *, is_again: bool = False
    ) -> list[ImportBatch]:
        """Queue packs of entries concurrently, within the importer's limits."""
        queued: list[ImportBatch] = []
        self._poller.queueing += 1
        try:
            with self._pool.group() as group, self._in_order(is_again=is_again):
                for pack in filter(None, packs):
                    # Wait for the rate limit here, so that no helper thread waits.
                    self._acquire_limit(pack)
                    group.do(partial(self._submit_acquired, pack, queued, is_again=is_again))
        finally:
            self._poller.queueing -= 1
        return queued

    @contextlib.contextmanager
    def _in_order(self, *, is_again: bool) -> Iterator[None]:
        """Let a single caller queue at a time, in the order of the calls."""
        place = (not is_again, next(self._numbers))
        self._queue_order.append(place)
        try:
            self._pool.wait_until(lambda: min(self._queue_order) == place)
            yield
        finally:
            self._queue_order.remove(place)
            self._pool.notify()

    def _submit_acquired(
        self, pack: list[ImportEntry], queued: list[ImportBatch], *, is_again: bool
    ) -> None:
        queued += self._submit(pack, is_again=is_again, has_limit=True)

    def _acquire_limit(self, entries: list[ImportEntry]) -> None:
        if not self._write_client.is_dry_run:
            self._rate_limit.take(is_single=len(entries) == 1)

    def _submit(
        self, entries: list[ImportEntry], *, is_again: bool = False, has_limit: bool = False
    ) -> list[ImportBatch]:
        """Queue entries; set a problem on the entries that ActiveCampaign rejects.

        ``has_limit``: the caller has already acquired the rate limit.
        """
        if not entries:
            return []
        try:
            return [self._send(entries, is_again=is_again, has_limit=has_limit)]
        except InvalidRequest as refusal:
            return self._submit_unnamed(entries, refusal, is_again=is_again)
        except RequestError as problem:
            for entry in entries:
                entry.is_lost, entry.problem = True, str(problem)
            return []

    def _send(self, entries: list[ImportEntry], *, is_again: bool, has_limit: bool) -> ImportBatch:
        """Queue a batch within the importer's rate limit. Sends it again without a response."""
        payload: dict[str, Any] = {"contacts": [entry.contact for entry in entries]}
        if self._excludes_automations:
            payload["exclude_automations"] = True
        lost = waits = 0
        while True:
            if not has_limit:
                self._acquire_limit(entries)
            has_limit = False
            try:
                answer = self._post(payload, is_single=len(entries) == 1)
            except InvalidRequest as refusal:
                # An error that names no contact may be the importer's rate limit.
                is_limit = _is_rate_limit(refusal)
                if _reasons_by_place(refusal) or waits >= (MAX_WAITS if is_limit else 2):
                    raise
                waits += 1
                if not is_limit:
                    logger.warning(
                        "Waiting %.0f s for the next batch: the importer refused one without "
                        "naming a contact",
                        REFUSED_PAUSE,
                    )
                    self._clock.sleep(REFUSED_PAUSE)
                continue
            except UnconfirmedWrite:
                lost += 1
                if lost >= MAX_SENDS:
                    raise
                self._pause(2.0**lost)
                continue
            success = answer.body.get("Success", answer.body.get("success", 1))
            if str(success) in {"0", "False", "false"}:
                raise InvalidRequest(
                    "the importer did not accept the batch",
                    method="POST",
                    path=PATH,
                    status=answer.status,
                )
            return self._note(answer, entries, is_sent_again=is_again or bool(lost))

    def _pause(self, seconds: float) -> None:
        """Wait before sending a batch again that got no response."""
        if seconds > LONG_WAIT:
            logger.warning(
                "Waiting %.0f s for the next attempt: an import batch was not answered", seconds
            )
        self._clock.sleep(seconds)

    def _post(self, payload: dict[str, Any], *, is_single: bool) -> ApiResponse:
        is_refused = False
        try:
            answer = self._write_client.write("POST", PATH, payload, repeatable=False)
        except InvalidRequest as refusal:
            is_refused = not _reasons_by_place(refusal) and _is_rate_limit(refusal)
            raise
        finally:
            if not self._write_client.is_dry_run:
                self._rate_limit.answered(is_single=is_single, is_refused=is_refused)
        if not (self._write_client.is_dry_run or answer.body.keys() & QUEUED):
            raise UnconfirmedWrite("an answer without a batch", method="POST", path=PATH)
        return answer

    def _note(
        self, answer: ApiResponse, entries: list[ImportEntry], *, is_sent_again: bool
    ) -> ImportBatch:
        self.batches += 1
        number = str(answer.body.get("batchId") or "")
        batch = ImportBatch(number, entries, self._clock.monotonic(), is_sent_again=is_sent_again)
        for entry in entries:
            entry.batch = batch
        if not self._write_client.is_dry_run:
            self._poller.add(batch)
        return batch

    # --- rejected batches -------------------------------------------------------------------

    def _submit_unnamed(
        self, entries: list[ImportEntry], refusal: InvalidRequest, *, is_again: bool
    ) -> list[ImportBatch]:
        """Queue the entries of a refused batch that the refusal does not name."""
        if len(entries) == 1:
            texts = [str(reason.text) for reason in refusal.reasons if reason.text]
            entries[0].problem = "; ".join(texts) or refusal.problem
            return []
        reasons = _reasons_by_place(refusal)
        if not reasons:
            return self._halve(entries, is_again=is_again)
        queued: list[ImportBatch] = []
        tested: ImportEntry | None = None
        base = self._base_of(entries, reasons)
        if base is None:
            # ActiveCampaign counts places from 0 or from 1. A test of the last entry shows which.
            tested = entries[max(reasons)]
            queued += self._submit([tested], is_again=is_again)
            base = 0 if tested.problem is not None else 1
        self._base = base
        rejected = {place - base: text for place, text in reasons.items()}
        for place, text in rejected.items():
            if 0 <= place < len(entries) and entries[place].problem is None:
                entries[place].problem = text or refusal.problem
        remaining = [
            entry
            for place, entry in enumerate(entries)
            if place not in rejected and entry is not tested
        ]
        if len(remaining) == len(entries):
            return queued + self._halve(entries, is_again=is_again)
        return queued + self._submit(remaining, is_again=is_again)

    def _halve(self, entries: list[ImportEntry], *, is_again: bool) -> list[ImportBatch]:
        """Queue the halves of a refused batch: in the end, a bad contact is alone in its batch."""
        middle = len(entries) // 2
        halves = (entries[:middle], entries[middle:])
        return [batch for half in halves for batch in self._submit(half, is_again=is_again)]

    def _base_of(self, entries: list[ImportEntry], reasons: dict[int, str]) -> int | None:
        """Return the number of the first contact in an error, None if this is unknown."""
        if min(reasons) <= 0:
            return 0
        if max(reasons) >= len(entries):
            return 1
        for place, text in reasons.items():
            for base in (0, 1):
                if fold(entries[place - base].email) in fold(text):
                    return base
        return self._base


def _reasons_by_place(refusal: InvalidRequest) -> dict[int, str]:
    """Return the texts of a refusal by the number of the contact that they name."""
    reasons = {}
    for reason in refusal.reasons:
        array, _, place = reason.attribute.partition("/")
        if array == "contacts" and place.isdigit():
            reasons[int(place)] = reason.text
    return reasons


def _is_rate_limit(refusal: InvalidRequest) -> bool:
    texts = [refusal.problem, str(refusal), *(reason.text for reason in refusal.reasons)]
    text = " ".join(texts).lower()
    return "rate limit" in text or "per minute" in text
