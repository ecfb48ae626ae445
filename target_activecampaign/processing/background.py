"""Batches of contacts that only wait for their import, while the next ones are read and queued."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from target_activecampaign.records.identity import RecordIdentity
from target_activecampaign.records.record import emails_of, is_delete
from target_activecampaign.records.values import is_nothing
from target_activecampaign.sinks.contacts.import_changes import ENOUGH_TO_IMPORT

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from target_activecampaign.concurrency.pool import CooperativePool
    from target_activecampaign.config.write_policy import WritePolicy
    from target_activecampaign.records.record import InputRecord

    from .batch_processor import BatchProcessor

STREAMS = frozenset({"crm_contacts", "marketing_contacts"})


@dataclass(eq=False)
class _OpenBatch:
    """A batch under way: its first row, and whom its rows mean."""

    first: int | None
    sign: RecordIdentity


class BackgroundBatches:
    """Writes batches in their order, as far as anybody could tell the difference.

    A batch goes on in the background where all of it are contacts that can be imported and no
    setting asks what became of it before the next is begun. Whatever else comes waits for it, and
    so do contacts that may be the same people. ``after`` is called when one came to its end,
    ``wake`` when one failed.
    """

    def __init__(
        self,
        pool: CooperativePool,
        policy: WritePolicy,
        after: Callable[[], None],
        wake: Callable[[], None],
    ) -> None:
        """Begin with nothing under way."""
        self._pool, self._policy = pool, policy
        self._after, self._wake = after, wake
        self._open: list[_OpenBatch] = []
        self._sign: RecordIdentity | None = None

    @property
    def is_open(self) -> bool:
        """Whether a batch is under way."""
        return bool(self._open)

    def first(self) -> int | None:
        """Return the lowest number of a row in a batch under way."""
        return min((one.first for one in self._open if one.first is not None), default=None)

    def settle(self) -> None:
        """Wait until nothing is under way; raises what ended the run meanwhile."""
        self._wait_until(lambda: not self._open)

    def wait_for_conflicts(self, processor: BatchProcessor, rows: list[InputRecord]) -> bool:
        """Wait for what must be over before the rows are written.

        Returns whether they may be written beside what is left under way.
        """
        self._sign = None
        if not self._may_overlap(rows):
            self.settle()
            return False
        if processor.may_retry_deferred:
            self.settle()
            processor.retry_deferred()
        if self._open:
            sign = self._sign = _sign_of(rows, self._policy)
            self._wait_until(lambda: not any(_may_meet(one.sign, sign) for one in self._open))
        return True

    def write(self, processor: BatchProcessor, rows: list[InputRecord], *, beside: bool) -> None:
        """Write a batch: afterwards each of its rows has its outcome, waits or is under way."""
        if not beside:
            processor.write(rows)
            processor.retry_deferred()
            return
        left = processor.begin(rows)
        if sum(map(len, left.values())) < ENOUGH_TO_IMPORT:
            processor.write_changed(rows, left)
            return
        self._wait_until(lambda: len(self._open) < self._pool.most_tasks)
        self._start(processor, rows, left)

    def _may_overlap(self, rows: list[InputRecord]) -> bool:
        policy = self._policy
        is_asked = (
            policy.max_changes is not None
            or policy.on_reject == "fail"
            or policy.max_reject_ratio < 1
            or policy.dry_run
            or policy.bulk_import == "never"
        )
        return bool(self._pool.most_tasks and not is_asked) and all(
            row.stream in STREAMS and not is_delete(row) for row in rows
        )

    def _start(
        self, processor: BatchProcessor, rows: list[InputRecord], left: dict[str, list[InputRecord]]
    ) -> None:
        mine = _OpenBatch(rows[0].number, self._sign or _sign_of(rows, self._policy))
        self._open.append(mine)

        def go_on() -> None:
            try:
                processor.write_changed(rows, left)
                # One that fails before stays open: no state goes out that covers its rows.
                self._open.remove(mine)
                self._after()
            except BaseException as problem:
                self._pool.fail(problem)
                self._wake()
                raise

        self._pool.start(go_on)

    def _wait_until(self, is_so: Callable[[], bool]) -> None:
        self._pool.wait_until(lambda: self._pool.problem is not None or is_so())
        self._pool.raise_if_ending()


def _may_meet(one: RecordIdentity, other: RecordIdentity) -> bool:
    """Say whether two batches may mean the same people."""
    is_alike = one.way == other.way and len(one.way) == 1
    return not is_alike or not one.names.isdisjoint(other.names)


def _sign_of(rows: list[InputRecord], policy: WritePolicy) -> RecordIdentity:
    """Return whom rows of contacts mean; ``way`` holds every way in which they say it."""
    names: set[Hashable] = set()
    ways: set[str] = set()
    for row in rows:
        source, emails = row.record.get("id"), emails_of(row)
        names |= {("email", email) for email in emails}
        if row.key:
            names.add(("key", repr(sorted(row.key.items()))))
        is_by_id = not is_nothing(source) and not policy.is_foreign
        if is_by_id:
            names.add(("id", str(source).strip()))
        ways.add(f"{'id' if is_by_id else ''} {'email' if emails else ''}")
    return RecordIdentity(frozenset(names), frozenset(ways))
