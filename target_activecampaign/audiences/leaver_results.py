"""Gives people who left an audience their results: revoked grants, and reasons to keep others."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from target_activecampaign.outcome import Action, Outcome, join_reasons
from target_activecampaign.sinks.write_context import RowResults

if TYPE_CHECKING:
    from target_activecampaign.outcome import RowDeferred
    from target_activecampaign.records.input_row import InputRow

    from .report import AudienceReport
    from .revocation_plan import Leaver

LEFT = "left the audience"
STILL_A_MEMBER = "still in the audience"
NOTHING_TO_REVOKE = "there was nothing to take back"


class OpenRows(RowResults, Protocol):
    """Takes the results of leavers, who are in no row of the input: `RowFinisher`."""

    faulty_streams: set[str]

    def note_refusal(self, reason: str) -> None:
        """Note why no person may leave an audience."""

    def open(self, rows: list[InputRow]) -> None:
        """Expect a result for each of these rows."""


class LeaverResults:
    """Gives leavers their results. ``done`` has the `id` of the row of each person who left.

    A person is still a member if a removal was refused, failed or carried out in part.
    """

    def __init__(self, rows: OpenRows, leavers: list[Leaver], report: AudienceReport) -> None:
        self._rows, self._report = rows, report
        self._leavers = {id(leaver.row_request.row): leaver for leaver in leavers}
        self.done: set[int] = set()

    def finish(self, row: InputRow, outcome: Outcome) -> None:
        """Give a row its result, from the outcome of the write.

        * Complete, and updated, unchanged or skipped: the result is updated, and the person left.
          ``kept`` is the reason why the person keeps something.
        * Updated, but not complete: the result is updated with the reason. The person is a member.
        * Any other outcome: the result has its action and its reason. The person is a member.

        A complete outcome confirms the row, and has no `denied` parts, no `parts_to_resend` and no
        `blocks_state`. A failed row stops the state before it.
        """
        is_complete = outcome.confirms_row and not (
            outcome.denied or outcome.parts_to_resend or outcome.blocks_state
        )
        if outcome.action is Action.SKIPPED and is_complete:
            outcome = replace(outcome, action=Action.UNCHANGED)
        is_done = is_complete and outcome.action in {Action.UPDATED, Action.UNCHANGED}
        leaver = self._leavers[id(row)]
        details: dict[str, Any] = {"audience": row.input_stream}
        if is_done or outcome.action is Action.UPDATED:
            details["taken_back"] = leaver.revoked_names
            self._report.revoked.update(leaver.revoked_texts)
        reason = join_reasons([STILL_A_MEMBER, outcome.reason])
        if is_done:
            kept = outcome.reason
            if outcome.action is Action.UNCHANGED:
                kept = kept or NOTHING_TO_REVOKE
            if kept is not None:
                self._report.kept[kept] += 1
            details["kept"] = kept
            outcome, reason = replace(outcome, action=Action.UPDATED), LEFT
            self.done.add(id(row))
        # A failed row holds back the state, so that the retry file does not keep it: the ledger has
        # the people who still have to leave.
        held = outcome.blocks_state or outcome.action is Action.FAILED
        outcome = replace(
            outcome, reason=reason, confirms_row=False, blocks_state=held, details=details
        )
        self._rows.finish(row, outcome)

    def defer(self, row: InputRow, deferred: RowDeferred) -> None:
        """Defer a row, as `RowResults` requires. No row of a leaver refers to another record."""
        self._rows.defer(row, deferred)

    def defer_if_behind(self, row: InputRow) -> bool:
        """Defer a row, as `RowResults` requires."""
        return self._rows.defer_if_behind(row)
