"""Undoes a run: its records in reverse order, with a result for each group of values."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from tap_activecampaign_unified.client import InvalidRequest, RequestError
from target_activecampaign.client.duplicates import is_duplicate
from target_activecampaign.ledger.audience_records import placeholder_of
from target_activecampaign.outcome import Action, Outcome, RowError, join_reasons, outcome_of
from target_activecampaign.records.list_status import SUBSCRIBED

from .commerce_and_custom_objects.last_write_in_undo_file import LastWriteInUndoFile
from .comparable_values import COLUMN, CREATED, ENTERED, LIST, TAG, TAG_NAME
from .decisions.record_decisions import decide_record
from .decisions.value_decision import Decision, ValueDecision
from .delete_created import delete_created
from .journal_tables import BY_ADDRESS, UNCONFIRMED_ID, UNDONE, Entry, ValuePart
from .kinds import CONTACT, is_deletable, is_document, key_columns, stream_of
from .names_in_results import group_of, unified_name
from .records_of_run import RunRecord, RunRecords
from .restore_contact import end_enrolment, restore_contact, tag_of
from .restore_record import restore_record

if TYPE_CHECKING:
    from target_activecampaign.config.undo_options import UndoOptions
    from target_activecampaign.reporting.results import Results
    from target_activecampaign.sinks.write_context import WriteContext

    from .journal import UndoJournal

    Decisions = dict[ValuePart, ValueDecision]

logger = logging.getLogger(__name__)

ENDED = "automations: the enrolment was ended; what the automation did until then stays"
NOT_UNDOABLE_EFFECTS = (
    "What cannot be undone stays: e-mails that went out, what automations did, notes that people "
    "read"
)


class _Group(NamedTuple):
    """Values of a record that are put back together.

    ``decisions`` are empty if the target could not decide. ``refusal`` says why a created record
    was not deleted.
    """

    record: RunRecord
    name: str
    entries: list[Entry]
    decisions: list[ValueDecision]
    refusal: str | None = None


class UndoRun:
    """Puts back the values that a run replaced. Each group of a record's values has a result."""

    def __init__(
        self, context: WriteContext, results: Results, journal: UndoJournal, request: UndoOptions
    ) -> None:
        self._context, self._results = context, results
        self._journal, self._request = journal, request
        self._last_write = LastWriteInUndoFile(journal, context.clock)
        self._records = RunRecords(context, journal, request.run, self._last_write)
        #: The values of the present window that are undone.
        self._undone: list[ValuePart] = []
        #: Groups whose address or name another record has. This undo may still free it.
        self._waiting: list[_Group] = []
        self._is_last_try = False

    def run(self) -> None:
        """Undo the run."""
        run = self._request.run
        is_empty = True
        for window in self._records.windows():
            self._undo_window(window)
            is_empty = False
        if is_empty:
            logger.info("The run %s changed nothing that an undo covers", run)
        self._retry_waiting()
        for row in self._journal.noted_rows(run):
            outcome = Outcome(Action.SKIPPED, row.id or None, row.note)
            self._add(row.row, row.stream, row.key, "record", outcome)
        self._results.flush()
        # Without this wait, the next run could read values from before this undo and restore them.
        if self._last_write.note_end_of_writes():
            self._last_write.wait()
        logger.info(NOT_UNDOABLE_EFFECTS)
        if self._request.is_plan:
            totals = self._results.totals()
            counts = {
                action.value: totals[action.value] for action in Action if totals[action.value]
            }
            self._context.plan.actions.update(counts)

    def _undo_window(self, window: list[RunRecord]) -> None:
        """Undo up to a hundred records: decide on all, write, then note the undone values."""
        decisions: list[tuple[RunRecord, Decisions]] = []
        try:
            records = self._records.read(window)
        except RequestError as problem:
            self._records.load(window)
            for record in window:
                self._report_failure(record, problem)
            return

        def decide(record: RunRecord) -> None:
            try:
                decisions.append((record, self._decide(record)))
            except RequestError as problem:
                self._report_failure(record, problem)

        pool = self._context.pool
        pool.each([partial(decide, record) for record in records])
        self._unconfirm(decisions)
        if not self._request.is_plan:
            self._last_write.note_end_of_writes()
            self._last_write.note_write([window[0].kind])
        try:
            pool.each([partial(self._undo, record, found) for record, found in decisions])
        finally:
            self._set_undone()
        self._results.flush()

    def _set_undone(self) -> None:
        undone, self._undone = self._undone, []
        self._journal.set_undone(self._request.run, undone)

    def _retry_waiting(self) -> None:
        """Retry the groups whose address or name another record had."""
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            try:
                for group in waiting:
                    self._finish_group(group)
            finally:
                self._set_undone()
            self._is_last_try = len(self._waiting) == len(waiting)
        self._results.flush()

    def _decide(self, record: RunRecord) -> Decisions:
        if record.problem is not None:
            raise record.problem
        return decide_record(
            self._context,
            record,
            self._records.later(record),
            undoes_unsubscribes=self._request.unsubscribes,
        )

    def _undo(self, record: RunRecord, decisions: Decisions) -> None:
        """Undo a record. An error ends only its own group, an error in the delete all groups."""
        try:
            is_deleted, refusal = self._delete(record)
        except RequestError as problem:
            self._report_failure(record, problem)
            return
        for group in _groups(record, decisions, refusal):
            if is_deleted:
                self._note_undone(group.decisions)
                self._report(group, Outcome(Action.UPDATED, record.id, "deleted"))
            else:
                self._finish_group(group)

    def _finish_group(self, group: _Group) -> None:
        """Put back a group and report it. A group waits while its address or name is not free."""
        try:
            outcome = self._undo_group(group)
        except InvalidRequest:
            self._waiting.append(group)
        else:
            self._report(group, outcome)

    def _report_failure(self, record: RunRecord, problem: RequestError) -> None:
        for group in _groups(record):
            self._report(group, outcome_of(problem))

    # --- groups of values -------------------------------------------------------------------

    def _undo_group(self, group: _Group) -> Outcome:
        """Put back the values of a group that the account still holds; return the outcome.

        Raises `InvalidRequest` if another record has the same address or name, except in the last
        try.
        """
        record, decisions = group.record, group.decisions
        restored = [decision for decision in decisions if decision.decision is Decision.RESTORE]
        reasons = [Decision.RESTORE.value] if restored else []
        try:
            if restored and record.kind == CONTACT and record.present is not None:
                self._restore_grants(record, restored)
                restore_contact(self._context, record.id, group.name, restored, record.present)
            elif restored:
                reasons += restore_record(self._context, record, group.name, restored)
            for decision in decisions:
                if self._end_enrolment(record, decision):
                    restored.append(decision)
                    reasons.append(ENDED)
        except RowError as problem:
            return problem.outcome()
        except RequestError as problem:
            return self._outcome_of(problem)
        if record.kind == CONTACT:
            self._remove_grants(record, restored)
        self._note_undone(
            [
                *restored,
                *(decision for decision in decisions if decision.decision is Decision.UNCHANGED),
            ]
        )
        kept = [decision for decision in decisions if decision not in restored]
        reasons += self._reasons(record.kind, kept, group.refusal)
        if restored:
            return Outcome(Action.UPDATED, record.id, join_reasons(reasons))
        if reasons:
            return Outcome(Action.SKIPPED, record.id, join_reasons(reasons))
        is_undone = all(decision.decision is Decision.ALREADY_UNDONE for decision in decisions)
        result = Decision.ALREADY_UNDONE if is_undone else Decision.UNCHANGED
        return Outcome(Action.UNCHANGED, record.id, result.value)

    def _outcome_of(self, problem: RequestError) -> Outcome:
        if is_duplicate(problem) and not self._is_last_try:
            raise problem
        return outcome_of(problem)

    def _restore_grants(self, record: RunRecord, restored: list[ValueDecision]) -> None:
        """Record again the grants of an audience to a person who then left the audience.

        When a row of the input names the person, the person is a member again and can leave again.
        """
        ledger, names = self._context.ledger, {decision.entry.part.name for decision in restored}
        for grantor, lost in self._journal.leaver_grants(self._request.run, record.id).items():
            grants = ledger.audiences.grants_of(record.id)
            for grant_id in lost.keys() & names:
                grantors = [*grants.by_id.get(grant_id, {}), grantor]
                grants.by_id[grant_id] = dict.fromkeys(grantors, lost[grant_id])
            with ledger.transaction():
                ledger.audiences.put_grants(record.id, grants)

    def _remove_grants(self, record: RunRecord, restored: list[ValueDecision]) -> None:
        """Remove the grants of undone values. A user who adds such a value later owns it."""
        grant_ids = set()
        for decision in restored:
            name, before = decision.entry.part.name, decision.entry.before
            if name.startswith(TAG_NAME):
                name = f"{TAG}{tag_of(self._context, name) or ''}"
            if not before or (name.startswith(LIST) and before != SUBSCRIBED):
                grant_ids.add(name)
        native = record.present.native if record.present is not None else {}
        ledger, people = self._context.ledger, [record.id]
        if email := str(native.get("email") or ""):
            people.append(placeholder_of(ledger.audiences.address_key(email)))
        with ledger.transaction():
            for person in people:
                ledger.audiences.remove_grants(person, grant_ids)

    def _end_enrolment(self, record: RunRecord, decision: ValueDecision) -> bool:
        """End an enrolment in an automation that the run began; return whether it was active."""
        if decision.decision is not Decision.END_IF_ACTIVE:
            return False
        return end_enrolment(self._context, record.id, decision)

    def _reasons(self, kind: str, kept: list[ValueDecision], refusal: str | None) -> list[str]:
        """Return the reasons why values of a group are not put back."""
        names: dict[str, list[str]] = {}
        for decision in kept:
            if decision.decision is Decision.CHANGED:
                name = unified_name(self._context, kind, decision.entry.part.name)
                names.setdefault(decision.reason, []).append(name)
        reasons = [f"{reason}: {', '.join(sorted(set(parts)))}" for reason, parts in names.items()]
        for decision in kept:
            if decision.decision in {Decision.KEEP, Decision.END_IF_ACTIVE}:
                is_created = decision.entry.part.name == CREATED
                reasons.append(refusal if refusal and is_created else decision.reason)
        return reasons

    def _note_undone(self, decisions: list[ValueDecision]) -> None:
        """Note undone values, which are written to the file at the end of the window.

        If the process is killed before that, the next undo finds the values as before the run.
        """
        if not self._request.is_plan:
            entries = [decision.entry for decision in decisions if decision.entry.state != UNDONE]
            self._undone += [part for entry in entries for part in (entry.part, *entry.also)]

    # --- records that the run created -------------------------------------------------------

    def _delete(self, record: RunRecord) -> tuple[bool, str | None]:
        """Delete a record that the run created, if the options allow that.

        Returns whether the record was deleted. If a check forbids the delete, also returns its
        reason.
        """
        created = [entry for entry in record.entries if entry.part.name == CREATED]
        is_candidate = bool(created) and created[0].state != UNDONE and is_deletable(record.kind)
        if not self._request.creates or not is_candidate or record.present is None:
            return False, None
        context = self._context
        try:
            delete_created(context, record, record.present)
        except RowError as problem:
            return False, problem.reason
        if not self._request.is_plan:
            for row in self._records.rows(record, is_of_run=False):
                context.ledger.forget(row.ledger_key)
                if row.source:
                    context.foreign_ids.forget(record.kind, row.source)
        return True, None

    def _unconfirm(self, decisions: list[tuple[RunRecord, Decisions]]) -> None:
        """Make the next run send the rows of records again, before this undo writes a value."""
        if self._request.is_plan:
            return
        ledger = self._context.ledger
        with ledger.transaction():
            for record, found in decisions:
                if any(map(_may_change, found.values())):
                    for row in self._records.rows(record, is_of_run=False):
                        ledger.unconfirm(row.ledger_key)

    def _add(
        self, row: int | None, stream: str, key: dict[str, Any], group: str, outcome: Outcome
    ) -> None:
        """Write a result. The summary has its reason without values of the key."""
        self._results.add(row, stream, {**key, "values": group}, outcome, key)

    # --- results ----------------------------------------------------------------------------

    def _report(self, group: _Group, outcome: Outcome) -> None:
        """Give a group its result, under the key of the row that wrote it."""
        record, last = group.record, max(entry.number for entry in group.entries)
        rows = self._records.rows(record, is_of_run=True)
        # The first row that ended after the group's last request wrote the group.
        candidates = [row for row in rows if row.number >= last] or rows[:1]
        row = candidates[-1] if candidates else None
        key = (row.key if row else None) or _key_of(record)
        stream = row.stream if row else stream_of(record.kind)
        if record.id.startswith((UNCONFIRMED_ID, BY_ADDRESS)) or is_document(record.kind):
            native = record.present.native if record.present is not None else {}
            outcome = replace(outcome, id=native.get("id"))
        if self._request.is_plan and outcome.action is Action.UPDATED:
            reason = f"would be {outcome.reason}"
            outcome = Outcome(Action.PLANNED, outcome.id, reason)
        self._add(row.row if row else None, stream, key, group.name, outcome)


def _key_of(record: RunRecord) -> dict[str, Any]:
    """Return the key of a record without a row: its id, else names with which it was created."""
    if is_document(record.kind):
        return key_columns(record.kind, record.id)
    if record.id.startswith(BY_ADDRESS):
        return {"email": record.id[1:]}
    if not record.id.startswith(UNCONFIRMED_ID):
        return {"id": record.id}
    created = record.created_as
    names = {"name": "name", "title": "name", "note": "content"}
    return {
        name: created[COLUMN + column]
        for column, name in names.items()
        if COLUMN + column in created
    }


def _may_change(decision: ValueDecision) -> bool:
    return decision.decision is Decision.RESTORE or decision.entry.part.name.startswith(ENTERED)


def _groups(
    record: RunRecord, decisions: Decisions | None = None, refusal: str | None = None
) -> list[_Group]:
    """Return the groups of a record's values. The group of the last write comes first."""
    groups: dict[str, _Group] = {}
    for entry in sorted(record.entries, key=lambda entry: -entry.number):
        name = group_of(entry.part)
        group = groups.setdefault(name, _Group(record, name, [], [], refusal))
        group.entries.append(entry)
        if decisions is not None:
            group.decisions.append(decisions[entry.part])
    return list(groups.values())
