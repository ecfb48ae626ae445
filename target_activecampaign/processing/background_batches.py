"""Decides which batches are written in the background, while the target reads on.

These are batches of contacts that ActiveCampaign imports. All other batches are written at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from target_activecampaign.lookups.row_contact import CONTACT_STREAMS
from target_activecampaign.records.clean_values import is_nothing
from target_activecampaign.records.input_row import emails_of, is_delete
from target_activecampaign.records.record_identity import RecordIdentity
from target_activecampaign.sinks.contacts.bulk_import.choice import reads_on

from .stop_reasons import may_end_early

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from target_activecampaign.concurrency.cooperative_pool import CooperativePool
    from target_activecampaign.config.write_policy import WritePolicy
    from target_activecampaign.records.input_row import InputRow

    from .batch_processor import BatchProcessor


@dataclass(eq=False)
class _RunningBatch:
    """A batch in the background: the number of its first row, and the identity of its rows."""

    first: int | None
    identity: RecordIdentity


class BackgroundBatches:
    """Writes batches in order, some of them in the background.

    A batch runs in the background if all its rows are contacts for the importer and no setting
    needs its results before the next batch. Other rows, and contacts that may be the same people,
    wait for the batch. A background batch calls ``on_done`` when it is done, ``on_failure`` when it
    fails. For each batch, the caller calls `wait_for_conflicts`, then `write` with the same rows.
    """

    def __init__(
        self,
        pool: CooperativePool,
        policy: WritePolicy,
        on_done: Callable[[], None],
        on_failure: Callable[[], None],
    ) -> None:
        self._pool, self._policy = pool, policy
        self._on_done, self._on_failure = on_done, on_failure
        self._running: list[_RunningBatch] = []
        self._identity: RecordIdentity | None = None

    @property
    def is_running(self) -> bool:
        """Whether a batch runs in the background."""
        return bool(self._running)

    def first(self) -> int | None:
        """Return the lowest row number of the batches in the background."""
        numbers = [batch.first for batch in self._running if batch.first is not None]
        return min(numbers, default=None)

    def wait_all(self) -> None:
        """Wait for all background batches. Raises the error that ends the run."""
        self._wait_until(lambda: not self._running)

    def wait_for_conflicts(self, processor: BatchProcessor, rows: list[InputRow]) -> bool:
        """Wait for the batches that must be done before these rows are written.

        Returns whether the rows may be written while other batches run.
        """
        self._identity = None
        if not self._may_overlap(rows):
            self.wait_all()
            return False
        if processor.may_retry_deferred:
            self.wait_all()
            processor.retry_deferred()
        if self._running:
            identity = self._identity = _identity_of(rows, self._policy)
            self._wait_until(
                lambda: not any(_may_conflict(batch.identity, identity) for batch in self._running)
            )
        return True

    def write(
        self, processor: BatchProcessor, rows: list[InputRow], *, in_background: bool
    ) -> None:
        """Write a batch: each row gets a result, is deferred or runs in the background."""
        if not in_background:
            processor.write(rows)
            processor.retry_deferred()
            return
        changed = processor.begin_batch(rows)
        if not reads_on(self._policy, sum(map(len, changed.values()))):
            processor.write_changed(rows, changed)
            return
        self._wait_until(lambda: len(self._running) < self._pool.max_tasks)
        self._start(processor, rows, changed)

    def _may_overlap(self, rows: list[InputRow]) -> bool:
        policy = self._policy
        needs_results = (
            policy.max_changes is not None
            or may_end_early(policy)
            or policy.dry_run
            or policy.bulk_import == "never"
        )
        return bool(self._pool.max_tasks and not needs_results) and all(
            row.stream in CONTACT_STREAMS and not is_delete(row) for row in rows
        )

    def _start(
        self,
        processor: BatchProcessor,
        rows: list[InputRow],
        changed: dict[str, list[InputRow]],
    ) -> None:
        batch = _RunningBatch(rows[0].number, self._identity or _identity_of(rows, self._policy))
        self._running.append(batch)

        def run() -> None:
            try:
                processor.write_changed(rows, changed)
                # A batch that failed stays in the list, so that no state covers its rows.
                self._running.remove(batch)
                self._on_done()
            except BaseException as problem:
                self._pool.fail(problem)
                self._on_failure()
                raise

        self._pool.start(run)

    def _wait_until(self, is_met: Callable[[], bool]) -> None:
        self._pool.wait_until(lambda: self._pool.problem is not None or is_met())
        self._pool.raise_if_ending()


def _may_conflict(before: RecordIdentity, other: RecordIdentity) -> bool:
    """Return whether two batches may hold the same people."""
    has_same_columns = before.columns == other.columns and len(before.columns) == 1
    return not has_same_columns or not before.keys.isdisjoint(other.keys)


def _identity_of(rows: list[InputRow], policy: WritePolicy) -> RecordIdentity:
    """Return the identity of all rows; ``columns`` holds each set of identifying columns."""
    keys: set[Hashable] = set()
    columns: set[str] = set()
    for row in rows:
        id_value, emails = row.record.get("id"), emails_of(row)
        keys |= {("email", email) for email in emails}
        if row.key:
            keys.add(("key", repr(sorted(row.key.items()))))
        is_by_id = not is_nothing(id_value) and not policy.is_foreign
        if is_by_id:
            keys.add(("id", str(id_value).strip()))
        columns.add(f"{'id' if is_by_id else ''} {'email' if emails else ''}")
    return RecordIdentity(frozenset(keys), frozenset(columns))
