"""The bulk importer: batches by count and bytes, mended when refused, followed to their end.

A batch is refused whole for one bad contact and carried out some time after it was taken. Whether
the answer to it arrived does not matter: a contact imported twice is the same contact.
"""

from __future__ import annotations

import json
import logging
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.api import CallError, Refused, Unconfirmed

from .rows import fold

if TYPE_CHECKING:
    from tap_activecampaign_unified.api import Clock

    from .pen import Pen

logger = logging.getLogger(__name__)

MOST_CONTACTS = 250
MOST_BYTES = 350_000
# The importer's own limits are 100 and 20 a minute; others may be using it too.
PER_MINUTE, SINGLES_PER_MINUTE = 95, 18
MINUTE = 61.0
FIRST_LOOK = 2.0
LONGEST_LOOK = 15.0
LONGEST_WAIT = 3600.0
MOST_SENDS = 5
MOST_STRIKES = 5
MOST_WAITS = 20
REFUSED_PAUSE = 30.5
ENDED = frozenset({"completed", "failed", "interrupted"})


@dataclass
class Entry:
    """One contact on its way through the importer.

    ``problem`` says why it was refused, ``is_lost`` that nobody knows whether it was taken.
    """

    email: str
    contact: dict[str, Any]
    problem: str | None = None
    is_lost: bool = False
    is_imported: bool = False
    created: bool | None = None
    batch: Batch | None = None


@dataclass
class Batch:
    """Entries that were queued together."""

    id: str
    entries: list[Entry]
    is_sent_again: bool = False
    strikes: int = 0
    status: str = ""
    created_ids: list[str] = field(default_factory=list)


class Importer:
    """Sends contacts through the importer and learns what became of each."""

    def __init__(self, pen: Pen, clock: Clock, *, runs_automations: bool) -> None:
        """Begin with the minute's whole budget."""
        self._pen, self._clock = pen, clock
        self._excludes = not runs_automations
        self._sent: dict[bool, deque[float]] = {False: deque(), True: deque()}
        self._base: int | None = None
        self.batches = 0

    def run(self, entries: list[Entry]) -> list[Batch]:
        """Import everything; returns the batches that came to an end, with the ids they created."""
        if self._excludes:
            for entry in entries:
                entry.contact["exclude_automations"] = True
        queued: list[Batch] = []
        for batch in self._pack(entries):
            queued += self._submit(batch)
        if self._pen.is_dry:
            for entry in entries:
                entry.is_imported = True
            return []
        done = self._follow(queued)
        again = [b for b in done if b.status in {"failed", "interrupted"}]
        if again:
            logger.warning("%d import batches were not carried out: sending them again", len(again))
            retried: list[Batch] = []
            for old in again:
                retried += self._submit([e for e in old.entries if e.problem is None])
            for new in retried:
                new.is_sent_again = True
            done = [b for b in done if b not in again] + self._follow(retried)
        for entry in (e for one in done for e in one.entries):
            entry.is_lost = entry.problem is None and not entry.is_imported
        return done

    def _pack(self, entries: list[Entry]) -> list[list[Entry]]:
        packed: list[list[Entry]] = []
        size = 0
        for entry in entries:
            weight = len(json.dumps(entry.contact)) + 2
            if not packed or len(packed[-1]) >= MOST_CONTACTS or size + weight > MOST_BYTES:
                packed.append([])
                size = 100
            packed[-1].append(entry)
            size += weight
        return packed

    # --- sending ----------------------------------------------------------------------------

    def _submit(self, entries: list[Entry]) -> list[Batch]:
        """Queue entries, without those that ActiveCampaign refuses; each of them is told why."""
        if not entries:
            return []
        try:
            return [self._send(entries)]
        except Refused as refusal:
            return self._mend(entries, refusal)
        except CallError as problem:
            for entry in entries:
                entry.is_lost, entry.problem = True, str(problem)
            return []

    def _send(self, entries: list[Entry]) -> Batch:
        """Queue one batch; waits for the importer's budget; an unanswered one is sent again."""
        payload: dict[str, Any] = {"contacts": [entry.contact for entry in entries]}
        if self._excludes:
            payload["exclude_automations"] = True
        lost = waits = 0
        while True:
            self._await_budget(is_single=len(entries) == 1)
            try:
                answer = self._pen.write("POST", "import/bulk_import", payload, repeatable=False)
            except Refused as refusal:
                # What names no contact may be the importer's limit, whatever its words.
                is_limit = _is_rate_limit(refusal)
                if _reasons_by_place(refusal) or waits >= (MOST_WAITS if is_limit else 2):
                    raise
                waits += 1
                self._clock.sleep(REFUSED_PAUSE)
                continue
            except Unconfirmed:
                lost += 1
                if lost >= MOST_SENDS:
                    raise
                self._clock.sleep(min(30.0, 2.0**lost))
                continue
            batch_id = str(answer.body.get("batchId") or "")
            success = answer.body.get("Success", answer.body.get("success", 1))
            if str(success) in {"0", "False", "false"}:
                raise Refused(
                    "the importer did not take the batch",
                    method="POST",
                    path="import/bulk_import",
                    status=answer.status,
                )
            self.batches += 1
            batch = Batch(batch_id, entries, is_sent_again=bool(lost))
            for entry in entries:
                entry.batch = batch
            return batch

    def _await_budget(self, *, is_single: bool) -> None:
        sent = self._sent[is_single]
        most = SINGLES_PER_MINUTE if is_single else PER_MINUTE
        while True:
            now = self._clock.monotonic()
            while sent and now - sent[0] >= MINUTE:
                sent.popleft()
            if len(sent) < most or self._pen.is_dry:
                sent.append(now)
                return
            before = now
            self._clock.sleep(sent[0] + MINUTE - now)
            if self._clock.monotonic() <= before:
                self._pen.client.checkpoint()  # woken: the run is being stopped
                sent.clear()

    # --- mending ----------------------------------------------------------------------------

    def _mend(self, entries: list[Entry], refusal: Refused) -> list[Batch]:
        if len(entries) == 1:
            texts = [str(r.text) for r in refusal.reasons if r.text]
            entries[0].problem = "; ".join(texts) or refusal.problem
            return []
        reasons = _reasons_by_place(refusal)
        if not reasons:
            middle = len(entries) // 2
            return self._submit(entries[:middle]) + self._submit(entries[middle:])
        queued: list[Batch] = []
        tested: Entry | None = None
        base = self._base_of(entries, reasons)
        if base is None:
            # Nobody says whether places count from 0 or 1: the last one, sent alone, tells.
            tested = entries[max(reasons)]
            queued += self._submit([tested])
            base = 0 if tested.problem is not None else 1
        self._base = base
        bad = {place - base: text for place, text in reasons.items()}
        for place, text in bad.items():
            if 0 <= place < len(entries) and entries[place].problem is None:
                entries[place].problem = text or refusal.problem
        rest = [e for p, e in enumerate(entries) if p not in bad and e is not tested]
        if len(rest) == len(entries):
            middle = len(entries) // 2
            return queued + self._submit(entries[:middle]) + self._submit(entries[middle:])
        return queued + self._submit(rest)

    def _base_of(self, entries: list[Entry], reasons: dict[int, str]) -> int | None:
        if min(reasons) <= 0:
            return 0
        if max(reasons) >= len(entries):
            return 1
        for place, text in reasons.items():
            for base in (0, 1):
                if fold(entries[place - base].email) in fold(text):
                    return base
        return self._base

    # --- following --------------------------------------------------------------------------

    def _follow(self, batches: list[Batch]) -> list[Batch]:
        """Wait until every batch has ended; those that do not are lost."""
        waited, step = 0.0, FIRST_LOOK
        left = list(batches)
        is_busy = bool(left)
        while left:
            self._pen.client.checkpoint()
            self._clock.sleep(step)
            waited, step = waited + step, min(LONGEST_LOOK, step * 1.5)
            # One look tells whether anything is outstanding; each batch is asked once, at the end.
            # After a lost answer the first sending may still be under way, without a number.
            is_unsure = len(left) > 1 or any(batch.is_sent_again for batch in left)
            if is_busy and is_unsure and waited < LONGEST_WAIT / 10 and self._outstanding():
                continue
            is_busy = len(left) > 5
            left = [batch for batch in left if not self._look(batch)]
            if left and all(batch.strikes >= MOST_STRIKES for batch in left):
                break
            if waited > LONGEST_WAIT:
                logger.error("%d import batches did not end in an hour", len(left))
                break
        for batch in left:
            for entry in batch.entries:
                entry.is_lost, entry.problem = True, "the import did not end in time"
        return [batch for batch in batches if batch not in left]

    def _outstanding(self) -> bool:
        try:
            body = self._pen.client.get("import/bulk_import").body
        except CallError as problem:
            logger.info("The importer's summary cannot be read: %s", problem)
            return False
        rows = body.get("outstanding")
        return any(
            str(row.get("batches", "0")) != "0" or str(row.get("contacts", "0")) != "0"
            for row in (rows if isinstance(rows, list) else ())
            if isinstance(row, dict)
        )

    def _look(self, batch: Batch) -> bool:
        if not batch.id:
            batch.status = "completed"  # taken, but without a number to ask by
            return self._note(batch, [], [])
        try:
            body = self._pen.client.get("import/info", [("batchId", batch.id)]).body
        except CallError as problem:
            logger.info("An import batch cannot be looked at: %s", problem)
            batch.strikes += 1
            return False
        status = body.get("status")
        if not isinstance(status, str) or status.lower() not in ENDED:
            return False
        batch.status = status.lower()
        return self._note(batch, body.get("success"), body.get("failure"))

    @staticmethod
    def _note(batch: Batch, success: Any, failure: Any) -> bool:
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
        return True


def _reasons_by_place(refusal: Refused) -> dict[int, str]:
    found = {}
    for reason in refusal.reasons:
        mark, _, place = reason.attribute.partition("/")
        if mark == "contacts" and place.isdigit():
            found[int(place)] = reason.text
    return found


def _is_rate_limit(refusal: Refused) -> bool:
    text = " ".join([refusal.problem, str(refusal), *(r.text for r in refusal.reasons)]).lower()
    return "rate limit" in text or "per minute" in text


def _address(one: Any) -> str:
    if isinstance(one, dict):
        return str(one.get("email") or one.get("contact") or "")
    return str(one)
