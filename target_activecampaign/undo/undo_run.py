"""Undoes a run: its records in reverse order, one result for each group of a record's values."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import RequestError
from tap_activecampaign_unified.config.settings import SettingsError
from target_activecampaign.outcome import Action, Outcome, RowError, join_reasons, outcome_of

from .decisions.record_decisions import decide_record, is_deletable
from .decisions.value_decision import Decision, ValueDecision
from .deletion import delete_created
from .documents.kinds import is_document, key_columns
from .entries import UNDONE, Entry, ValuePart
from .journal import SETTING, UndoJournal
from .late_reads import LateReads
from .record_values import COLUMN, CONTACT, CREATED, ENTERED, LIST, TAG, TAG_NAME
from .request_changes import SUBSCRIBED
from .restore_contact import end_enrolment, restore_contact, tag_of
from .restore_record import restore_record
from .run_records import RunRecord, RunRecords
from .value_names import group_of, name_of, stream_of

if TYPE_CHECKING:
    from target_activecampaign.reporting.results import Results
    from target_activecampaign.sinks.context import WriteContext

    from .undo_request import UndoRequest

    Decisions = dict[ValuePart, ValueDecision]

logger = logging.getLogger(__name__)

ENDED = "automations: the enrolment was ended; what the automation did until then stays"
NOT_UNDOABLE_EFFECTS = (
    "What cannot be undone stays: e-mails that went out, what automations did, notes that people "
    "read"
)
MAX_NAMED_RUNS = 5


class UndoRun:
    """Puts back what one run replaced, and gives each group of values of a record one result."""

    def __init__(
        self, context: WriteContext, results: Results, journal: UndoJournal, request: UndoRequest
    ) -> None:
        self._context, self._results = context, results
        self._journal, self._request = journal, request
        self._late_reads = LateReads(journal, context.clock)
        self._records = RunRecords(context, journal, request.run, self._late_reads)
        #: What this window has put back.
        self._undone: list[ValuePart] = []

    def run(self) -> None:
        """Undo the run. Raises `SettingsError` for a run that the file does not have."""
        run, known = self._request.run, self._journal.runs()
        if run not in known:
            names = ", ".join(known[:MAX_NAMED_RUNS]) or "none"
            raise SettingsError([f"--undo: {SETTING} has no run {run}; the newest are: {names}"])
        if not self._journal.has_entries(run):
            logger.info("The run %s changed nothing that an undo covers", run)
        for window in self._records.windows():
            self._undo_window(window)
        for row in self._journal.noted_rows(run):
            outcome = Outcome(Action.SKIPPED, row.id or None, row.note)
            self._add(row.row, row.stream, row.key, "record", outcome)
        self._results.flush()
        # Otherwise the next run could read the values from before this undo, and send them again.
        if self._late_reads.note_end_of_writes():
            self._late_reads.wait()
        logger.info(NOT_UNDOABLE_EFFECTS)
        if self._request.is_plan:
            totals = self._results.totals()
            found = {
                action.value: totals[action.value] for action in Action if totals[action.value]
            }
            self._context.plan.actions.update(found)

    def _undo_window(self, window: list[RunRecord]) -> None:
        """Undo up to a hundred records: decide all, write, then note all that was undone."""
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
            self._late_reads.note_end_of_writes()
            self._late_reads.note_write([window[0].kind])
        try:
            pool.each([partial(self._undo, record, found) for record, found in decisions])
        finally:
            undone, self._undone = self._undone, []
            self._journal.set_undone(self._request.run, undone)
        self._results.flush()

    def _decide(self, record: RunRecord) -> Decisions:
        return decide_record(
            self._context,
            record,
            self._records.later(record),
            undoes_unsubscribes=self._request.unsubscribes,
        )

    def _undo(self, record: RunRecord, decisions: Decisions) -> None:
        """Undo one record; an error ends its own group only."""
        try:
            is_deleted, refusal = self._delete(record)
        except RequestError as problem:
            self._report_failure(record, problem)
            return
        for group, entries in _groups(record.entries).items():
            chosen = [decisions[entry.part] for entry in entries]
            if is_deleted:
                self._note_undone(chosen)
                outcome = Outcome(Action.UPDATED, record.id, "deleted")
            else:
                outcome = self._undo_group(record, group, chosen, refusal)
            self._report(record, group, entries, outcome)

    def _report_failure(self, record: RunRecord, problem: RequestError) -> None:
        for group, entries in _groups(record.entries).items():
            self._report(record, group, entries, outcome_of(problem))

    # --- groups of values -------------------------------------------------------------------

    def _undo_group(
        self, record: RunRecord, group: str, decisions: list[ValueDecision], refusal: str | None
    ) -> Outcome:
        """Put back what the account still holds of a group; return the group's outcome."""
        chosen = [decision for decision in decisions if decision.decision is Decision.RESTORE]
        reasons = [Decision.RESTORE.value] if chosen else []
        try:
            if chosen and record.kind == CONTACT and record.present is not None:
                self._restore_grants(record, chosen)
                restore_contact(self._context, record.id, group, chosen, record.present)
            elif chosen:
                reasons += restore_record(self._context, record, group, chosen)
            for decision in decisions:
                if self._end_enrolment(record, decision):
                    chosen.append(decision)
                    reasons.append(ENDED)
        except RowError as problem:
            return problem.outcome()
        except RequestError as problem:
            return outcome_of(problem)
        if record.kind == CONTACT:
            self._remove_grants(record.id, chosen)
        self._note_undone(
            [
                *chosen,
                *(decision for decision in decisions if decision.decision is Decision.UNCHANGED),
            ]
        )
        kept = [decision for decision in decisions if decision not in chosen]
        reasons += self._reasons(record.kind, kept, refusal)
        if chosen:
            return Outcome(Action.UPDATED, record.id, join_reasons(reasons))
        if reasons:
            return Outcome(Action.SKIPPED, record.id, join_reasons(reasons))
        is_undone = all(decision.decision is Decision.ALREADY_UNDONE for decision in decisions)
        result = Decision.ALREADY_UNDONE if is_undone else Decision.UNCHANGED
        return Outcome(Action.UNCHANGED, record.id, result.value)

    def _restore_grants(self, record: RunRecord, chosen: list[ValueDecision]) -> None:
        """Record again what an audience granted to a person who then left it.

        The person is a member again, and can leave again, when a row of the input names them.
        """
        ledger, names = self._context.ledger, {decision.entry.part.name for decision in chosen}
        for grantor, lost in self._journal.leaver_grants(self._request.run, record.id).items():
            grants = ledger.audiences.grants_of(record.id)
            for grant_id in lost.keys() & names:
                grantors = [*grants.by_id.get(grant_id, {}), grantor]
                grants.by_id[grant_id] = dict.fromkeys(grantors, lost[grant_id])
            with ledger.transaction():
                ledger.audiences.put_grants(record.id, grants)

    def _remove_grants(self, native_id: str, chosen: list[ValueDecision]) -> None:
        """Remove the grants of what was undone: a user who adds it later owns it."""
        gone = set()
        for decision in chosen:
            name, before = decision.entry.part.name, decision.entry.before
            if name.startswith(TAG_NAME):
                name = f"{TAG}{tag_of(self._context, name) or ''}"
            if not before or (name.startswith(LIST) and before != SUBSCRIBED):
                gone.add(name)
        ledger = self._context.ledger
        grants = ledger.audiences.grants_of(native_id)
        if not gone.isdisjoint(grants.by_id):
            left = {
                grant_id: grantors
                for grant_id, grantors in grants.by_id.items()
                if grant_id not in gone
            }
            with ledger.transaction():
                ledger.audiences.put_grants(native_id, replace(grants, by_id=left))

    def _end_enrolment(self, record: RunRecord, decision: ValueDecision) -> bool:
        """End the enrolment that the run began in an automation; return whether it was active."""
        is_entered = (
            decision.entry.part.name.startswith(ENTERED) and decision.decision is Decision.KEEP
        )
        if not is_entered or record.present is None:
            return False
        return end_enrolment(self._context, record.id, decision)

    def _reasons(self, kind: str, kept: list[ValueDecision], refusal: str | None) -> list[str]:
        """Return why values of a group are not put back."""
        names: dict[str, list[str]] = {}
        for decision in kept:
            if decision.decision is Decision.CHANGED:
                name = name_of(self._context, kind, decision.entry.part.name)
                names.setdefault(decision.reason, []).append(name)
        reasons = [f"{reason}: {', '.join(sorted(set(found)))}" for reason, found in names.items()]
        for decision in kept:
            if decision.decision is Decision.KEEP:
                is_created = decision.entry.part.name == CREATED
                reasons.append(refusal if refusal and is_created else decision.reason)
        return reasons

    def _note_undone(self, decisions: list[ValueDecision]) -> None:
        """Note what was put back; the file has it when the window ends.

        If the process is killed before, the next undo finds these values as before the run.
        """
        if not self._request.is_plan:
            entries = [decision.entry for decision in decisions if decision.entry.state != UNDONE]
            self._undone += [part for entry in entries for part in (entry.part, *entry.also)]

    # --- records that the run created -------------------------------------------------------

    def _delete(self, record: RunRecord) -> tuple[bool, str | None]:
        """Delete a record that the run created, if that is asked for; else return why not."""
        created = [entry for entry in record.entries if entry.part.name == CREATED]
        is_open = bool(created) and created[0].state != UNDONE and is_deletable(record.kind)
        if not self._request.creates or not is_open or record.present is None:
            return False, None
        context = self._context
        try:
            delete_created(context, record.kind, record.id, record.entries, record.present)
        except RowError as problem:
            return False, problem.reason
        if not self._request.is_plan:
            for row in self._records.rows(record, is_of_run=False):
                context.ledger.forget(row.ledger_key)
                if row.source:
                    context.foreign_ids.forget(record.kind, row.source)
        return True, None

    def _unconfirm(self, decisions: list[tuple[RunRecord, Decisions]]) -> None:
        """Make the ledger send the rows of records again, before anything is put back."""
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
        """Write a result; the summary has its reason without values of the key."""
        self._results.add(row, stream, {**key, "values": group}, outcome, key)

    # --- results ----------------------------------------------------------------------------

    def _report(
        self, record: RunRecord, group: str, entries: list[Entry], outcome: Outcome
    ) -> None:
        """Give a group its result, under the key of the row that wrote it."""
        last = max(entry.number for entry in entries)
        rows = self._records.rows(record, is_of_run=True)
        # The first row that ended after the group's last request wrote it.
        after = [row for row in rows if row.number >= last] or rows[:1]
        row = after[-1] if after else None
        key = (row.key if row else None) or _key_of(record)
        stream = row.stream if row else stream_of(record.kind)
        if record.id.startswith(("?", "@")) or is_document(record.kind):
            native = record.present.native if record.present is not None else {}
            outcome = replace(outcome, id=native.get("id"))
        if self._request.is_plan and outcome.action is Action.UPDATED:
            reason = f"would be {outcome.reason}"
            outcome = Outcome(Action.PLANNED, outcome.id, reason)
        self._add(row.row if row else None, stream, key, group, outcome)


def _key_of(record: RunRecord) -> dict[str, Any]:
    """Return the key of a record without a row: its id, or what it was created as."""
    if is_document(record.kind):
        return key_columns(record.kind, record.id)
    if record.id.startswith("@"):
        return {"email": record.id[1:]}
    if not record.id.startswith("?"):
        return {"id": record.id}
    made = record.created_as
    names = {"name": "name", "title": "name", "note": "content"}
    return {
        word: made[COLUMN + column] for column, word in names.items() if COLUMN + column in made
    }


def _may_change(decision: ValueDecision) -> bool:
    return decision.decision is Decision.RESTORE or decision.entry.part.name.startswith(ENTERED)


def _groups(entries: list[Entry]) -> dict[str, list[Entry]]:
    """Return the entries by group, the group that was written last first."""
    found: dict[str, list[Entry]] = {}
    for entry in sorted(entries, key=lambda noted: -noted.number):
        found.setdefault(group_of(entry.part), []).append(entry)
    return found
