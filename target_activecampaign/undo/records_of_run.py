"""Reads the records of a run in reverse order, with their entries and present values."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import NotFound, PermissionDenied
from tap_activecampaign_unified.resources.input_values.column_names import fold

from .commerce_and_custom_objects.read_documents import read_documents
from .comparable_values import COLUMN, CREATED, RecordValues
from .journal_tables import BY_ADDRESS, UNCONFIRMED_ID
from .kinds import ACCOUNT, CONTACT, NOTE, RECORDS, UNDELETABLE_KINDS, is_document
from .present_values import PresentValues

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_activecampaign_unified.client import RequestError
    from target_activecampaign.sinks.write_context import WriteContext

    from .commerce_and_custom_objects.last_write_in_undo_file import LastWriteInUndoFile
    from .journal import UndoJournal
    from .journal_tables import Entry, WrittenRow

WINDOW = 100


@dataclass
class RunRecord:
    """A record of a run. ``names`` are the ids of its entries in the undo file.

    A contact may have several names: its id, and its address from before the id was known.
    ``present`` is None if the account does not have the record. ``problem`` is the refusal if the
    key may not read the record.
    """

    kind: str
    id: str
    names: list[str]
    entries: list[Entry] = field(default_factory=list)
    present: RecordValues | None = None
    problem: RequestError | None = None

    @property
    def created_as(self) -> dict[str, Any]:
        """The values with which the run created the record, empty if the run did not create it."""
        created = (entry.after for entry in self.entries if entry.part.name == CREATED)
        return next(created, None) or {}


class RunRecords:
    """Reads the records of a run."""

    def __init__(
        self, context: WriteContext, journal: UndoJournal, run: str, last_write: LastWriteInUndoFile
    ) -> None:
        self._context, self._journal, self._run = context, journal, run
        self._references, self._last_write = context.references, last_write
        self._values = PresentValues(
            context.client, context.clock, context.pool, context.references
        )

    def windows(self) -> Iterator[list[RunRecord]]:
        """Yield up to a hundred records of the same kind at a time, the last written first."""
        window: list[RunRecord] = []
        for kind, native_id in self._journal.records(self._run):
            if window and (window[0].kind != kind or len(window) == WINDOW):
                yield window
                window = []
            window.append(RunRecord(kind, native_id, [native_id]))
        if window:
            yield window

    def load(self, records: list[RunRecord]) -> None:
        """Read the entries of records from the file."""
        for record in records:
            entries: dict[str, Entry] = {}
            for name in record.names:
                for part, entry in self._journal.parts(self._run, record.kind, name).items():
                    other = entries.get(part)
                    entries[part] = _joined(other, entry) if other else entry
            record.entries = list(entries.values())

    def read(self, records: list[RunRecord]) -> list[RunRecord]:
        """Return the records with entries and present values. Merges the names of a contact.

        Raises `RequestError`.
        """
        kind = records[0].kind
        if kind == CONTACT:
            records = self._merge_addresses(records)
            contacts = self._values.read_contacts_now(contact.id for contact in records)
            for record in records:
                record.present = contacts.get(record.id)
        elif is_document(kind):
            self._last_write.wait_before_first_read(kind)
            documents = read_documents(self._context, kind, [row.id for row in records])
            for record in records:
                record.present = documents.get(record.id)
            if kind in UNDELETABLE_KINDS:
                emails = [document.parts.get(f"{COLUMN}email") for document in documents.values()]
                self._references.prefetch_contacts(
                    {"email": str(email)} for email in emails if email
                )
        elif kind in RECORDS:
            self._find_unconfirmed(kind, records)
            with_id = [
                candidate for candidate in records if not candidate.id.startswith(UNCONFIRMED_ID)
            ]
            if kind != NOTE:
                self._values.expect(kind, [candidate.id for candidate in with_id])
            for record in with_id:
                try:
                    record.present = self._values.get(kind, record.id)
                except (NotFound, PermissionDenied) as problem:
                    record.problem = problem
        self.load(records)
        return records

    def _find_unconfirmed(self, kind: str, records: list[RunRecord]) -> None:
        """Find accounts with an unconfirmed create by name. Other such records stay without id."""
        if kind == ACCOUNT:
            for record in records:
                if record.id.startswith(UNCONFIRMED_ID):
                    self.load([record])
                    name = record.created_as.get(f"{COLUMN}name")
                    record.id = self._references.account_named(str(name)) or record.id

    def _merge_addresses(self, records: list[RunRecord]) -> list[RunRecord]:
        """Return the contacts by id; contacts that the run knew by address get their id."""
        addresses = [record.id[1:] for record in records if record.id.startswith(BY_ADDRESS)]
        ids = self._references.contacts_by_email(addresses) if addresses else {}
        merged: dict[str, RunRecord] = {}
        for record in records:
            if record.id.startswith(BY_ADDRESS):
                record.id = ids.get(fold(record.id[1:]), record.id)
            current = merged.setdefault(record.id, record)
            if current is not record:
                current.names += record.names
        return list(merged.values())

    def later(self, record: RunRecord) -> dict[str, list[Entry]]:
        """Return the entries of later runs for a record, by part, with the undone entries."""
        later: dict[str, list[Entry]] = {}
        for name in sorted({*record.names, record.id}):
            for part, entries in self._journal.later(self._run, record.kind, name).items():
                later[part] = [*later.get(part, ()), *entries]
        return later

    def rows(self, record: RunRecord, *, is_of_run: bool) -> list[WrittenRow]:
        """Return the input rows that wrote a record, of this run or of all, the last row first."""
        run = self._run if is_of_run else None
        names = sorted({*record.names, record.id})
        rows = [row for name in names for row in self._journal.rows(record.kind, name, run)]
        return sorted(rows, key=lambda row: -row.number)


def _joined(entry: Entry, other: Entry) -> Entry:
    """Join two entries of a part: the value before the first entry, written by the last."""
    first, last = sorted((entry, other), key=lambda joined: joined.number)
    return replace(last, before=first.before, also=(first.part,))
