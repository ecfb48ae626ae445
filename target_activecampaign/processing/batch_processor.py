"""Rows in, outcomes out: what changed, in the order others lean on it, each row ended once."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import CallError
from target_activecampaign.outcome import Action, Outcome, Wait, outcome_of
from target_activecampaign.records.record import Row, content_of, identity_of
from target_activecampaign.reporting.results import BEHIND, CHANGED, Results
from target_activecampaign.sinks import registry
from target_activecampaign.sinks.deletes import in_rounds, write_deletes
from target_activecampaign.sinks.limits import AUTOMATIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_activecampaign.sinks.context import Desk
    from target_activecampaign.sinks.sink import Kind

    from .deferred_rows import Waiting
    from .retry_file import RetryFile

logger = logging.getLogger(__name__)

MOST_WAITING = 5_000
FEWEST_FOR_RATIO = 100
REJECTED_ONE = "a row was rejected and on_reject is fail: see the results"
STOPPED = "the run ended before this row was confirmed"


class Engine:
    """Writes batches of rows.

    ``hold`` is told the number of a row that no state may cover.
    """

    def __init__(
        self,
        desk: Callable[[Engine], Desk],
        results: Results,
        waiting: Waiting,
        retries: RetryFile,
        hold: Callable[[int], None],
    ) -> None:
        """Take the tools; ``desk`` is made for this engine."""
        self.results, self.waiting, self.retries = results, waiting, retries
        self._hold = hold
        self.desk = desk(self)
        self.key_properties: dict[str, list[str]] = {}
        self._open: dict[int, Row] = {}
        self._written: set[str] = set()
        self._writable = {name: kind.writable() for name, kind in registry.KINDS.items()}
        print_ = json.dumps(self.desk.policy.fingerprint).encode()
        self._fingerprint = hashlib.sha256(print_).hexdigest()[:8]
        self._limit: str | None = None
        #: Why the run must end after this batch, None while it may go on.
        self.end: str | None = None

    # --- a batch ----------------------------------------------------------------------------

    def write(self, rows: list[Row]) -> None:
        """Write a batch; afterwards every row of it has its outcome or waits.

        Where the run ends in its middle, `abandon` ends the rows that are left.
        """
        self._open |= {id(row): row for row in rows}
        for name, kind in registry.KINDS.items():
            mine = [row for row in rows if row.stream == name]
            if mine:
                self._write_kind(kind, mine)
                self._written.add(kind.family)
        self._end_batch(rows)

    def begin(self, rows: list[Row]) -> dict[str, list[Row]]:
        """End the rows of a batch without deletes that say nothing new.

        Returns the others by stream, for `carry_out`: no request is made before.
        """
        self._open |= {id(row): row for row in rows}
        kinds = registry.KINDS.items()
        mine = {name: [row for row in rows if row.stream == name] for name, _ in kinds}
        return {name: self._sift(kind, mine[name]) for name, kind in kinds if mine[name]}

    def carry_out(self, rows: list[Row], left: dict[str, list[Row]]) -> None:
        """Write what `begin` left of a batch; other batches may be open at the same time."""
        for name, mine in left.items():
            self._write_left(registry.KINDS[name], mine)
            self._written.add(registry.KINDS[name].family)
        self._end_batch(rows)

    def _end_batch(self, rows: list[Row]) -> None:
        for row in rows:
            if id(row) in self._open:
                # No writer may forget a row; should one do so, the row is tried again.
                self.report(row, Outcome(Action.FAILED, reason="it was not decided", whole=False))
        self._judge()
        self.results.flush()

    def _write_kind(self, kind: Kind, rows: list[Row]) -> None:
        for deleted, others in in_rounds(rows):
            if deleted:
                write_deletes(self.desk, kind, deleted)
            self._write_left(kind, self._sift(kind, others))

    def _write_left(self, kind: Kind, left: list[Row]) -> None:
        if left and kind.starts_automations and not self.desk.policy.run_automations:
            for row in left:
                self.report(row, Outcome(Action.SKIPPED, reason=AUTOMATIONS, whole=False))
            return
        while left:
            most = self.desk.guards.changes_left
            if most == 0:
                break
            now, left = (left, []) if most is None else (left[:most], left[most:])
            try:
                kind.write(self.desk, kind, now)
            except CallError as problem:
                for row in now:
                    self.report(row, outcome_of(problem))
        for row in left:
            reason = "max_changes is reached; the row is left for another run"
            self.report(row, Outcome(Action.SKIPPED, reason=reason, whole=False, held=True))

    def _sift(self, kind: Kind, rows: list[Row]) -> list[Row]:
        """Report the rows that the ledger knows to be confirmed; return the others."""
        policy, ledger = self.desk.policy, self.desk.ledger
        writable = self._writable[kind.resource.name]
        groups: dict[bytes, list[Row]] = {}
        for row in rows:
            self.desk.turns.breathe()
            content = content_of(
                row.record,
                writable,
                clears=policy.clears,
                mirrors=policy.mirrors,
                enrols=policy.allow_automations,
            )
            row.fields = ledger.fields(
                (f"{self._fingerprint}/{name}", value) for name, value in content
            )
            row.ledger_key = ledger.key(row.stream, self._identity(kind, row))
            if self.is_behind(row):
                self.wait(row, Wait(BEHIND))
            else:
                groups.setdefault(row.ledger_key, []).append(row)
        ledger.expect(groups)
        unchanged: list[tuple[Row, str | None]] = []
        for key, group in groups.items():
            known = ledger.find(key)
            if known is None:
                continue
            merged: dict[bytes, bytes] = {}
            for row in group:
                row.known_id = known.id
                merged |= row.fields
            if not policy.force and known.fields and merged.items() <= known.fields.items():
                unchanged += [(row, known.id) for row in group]
        for row, native_id in unchanged:
            self.report(row, Outcome(Action.UNCHANGED, native_id, whole=False))
        return [row for row in rows if id(row) in self._open]

    def refuse(self, number: int | None, stream: str, key: dict[str, Any], why: str) -> None:
        """End a row that could not even be gathered."""
        self.results.add(number, stream, key, Outcome(Action.REJECTED, reason=why, whole=False))
        self._foresee(Action.REJECTED)
        if self.desk.policy.on_reject == "fail":
            self.end = REJECTED_ONE
            if number is not None:
                self._hold(number)

    def _identity(self, kind: Kind, row: Row) -> dict[str, Any]:
        """Return what a row is known by: its key, or all it says where it has none."""
        is_weak = bool(kind.weak & row.key.keys()) and not self.key_properties.get(row.stream)
        if is_weak and "name+contact" not in self.desk.policy.match_opportunities_on:
            return row.record
        return identity_of(row)

    # --- the end of a row -------------------------------------------------------------------

    def _foresee(self, action: Action) -> None:
        if self.desk.policy.dry_run:
            self.desk.forecast.actions[action.value] += 1

    def report(self, row: Row, outcome: Outcome) -> None:
        """End a row; a second end of the same row is a defect and is not taken."""
        if id(row) not in self._open:
            return
        desk = self.desk
        action = outcome.action
        self._foresee(action)
        if action in CHANGED:
            desk.guards.changes += 1
            if desk.policy.dry_run:
                reason = f"would be {action.value}"
                reason += f"; {outcome.reason}" if outcome.reason else ""
                outcome = Outcome(Action.PLANNED, _real(outcome.id), reason, whole=False)
        if not desk.policy.dry_run:
            self._remember(row, outcome)
        is_held = outcome.held or (action is Action.REJECTED and desk.policy.on_reject == "fail")
        if action is Action.FAILED and not outcome.held:
            if self.retries.keeps(row) and not desk.policy.dry_run:
                self.retries.keep(row, self.key_properties.get(row.stream, []))
            else:
                is_held = True
        if outcome.held and action is Action.SKIPPED:
            self._limit = outcome.reason
        if is_held and row.number is not None:
            self._hold(row.number)
        # Open until everything is noted: where that fails, the row is not taken for done.
        del self._open[id(row)]
        self.results.add(row.number, row.stream, row.key, outcome, row.record)

    def _remember(self, row: Row, outcome: Outcome) -> None:
        if outcome.action is Action.FAILED or not row.ledger_key:
            return
        if outcome.action in CHANGED or (outcome.action is Action.UNCHANGED and outcome.whole):
            # A row that was only partly done is sent again; its id is worth knowing all the same.
            fields = row.fields if outcome.whole else {}
            self.desk.ledger.confirm(row.ledger_key, outcome.id, fields)
        self.retries.settle(row)

    def wait(self, row: Row, wait: Wait) -> None:
        """Put a row aside until what it refers to may have come."""
        if self.desk.references.is_final:
            self.report(row, Outcome(Action.REJECTED, reason=wait.reason, whole=False))
        elif self._open.pop(id(row), None) is not None:
            self.waiting.add(row, wait.family, self._key_of(row))

    def is_behind(self, row: Row) -> bool:
        """Say whether an earlier row of the same key waits: the later one has the last word."""
        return bool(self.waiting.count) and self.waiting.has_before(self._key_of(row), row.number)

    def _key_of(self, row: Row) -> bytes:
        return row.ledger_key or self.desk.ledger.key(row.stream, identity_of(row))

    # --- waiting rows -----------------------------------------------------------------------

    def abandon(self, rows: list[Row]) -> None:
        """End rows that nobody will write in this run: these, the open and the waiting ones.

        They are delivered again.
        """
        rows = [*self._open.values(), *rows]
        last, after = self.waiting.last_place(), 0
        while after < last:
            found, after = self.waiting.take(min(MOST_WAITING, last - after), after)
            if not found:
                break
            rows = [*rows, *found]
        self._open = {id(row): row for row in rows}
        for row in rows:
            self.report(row, Outcome(Action.FAILED, reason=STOPPED, whole=False, held=True))

    @property
    def has_news_for_waiting(self) -> bool:
        """Whether what rows wait for was among those just written."""
        is_few = 0 < self.waiting.count <= MOST_WAITING
        return is_few and bool(self.waiting.families & self._written)

    def retry_waiting(self) -> None:
        """Try the waiting rows again if what they wait for was among the rows just written."""
        if self.has_news_for_waiting:
            self._pass_waiting()
        self._written.clear()

    def decide_waiting(self) -> None:
        """Decide every waiting row: try as long as some get through, then once for good."""
        while self.waiting.count:
            before = self.waiting.count
            self._pass_waiting()
            if self.waiting.count >= before:
                self.desk.references.is_final = True

    def _pass_waiting(self) -> None:
        last, after = self.waiting.last_place(), 0
        if self.waiting.count <= MOST_WAITING:
            self.waiting.families.clear()
        while after < last:
            rows, after = self.waiting.take(min(MOST_WAITING, last - after), after)
            if not rows:
                break
            self.write(rows)

    # --- limits -----------------------------------------------------------------------------

    def _judge(self) -> None:
        """Decide after a batch whether the run may go on."""
        policy, results = self.desk.policy, self.results
        rejected = results.count(Action.REJECTED)
        if rejected and policy.on_reject == "fail":
            self.end = REJECTED_ONE
        elif results.rows >= FEWEST_FOR_RATIO and rejected > policy.max_reject_ratio * results.rows:
            self.end = "more rows were rejected than max_reject_ratio allows: see the results"

    def close(self) -> None:
        """Close the run's files."""
        with contextlib.ExitStack() as stack:  # each of them, whatever becomes of the others
            stack.callback(self.desk.ledger.close)
            stack.callback(self.retries.close)
            stack.callback(self.waiting.close)
            stack.callback(self.results.close)

    def verdict(self) -> str | None:
        """Say why the whole run failed, None if it did not."""
        if self.end:
            return self.end
        results, policy = self.results, self.desk.policy
        failed = results.count(Action.FAILED)
        if failed:
            return f"{failed} rows failed and are tried again on the next run: see the results"
        if self._limit:
            return f"rows were left out: {self._limit}"
        if results.count(Action.REJECTED) > policy.max_reject_ratio * max(1, results.rows):
            return "more rows were rejected than max_reject_ratio allows: see the results"
        return None


def _real(native_id: str | None) -> str | None:
    return None if native_id and native_id.startswith("planned-") else native_id
