"""Notes in the undo file which record each input row of a run wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_activecampaign_unified.resources.input_values.column_names import fold
from target_activecampaign.lookups.records_of_rows import known_contacts
from target_activecampaign.outcome import Action
from target_activecampaign.reporting.results import CHANGED
from target_activecampaign.sinks import registry
from target_activecampaign.undo.journal_tables import BY_ADDRESS, WrittenRow
from target_activecampaign.undo.kinds import CONTACT, KINDS_BY_FAMILY

if TYPE_CHECKING:
    from target_activecampaign.lookups.reference_resolver import ReferenceResolver
    from target_activecampaign.outcome import Outcome
    from target_activecampaign.records.input_row import InputRow
    from target_activecampaign.undo.journal import UndoJournal
    from target_activecampaign.undo.present_values import PresentValues

#: Collections of the definitions that sinks of a family create.
_DEFINITIONS_BY_FAMILY = {"tag": "tags", "list": "lists"}
MAX_BUFFERED = 500
NOT_UNDOABLE = "an undo does not cover this stream; correct the record in ActiveCampaign"


class WrittenRows:
    """Collects the rows that wrote a record, and writes them to the undo file."""

    def __init__(
        self, journal: UndoJournal, run: str, references: ReferenceResolver, values: PresentValues
    ) -> None:
        self._journal, self._run = journal, run
        self._references, self._values = references, values
        self._rows: list[WrittenRow] = []

    def note(self, row: InputRow, outcome: Outcome) -> str | None:
        """Note a row, and return the id of the record that it wrote; None if it wrote none."""
        sink = registry.find_sink(row.stream)
        if sink is None or outcome.action not in CHANGED:
            return None
        kind = KINDS_BY_FAMILY.get(sink.family) or (row.stream if row.document_key else None)
        native_id = row.document_key or self._id_of_row(row, kind, outcome)
        note = None if kind else NOT_UNDOABLE
        if outcome.action is Action.CREATED and sink.family in _DEFINITIONS_BY_FAMILY:
            kind, note = _DEFINITIONS_BY_FAMILY[sink.family], None
        self._rows.append(
            WrittenRow(
                kind or row.stream,
                native_id,
                self._journal.number,
                row.stream,
                row.number,
                row.shown_key or row.key,
                row.ledger_key,
                self._references.foreign_ids.source_of(row),
                note,
            )
        )
        if len(self._rows) >= MAX_BUFFERED:
            self.flush()
        return native_id

    def _id_of_row(self, row: InputRow, kind: str | None, outcome: Outcome) -> str:
        """Return the id of the record that a row wrote, as `note_request` recorded it."""
        if outcome.id or kind != CONTACT:
            return outcome.id or ""
        known = known_contacts(self._references, [row])
        if known.ids:
            return known.ids[0]
        email = next(iter(known.emails), "")
        return self._values.cached_id(email) or BY_ADDRESS + fold(email)

    def flush(self) -> None:
        """Write the collected rows to the file."""
        rows, self._rows = self._rows, []
        self._journal.add_rows(self._run, rows)
