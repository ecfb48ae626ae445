"""Records the values that a run replaces, before each write request.

Before each request, the write client calls `note_request`, or `note_documents` if the request
replaces whole records. Afterwards it calls `confirm_request` or `withdraw_request`. It records no
request of the stream `raw_requests`. A record whose id is not known yet has a temporary id
(`journal_tables.py`: `UNCONFIRMED_ID`, `BY_ADDRESS`). The recorder renames its entries as soon as a
response has the id.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.resources.input_values.column_names import fold
from target_activecampaign.client.duplicates import is_duplicate
from target_activecampaign.lookups.records_of_rows import known_contacts, known_records
from target_activecampaign.undo.commerce_and_custom_objects.last_write_in_undo_file import (
    LastWriteInUndoFile,
)
from target_activecampaign.undo.comparable_values import (
    ACCOUNT_LINK,
    COLUMN,
    CREATED,
    DELETED,
    LIST,
    TAG,
    TAG_NAME,
    RecordValues,
)
from target_activecampaign.undo.decisions.list_status_decision import stamp_of
from target_activecampaign.undo.journal_tables import (
    BY_ADDRESS,
    UNCONFIRMED_ID,
    ValuePart,
)
from target_activecampaign.undo.kinds import CONTACT, DEFINITIONS, KINDS_BY_FAMILY, NOTE, RECORDS
from target_activecampaign.undo.present_values import PresentValues

from .changes_of_write_request import RecordChange, changes_of
from .confirmed_values import confirmed_value
from .written_rows import WrittenRows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from tap_activecampaign_unified.client import ApiResponse, Client, Clock, RequestError
    from target_activecampaign.client.write_client import DocumentChange
    from target_activecampaign.concurrency.cooperative_pool import CooperativePool
    from target_activecampaign.lookups.reference_resolver import ReferenceResolver
    from target_activecampaign.outcome import Outcome
    from target_activecampaign.records.input_row import InputRow
    from target_activecampaign.undo.journal import UndoJournal
    from target_activecampaign.undo.journal_tables import Mark

    Value = tuple[ValuePart, Any, Any]

#: An undo sends orders as historical, to start no automation: it never restores their source.
NEVER_PUT_BACK = {f"{COLUMN}creationSource"}


class UndoRecorder:
    """Records the values that a run replaces, and the input rows that replaced them.

    ``server_time`` returns the account's clock in seconds since the epoch.
    """

    def __init__(
        self,
        journal: UndoJournal,
        run: str,
        *,
        client: Client,
        clock: Clock,
        pool: CooperativePool,
        references: ReferenceResolver,
        server_time: Callable[[], float],
    ) -> None:
        self._journal, self._run = journal, run
        self._last_write = LastWriteInUndoFile(journal, clock)
        #: The number of recorded requests that ActiveCampaign did not refuse.
        self._unrefused_requests = 0
        self._references, self._server_time = references, server_time
        self._values = PresentValues(client, clock, pool, references)
        self._local = threading.local()
        self._rows = WrittenRows(journal, run, references, self._values)
        #: The time before each import of a new contact and each upsert that creates a record: by
        #: the contact's temporary id, and by the record's key.
        self._created_since: dict[str, float] = {}
        #: Subscriptions and unsubscriptions sent to the importer, with their time, by contact id.
        self._imported: dict[str, list[tuple[ValuePart, Any, float]]] = {}

    @property
    def run(self) -> str:
        """The id of the run."""
        return self._run

    @property
    def has_changes(self) -> bool:
        """Whether the run replaced a value or created a record, perhaps without a response."""
        return self._unrefused_requests > 0

    # --- a batch ----------------------------------------------------------------------------

    def announce_records(self, family: str, rows: list[InputRow]) -> None:
        """Note the records that rows change next; look up contacts. Raises `RequestError`."""
        kind = KINDS_BY_FAMILY.get(family)
        if kind == CONTACT:
            known = known_contacts(self._references, rows)
            self._values.expect_contacts(known.ids, known.emails)
        elif kind in RECORDS and kind != NOTE:
            self._values.expect(kind, known_records(self._references, family, rows))

    def note_leavers(self, leavers: Iterable[tuple[str, str, dict[str, str]]]) -> None:
        """Note the grants of people who leave an audience, so that an undo restores them."""
        self._journal.add_leavers(self._run, leavers)

    # --- requests ---------------------------------------------------------------------------

    def note_request(self, method: str, path: str, body: Any, about: str | None) -> list[Value]:
        """Record values before a request; return those that it writes. Raises `RequestError`."""
        values: list[Value] = []
        for change in changes_of(method, path, body, about):
            values += self._values_of(change)
        self._record(values)
        return values

    def note_documents(self, changes: Sequence[DocumentChange]) -> list[Value]:
        """Record the values before a request that replaces whole records, like `note_request`."""
        values: list[Value] = []
        for change in changes:
            after = {COLUMN + name: value for name, value in change.after.items()}
            if change.before is None:
                self._created_since[change.key] = self._server_time()
                values.append((ValuePart(change.stream, change.key, CREATED), None, after))
                continue
            before = {COLUMN + name: value for name, value in change.before.items()}
            for name in sorted((before.keys() | after.keys()) - NEVER_PUT_BACK):
                if before.get(name) != after.get(name):
                    part = ValuePart(change.stream, change.key, name)
                    values.append((part, before.get(name), after.get(name)))
        self._record(values)
        self._last_write.note_write(part.kind for part, _, __ in values)
        return values

    def _record(self, values: list[Value]) -> None:
        if values:
            self._unrefused_requests += 1
            self._journal.record(self._run, values)

    def withdraw_request(self, values: list[Value], problem: RequestError) -> None:
        """Remove the entries of a request that ActiveCampaign refused.

        They stay if it refused a duplicate: a first attempt of the request may have succeeded.
        """
        parts = [part for part, _, __ in values]
        if is_duplicate(problem):
            self._journal.note_duplicates(self._run, parts)
        else:
            self._unrefused_requests -= 1
            self._journal.discard(self._run, parts)

    def confirm_request(self, values: list[Value], answer: ApiResponse) -> None:
        """Record the success of a request, the ids of created records, and marks of statuses."""
        confirmed = [
            confirmed_value(
                part,
                value,
                answer,
                earlier_status=self._mark_of_earlier_status(part),
                since=self._created_since.pop(part.id, 0.0) if part.name == CREATED else 0.0,
            )
            for part, _, value in values
        ]
        self._journal.confirm(self._run, confirmed)
        self._values.note_new_addresses(values)
        created = [part for part, _, __ in values if part.name == CREATED]
        if len(created) == 1:  # a response to several creates does not say which id is whose
            self._note_id(created[0], answer)

    def _values_of(self, change: RecordChange) -> list[Value]:
        """Return each part of a change, with its value before and after the change.

        A new record has the part `CREATED` under a temporary id. The values of kinds that an undo
        does not restore, and of deleted records, are not read: their value before is None.
        """
        if change.kind != CONTACT and change.id is None:
            return [(ValuePart(change.kind, self._temporary_id(), CREATED), None, change.created)]
        native_id = self._id_of(change)
        is_covered = change.kind in RECORDS and DELETED not in change.parts
        current = self._values.get(change.kind, native_id) if native_id and is_covered else None
        if native_id is None or (change.created is not None and current is None):
            return self._new_contact(change)
        values = []
        for name, after in self._named_parts(change, native_id, current).items():
            before = current.get(name) if current is not None else None
            values.append((ValuePart(change.kind, native_id, name), before, after))
        self._note_import(change, native_id)
        return values

    def _id_of(self, change: RecordChange) -> str | None:
        """Return the id of the record of a change, None for a contact that does not exist."""
        email = change.email or (change.id if "@" in (change.id or "") else None)
        return self._values.contact_id(email) if email else change.id

    def _new_contact(self, change: RecordChange) -> list[Value]:
        """Return the values of a contact that the account does not have yet."""
        temporary_id = BY_ADDRESS + fold(change.email or "")
        self._note_import(change, temporary_id)
        values: list[Value] = [(ValuePart(CONTACT, temporary_id, CREATED), None, change.created)]
        for name, after in self._named_parts(change, temporary_id, None).items():
            if name.startswith((TAG, TAG_NAME, LIST)) or name == ACCOUNT_LINK:
                values.append((ValuePart(CONTACT, temporary_id, name), None, after))
        return values

    def _named_parts(
        self, change: RecordChange, native_id: str, current: RecordValues | None
    ) -> dict[str, Any]:
        """Return the parts of a change, with ids in place of names that the account knows."""
        parts: dict[str, Any] = {}
        for name, after in change.parts.items():
            if name == TAG and change.link:
                parts |= self._tag_of(native_id, current, change.link)
            elif name.startswith(TAG_NAME):
                rows = self._references.find_by_name("tag", name.removeprefix(TAG_NAME))
                parts[TAG + str(rows[0]["id"]) if rows else name] = after
            elif name == ACCOUNT_LINK and after is not None:
                parts[name] = self._link_of(native_id, current, after)
            else:
                parts[name] = after
        return parts

    def _tag_of(
        self, native_id: str, current: RecordValues | None, association: str
    ) -> dict[str, Any]:
        """Return the part of a tag that a request removes by the id of its association."""
        for is_second_read in (False, True):
            if is_second_read:  # this run may have added the tag after the first read
                self._values.invalidate(CONTACT, native_id)
                current = self._values.get(CONTACT, native_id)
            tags = (
                current.contact.tags if current is not None and current.contact is not None else {}
            )
            for tag, tag_association in tags.items():
                if tag_association == association:
                    return {TAG + tag: None}
        return {}

    def _link_of(
        self, native_id: str, current: RecordValues | None, after: dict[str, Any]
    ) -> dict[str, Any]:
        """Return the whole account link after a change. The importer sends no account id."""
        written = self._journal.parts(self._run, CONTACT, native_id).get(ACCOUNT_LINK)
        before = current.get(ACCOUNT_LINK) if current is not None else None
        if written:
            before = written.after
        link = {"title": "", **(before or {}), **after}
        if "name" in after:
            link.pop("account", None)
        elif "account" in after:
            link.pop("name", None)
        return link

    def _note_import(self, change: RecordChange, native_id: str) -> None:
        if change.is_import:
            now = self._server_time()
            if native_id.startswith(BY_ADDRESS):
                self._created_since[native_id] = now
            self._imported[native_id] = [
                (ValuePart(CONTACT, native_id, name), after, now)
                for name, after in change.parts.items()
                if name.startswith(LIST)
            ]

    def _mark_of_earlier_status(self, part: ValuePart) -> Mark:
        """Return a mark with the stamp of a list status before the run's request, as ``was``."""
        current = self._values.cached(part.kind, part.id)
        lists = current.contact.lists if current is not None and current.contact is not None else {}
        status = lists.get(part.name.removeprefix(LIST))
        return {"was": stamp_of(status)} if status is not None else {}

    # --- created records --------------------------------------------------------------------

    @contextlib.contextmanager
    def creating(self, name: str | None = None) -> Iterator[None]:
        """Record the creates of the block under a temporary id, for `note_created`.

        The temporary id ends with ``name``, or is random without a name.
        """
        former = getattr(self._local, "temporary_id", None)
        self._local.temporary_id = UNCONFIRMED_ID + (name or secrets.token_hex(8))
        try:
            yield
        finally:
            self._local.temporary_id = former

    def note_created(self, native_id: str) -> None:
        """Replace the temporary id of `creating` by the created record's id, in all runs.

        The caller does not say the record's kind. Only entries of that kind have the temporary id.
        """
        temporary_id = getattr(self._local, "temporary_id", None)
        if temporary_id is not None:
            for kind in (*RECORDS, *DEFINITIONS):
                self._journal.rename(kind, temporary_id, native_id)

    def note_imported(self, email: str, native_id: str) -> None:
        """Note the id of a contact that the importer created."""
        temporary_id = BY_ADDRESS + fold(email)
        self._values.note_contact(email, native_id)
        self._journal.rename(CONTACT, temporary_id, native_id, self._run)
        parts = self._imported.pop(temporary_id, None)
        if parts:
            self._imported[native_id] = [
                (part._replace(id=native_id), after, at) for part, after, at in parts
            ]

    def _temporary_id(self) -> str:
        return getattr(self._local, "temporary_id", None) or UNCONFIRMED_ID + secrets.token_hex(8)

    def _note_id(self, part: ValuePart, answer: ApiResponse) -> None:
        collection = RECORDS.get(part.kind) or DEFINITIONS.get(part.kind)
        row = answer.body.get(collection.wrapper) if collection is not None else None
        if not isinstance(row, dict) or not row.get("id"):
            return
        native_id = str(row["id"])
        self._journal.rename(part.kind, part.id, native_id)
        if part.kind == CONTACT:
            self._values.note_contact(part.id.removeprefix(BY_ADDRESS), native_id)
        self._values.invalidate(part.kind, native_id)

    # --- rows -------------------------------------------------------------------------------

    def note_row(self, row: InputRow, outcome: Outcome) -> None:
        """Note the record that a row wrote. `flush` writes the noted rows to the file."""
        native_id = self._rows.note(row, outcome)
        if native_id is not None:
            self._end_import(native_id)

    def _end_import(self, native_id: str) -> None:
        """Record the end of the interval in which the importer changed a contact's statuses."""
        parts = self._imported.pop(native_id, None)
        if parts:
            until = self._server_time()
            self._journal.confirm(
                self._run,
                [
                    (
                        part,
                        value,
                        {"since": at, "until": until, **self._mark_of_earlier_status(part)},
                    )
                    for part, value, at in parts
                ],
            )

    def flush(self) -> None:
        """Write the noted rows to the file."""
        self._rows.flush()

    def close(self) -> None:
        """Write the noted rows, and close the file."""
        with contextlib.closing(self._journal):
            self.flush()
