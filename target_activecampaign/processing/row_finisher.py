"""Ends each row: writes its only result and its entry in the ledger, and holds back states."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tap_activecampaign_unified.resources.input_values import arrays, flags, times
from target_activecampaign.client.write_client import is_planned
from target_activecampaign.holdout import HELD_OUT
from target_activecampaign.lookups.row_contact import CONTACT_STREAMS, contact_of_row
from target_activecampaign.outcome import Action, Outcome, RowDeferred, join_reasons
from target_activecampaign.records import list_status
from target_activecampaign.records.input_schemas import InputSchemas
from target_activecampaign.records.ledger_key import ledger_key_columns
from target_activecampaign.reporting.results import CHANGED
from target_activecampaign.sinks import registry

from .parts_denied_by_settings import UNCONFIRMED
from .stop_reasons import ROW_REJECTED, StopReasons

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_activecampaign.config.write_policy import WritePolicy
    from target_activecampaign.ledger.ledger import Ledger
    from target_activecampaign.lookups.reference_resolver import ReferenceResolver
    from target_activecampaign.records.input_row import InputRow, UnreadLine
    from target_activecampaign.reporting.dry_run import DryRunPlan
    from target_activecampaign.reporting.results import Results
    from target_activecampaign.sinks.change_limits import ChangeLimits
    from target_activecampaign.undo.recording.recorder import UndoRecorder

    from .changed_parts import ChangedParts
    from .checkpoints import Checkpoints
    from .deferred_rows import DeferredRows
    from .parts_denied_by_settings import DeniedParts
    from .retry_file import RetryFile

#: Texts about accepted forms, which results may show even where a row has the same text.
ACCEPTED_FORMS = (
    *(arrays.FORMS, list_status.FORMS, list_status.UNWRITABLE),
    *(flags.FORMS, times.FORMS),
)

BEHIND = "an earlier row of the same key was not written; correct that row, or send both rows again"
#: The account lost the record of a row of which only some parts were to be written.
REST_LATER = (
    "the account no longer had the record; the other parts of the row are written when it is "
    "delivered again"
)

#: The kind and the natural key of records that other rows name, by the stream of the record's rows.
#: Rows name a contact by its address.
NATURAL_KEYS = {"crm_accounts": ("account", "name"), "crm_opportunities": ("deal", "external_id")}


@dataclass
class RowFinisher:
    """Gives every open row exactly one result, or defers it."""

    policy: WritePolicy
    ledger: Ledger
    references: ReferenceResolver
    limits: ChangeLimits
    plan: DryRunPlan
    results: Results
    deferred: DeferredRows
    retries: RetryFile
    checkpoints: Checkpoints
    denied_parts: DeniedParts
    parts: ChangedParts
    #: Records which record each row wrote; None if the run cannot be undone.
    recorder: UndoRecorder | None = None
    schemas: InputSchemas = field(default_factory=InputSchemas)
    #: The rows that have no result yet, by `id`.
    open_rows: dict[int, InputRow] = field(default_factory=dict)
    #: The input streams of which a row was rejected or failed.
    faulty_streams: set[str] = field(default_factory=set)
    #: Why the run must end, or failed.
    stops: StopReasons = field(init=False)

    def __post_init__(self) -> None:
        """Derive the reasons of the run from the results of its rows."""
        self.stops = StopReasons(self.policy, self.results)

    def note_refusal(self, reason: str) -> None:
        """Note why the target may remove no person from an audience."""
        self.stops.refusal = reason

    def open(self, rows: list[InputRow]) -> None:
        """Expect a result for each of these rows."""
        self.open_rows |= {id(row): row for row in rows}

    def is_open(self, row: InputRow) -> bool:
        """Return whether a row has no result yet."""
        return id(row) in self.open_rows

    def finish(self, row: InputRow, outcome: Outcome) -> None:
        """Give a row its result; ignore a second result of the same row."""
        if not self.is_open(row):
            return
        is_lost_record = outcome.action is Action.CREATED and row.is_remainder
        remarks = [*row.remarks, REST_LATER] if is_lost_record else row.remarks
        outcome = _with_remarks(outcome, remarks)
        action, is_dry_run = outcome.action, self.policy.dry_run
        self._count(row, action)
        if action in CHANGED and is_dry_run:
            outcome = _planned(outcome)
        if not is_dry_run:
            if self.recorder is not None:
                self.recorder.note_row(row, outcome)
            self._record_in_ledger(row, outcome)
        if outcome.blocks_state or action is Action.FAILED or outcome.reason == HELD_OUT:
            self._note_unwritten(row, outcome)
        if outcome.blocks_state and action is Action.SKIPPED:
            self.stops.limit = outcome.reason
        is_held = self._is_held(row, outcome)
        if is_held and row.number is not None:
            self.checkpoints.hold(row.number)
        if not is_dry_run:
            self._update_retry_file(row, action, is_held=is_held)
        # The row stays open until the ledger and the retry file have it.
        del self.open_rows[id(row)]
        self.results.add(row.number, row.stream, row.shown_key or row.key, outcome, row.record)

    def _is_held(self, row: InputRow, outcome: Outcome) -> bool:
        """Return whether no state may cover a row."""
        if outcome.action is Action.FAILED and not outcome.blocks_state:
            return self.policy.dry_run or not self.retries.can_store(row)
        is_last = outcome.action is Action.REJECTED and self.stops.ends_at_reject
        return outcome.blocks_state or is_last

    def _update_retry_file(self, row: InputRow, action: Action, *, is_held: bool) -> None:
        """Store a failed row, or remove what another row decided.

        A rejected row of the input decides nothing. A row of the retry file itself has no number.
        """
        if is_held:
            return
        if action is Action.FAILED:
            self.retries.store(row, self.schemas.key_properties.get(row.stream, []))
        elif action is not Action.REJECTED or row.number is None:
            self.retries.remove_decided(row)

    def _note_unwritten(self, row: InputRow, outcome: Outcome) -> None:
        """Note that a row's record was not written, for rows that name the record."""
        if row.stream in CONTACT_STREAMS:
            family, natural_key = "contact", contact_of_row(self.references, row)[0]
        else:
            family, column = NATURAL_KEYS.get(row.stream, ("", ""))
            natural_key = row.record.get(column)
        if natural_key:
            self.references.unwritten.note(family, natural_key, outcome)

    def defer(self, row: InputRow, deferred: RowDeferred) -> None:
        """Defer a row until its referenced record may exist; reject it at the end of the input."""
        if self.references.is_final:
            self.finish(row, Outcome(Action.REJECTED, reason=deferred.reason, confirms_row=False))
        elif self.open_rows.pop(id(row), None) is not None:
            self.deferred.add(row, deferred.family, self._key_of(row))

    def defer_if_behind(self, row: InputRow) -> bool:
        """Defer a row if an earlier row of its key is deferred, so that the later row wins.

        Returns whether the row was deferred.
        """
        if not self.deferred.count or not self.deferred.has_before(self._key_of(row), row.number):
            return False
        self.defer(row, RowDeferred(BEHIND))
        return True

    def finish_unread(self, line: UnreadLine) -> None:
        """Give an input line that did not become a row its result."""
        self.results.add(line.number, line.stream, line.key, line.outcome)
        if line.outcome.action is not Action.REJECTED:
            return
        self._count_planned(Action.REJECTED)
        if self.stops.ends_at_reject:
            self.stops.early = ROW_REJECTED
            if line.number is not None:
                self.checkpoints.hold(line.number)

    def _count(self, row: InputRow, action: Action) -> None:
        self._count_planned(action)
        self.limits.changes += action in CHANGED
        if action in {Action.REJECTED, Action.FAILED}:
            self.faulty_streams.add(row.input_stream)

    def _count_planned(self, action: Action) -> None:
        if self.policy.dry_run:
            self.plan.actions[action.value] += 1

    def _record_in_ledger(self, row: InputRow, outcome: Outcome) -> None:
        if outcome.action is Action.FAILED or not row.ledger_key:
            return
        if outcome.action is Action.CREATED and row.is_remainder:
            # The account lost the record: the next run sends the whole row.
            self.ledger.forget(row.ledger_key)
        elif outcome.action in CHANGED or outcome.confirms_row:
            self.ledger.confirm(row.ledger_key, outcome.id, self._confirmed_fields(row, outcome))

    def _confirmed_fields(self, row: InputRow, outcome: Outcome) -> dict[bytes, bytes]:
        """Return the fields of a row that the ledger may confirm.

        The next run sends a row again that was written in part. The ledger confirms only its id.
        """
        sink = registry.find_sink(row.stream)
        resent = None
        if sink is not None and outcome.confirms_row:
            resent = self.parts.find(sink, row, outcome.parts_to_resend)
        if resent is None:
            return {}
        known = self.ledger.find(row.ledger_key)
        before = known.fields if known else {}
        denied = self.denied_parts.fields(row, outcome.denied, before)
        return {
            **row.fields,
            **dict.fromkeys(resent, UNCONFIRMED),
            **denied,
            **(row.delivery or {}),
        }

    def _key_of(self, row: InputRow) -> bytes:
        return row.ledger_key or self.ledger.hash_key(row.stream, ledger_key_columns(row))


def _with_remarks(outcome: Outcome, remarks: Sequence[str]) -> Outcome:
    """Return an outcome with the row's remarks; "unchanged" with unwritten parts is "skipped"."""
    is_partial = bool(remarks or outcome.parts_to_resend or outcome.denied)
    if not is_partial:
        return outcome
    is_unchanged = outcome.action is Action.UNCHANGED
    action = Action.SKIPPED if is_unchanged and is_partial else outcome.action
    return replace(outcome, action=action, reason=join_reasons([outcome.reason, *remarks]))


def _planned(outcome: Outcome) -> Outcome:
    reason = f"would be {outcome.action.value}"
    reason += f"; {outcome.reason}" if outcome.reason else ""
    native_id = None if is_planned(outcome.id) else outcome.id
    return Outcome(Action.PLANNED, native_id, reason, confirms_row=False, details=outcome.details)
