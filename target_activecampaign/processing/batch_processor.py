"""Writes the changed rows of a batch, in the order of their dependencies."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import RequestError
from target_activecampaign.holdout import HELD_OUT
from target_activecampaign.outcome import Action, Outcome, join_reasons, outcome_of
from target_activecampaign.records.ledger_key import identifying_columns, ledger_key_columns
from target_activecampaign.sinks import registry
from target_activecampaign.sinks.change_limits import HELD_BY_MAX_CHANGES
from target_activecampaign.sinks.deletes import in_rounds, write_deletes
from target_activecampaign.sinks.run_automations import MAY_START_AUTOMATION, is_skipped

if TYPE_CHECKING:
    from target_activecampaign.audiences.grant_recorder import GrantRecorder
    from target_activecampaign.ledger.ledger import Confirmed
    from target_activecampaign.records.input_row import InputRow
    from target_activecampaign.sinks.sink_definition import Sink
    from target_activecampaign.sinks.write_context import WriteContext

    from .row_finisher import RowFinisher

MAX_DEFERRED_PASS = 5_000
NO_RESULT = "the target gave the row no result, which is a defect of the target; it is tried again"
STOPPED = "the run ended before this row was confirmed"


class BatchProcessor:
    """Writes batches of rows; ``finisher`` gives each row its result."""

    def __init__(self, context: WriteContext, finisher: RowFinisher, grants: GrantRecorder) -> None:
        self.context, self.finisher, self.grants = context, finisher, grants
        self._written_families: set[str] = set()

    # --- a batch ----------------------------------------------------------------------------

    def write(self, rows: list[InputRow]) -> None:
        """Write a batch. Afterwards each of its rows has a result or is deferred.

        If the run ends early, `abandon` gives the remaining rows their results.
        """
        self.finisher.open(rows)
        self.grants.members.note_rows(rows)
        for name, sink in registry.sinks_of(row.stream for row in rows).items():
            self._write_sink(sink, [row for row in rows if row.stream == name])
            self._written_families.add(sink.family)
        self._end_batch(rows)

    def begin_batch(self, rows: list[InputRow]) -> dict[str, list[InputRow]]:
        """Finish the rows that need no write, of a batch without deletes.

        Returns the changed rows by stream, for `write_changed`.
        """
        self.finisher.open(rows)
        self.grants.members.note_rows(rows)
        sinks = registry.sinks_of(row.stream for row in rows)
        return {
            name: self._select_changed(sink, [row for row in rows if row.stream == name])
            for name, sink in sinks.items()
        }

    def write_changed(self, rows: list[InputRow], changed: dict[str, list[InputRow]]) -> None:
        """Write the rows that `begin_batch` returned. Other batches may be open meanwhile."""
        for name, sink in registry.sinks_of(changed).items():
            self._write_rows(sink, changed[name])
            self._written_families.add(sink.family)
        self._end_batch(rows)

    def _end_batch(self, rows: list[InputRow]) -> None:
        for row in filter(self.finisher.is_open, rows):
            # A sink must finish every row.
            self.finisher.finish(row, Outcome(Action.FAILED, reason=NO_RESULT, confirms_row=False))
        self.context.ledger.release(row.ledger_key for row in rows)
        self.finisher.stops.check_rejects()
        self.finisher.results.flush()

    def _write_sink(self, sink: Sink, rows: list[InputRow]) -> None:
        for deleted, others in in_rounds(rows):
            if deleted:
                write_deletes(self.context, sink, deleted)
            self._write_rows(sink, self._select_changed(sink, others))

    def _write_rows(self, sink: Sink, rows: list[InputRow]) -> None:
        context = self.context
        if rows and is_skipped(context.policy, sink):
            skipped = Outcome(Action.SKIPPED, reason=MAY_START_AUTOMATION, confirms_row=False)
            for row in rows:
                self.finisher.finish(row, skipped)
            return
        # A row that changes nothing does not count towards the limit: go on with the next rows.
        while rows and context.limits.changes_left != 0:
            allowed, rows = context.limits.split(rows)
            try:
                if context.earlier_values is not None:
                    context.earlier_values.announce_records(sink.family, allowed)
                sink.write(context, sink, allowed)
            except RequestError as problem:
                for row in allowed:
                    self.finisher.finish(row, outcome_of(problem))
        for row in rows:
            self.finisher.finish(row, HELD_BY_MAX_CHANGES)

    def _select_changed(self, sink: Sink, rows: list[InputRow]) -> list[InputRow]:
        """Return the rows to write. Finishes or defers all other rows."""
        rows = self._hold_out(sink, rows)
        self._compare_with_ledger(sink, self._group_by_key(sink, rows))
        changed = [row for row in rows if self.finisher.is_open(row)]
        if self.grants.members.people_in_input:
            changed_ids = set(map(id, changed))
            self.grants.members.note_confirmed([row for row in rows if id(row) not in changed_ids])
        return changed

    def _group_by_key(self, sink: Sink, rows: list[InputRow]) -> dict[bytes, list[InputRow]]:
        """Set each row's key in the ledger; return the rows by this key.

        Defers a row that follows a deferred row of the same key.
        """
        groups: dict[bytes, list[InputRow]] = {}
        for row in rows:
            self.context.pool.yield_now()
            row.fields = self.finisher.parts.fields(sink, row)
            row.ledger_key = self.context.ledger.hash_key(
                row.stream, self._ledger_key_columns(sink, row)
            )
            if not self.finisher.defer_if_behind(row):
                groups.setdefault(row.ledger_key, []).append(row)
        return groups

    def _compare_with_ledger(self, sink: Sink, groups: dict[bytes, list[InputRow]]) -> None:
        """Finish the rows that the ledger confirms, unless `force` or an audience needs them."""
        ledger, deliveries = self.context.ledger, self.grants.members.deliveries
        ledger.prefetch(groups)
        for key, group in groups.items():
            confirmed = ledger.find(key)
            for row in group:
                deliveries.mark(row, confirmed)
            if confirmed is None:
                continue
            must_write = self.context.policy.force or not confirmed.fields
            for row in group:
                row.ledger_id = confirmed.id
                is_first = deliveries.is_first(row, confirmed)
                must_write = must_write or row.is_held_out or is_first
            if not must_write:
                self._finish_confirmed(sink, group, confirmed)

    def _hold_out(self, sink: Sink, rows: list[InputRow]) -> list[InputRow]:
        """Finish the rows of the control group, except those that may unsubscribe a person."""
        try:
            held_out = self.context.holdout.find(rows)
        except RequestError as problem:
            for row in rows:
                self.finisher.finish(row, outcome_of(problem))
            return []
        for row in held_out:
            row.is_held_out = True
            if sink.consent_column not in row.record:
                self.finisher.finish(
                    row, Outcome(Action.SKIPPED, reason=HELD_OUT, confirms_row=False)
                )
        return [row for row in rows if self.finisher.is_open(row)]

    def _finish_confirmed(self, sink: Sink, group: list[InputRow], confirmed: Confirmed) -> None:
        """Finish rows of the same key if the ledger confirms all their parts.

        If only some parts changed and can be sent alone, reduce the records to these parts.
        """
        merged = dict(group[0].fields)
        for row in group[1:]:
            merged |= row.fields
        known = confirmed.fields
        changed = {part for part, value in merged.items() if known.get(part) != value}
        denials = [self.finisher.denied_parts.known(row, known) for row in group]
        reasons = [denied for denied in denials if denied is not None]
        if len(reasons) < len(group):
            return  # the ledger has the reasons of another row: write these rows
        for row, denied in zip(group, reasons, strict=True):
            if changed.isdisjoint(row.fields):
                action = Action.SKIPPED if denied else Action.UNCHANGED
                reason = join_reasons(denied)
                self.finisher.finish(row, Outcome(action, confirmed.id, reason, confirms_row=False))
            elif self.finisher.parts.reduce(sink, row, changed, known):
                row.denied = tuple(denied)

    def _ledger_key_columns(self, sink: Sink, row: InputRow) -> dict[str, Any]:
        """Return the columns of a row's ledger key: its key, or all columns of a row without one.

        A deal that only its name identifies has all its columns as key, unless
        `match_opportunities_on` names them: two deals may have one name.
        """
        is_weak = bool(sink.weak & row.key.keys()) and not self.finisher.schemas.key_properties.get(
            row.stream
        )
        if is_weak and "name+contact" not in self.context.policy.match_opportunities_on:
            return identifying_columns(row)
        return ledger_key_columns(row)

    # --- deferred rows ----------------------------------------------------------------------

    def abandon(self, rows: list[InputRow]) -> None:
        """Finish all rows that this run will not write: ``rows``, open rows and deferred rows.

        No state covers these rows, so the source sends them again.
        """
        deferred = self.finisher.deferred
        rows = [*self.finisher.open_rows.values(), *rows]
        last, after = deferred.last_place(), 0
        while after < last:
            popped, after = deferred.pop(min(MAX_DEFERRED_PASS, last - after), after)
            if not popped:
                break
            rows = [*rows, *popped]
        self.finisher.open(rows)
        for row in rows:
            self.finisher.finish(
                row, Outcome(Action.FAILED, reason=STOPPED, confirms_row=False, blocks_state=True)
            )

    @property
    def may_retry_deferred(self) -> bool:
        """Whether a few deferred rows may refer to the rows just written."""
        deferred = self.finisher.deferred
        is_few = 0 < deferred.count <= MAX_DEFERRED_PASS
        return is_few and bool(deferred.families & self._written_families)

    def retry_deferred(self) -> None:
        """Retry the deferred rows if they may refer to the rows just written."""
        if self.may_retry_deferred:
            self._write_deferred()
        self._written_families.clear()

    def resolve_deferred(self) -> None:
        """Give every deferred row its result: retry while rows succeed, then reject the rest."""
        deferred = self.finisher.deferred
        while deferred.count:
            before = deferred.count
            self._write_deferred()
            if deferred.count >= before:
                self.context.references.is_final = True

    def _write_deferred(self) -> None:
        deferred = self.finisher.deferred
        last, after = deferred.last_place(), 0
        if deferred.count <= MAX_DEFERRED_PASS:
            deferred.families.clear()
        while after < last:
            rows, after = deferred.pop(min(MAX_DEFERRED_PASS, last - after), after)
            if not rows:
                break
            self.write(rows)

    def close(self) -> None:
        """Close every file of the run, even if closing another file fails."""
        with contextlib.ExitStack() as stack:
            stack.callback(self.context.ledger.close)
            stack.callback(self.finisher.retries.close)
            stack.callback(self.finisher.deferred.close)
            stack.callback(self.finisher.results.close)
            if self.finisher.recorder is not None:
                stack.callback(self.finisher.recorder.close)
