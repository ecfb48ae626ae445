"""Reads the present values of records with the fewest requests, shortly before they change.

A request reads a hundred contacts: the contact that changes next, and the contacts that later rows
of the batch name. Deals, accounts and tasks are read as a whole collection if that takes fewer
requests than a read of each record.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import (
    FULL_PAGE,
    NotFound,
    total_of,
    walk_offset,
)
from tap_activecampaign_unified.resources.custom_field_rows import owner_id_of
from tap_activecampaign_unified.resources.input_values.column_names import fold
from target_activecampaign.lookups.contact_values import ContactValuesReader
from target_activecampaign.lookups.custom_fields import VALUE_TABLES

from .comparable_values import COLUMN, RecordValues, values_of_contact, values_of_row
from .kinds import ACCOUNT, CONTACT, DEAL, ENTITIES, RECORDS, TASK

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tap_activecampaign_unified.client import Client, Clock
    from target_activecampaign.concurrency.cooperative_pool import CooperativePool
    from target_activecampaign.lookups.reference_resolver import ReferenceResolver

    from .journal_tables import ValuePart

EMAIL = f"{COLUMN}email"
MAX_CACHED = 5_000
#: The most records of a collection in the cache: the records of a whole batch.
MAX_COLLECTION_CACHED = 10_000
#: Seconds after which cached values are read again if another batch names their record.
FRESH_SECONDS = 60.0


def walk_requests(client: Client, kind: str, expected: int) -> int | None:
    """Return how many requests a read of all records of a kind takes.

    None if single reads of the ``expected`` records take fewer requests. Raises `RequestError`.
    """
    if not FULL_PAGE // 4 < expected <= MAX_COLLECTION_CACHED:
        return None
    paths = [RECORDS[kind].path]
    paths += [VALUE_TABLES[ENTITIES[kind]].path] if kind in ENTITIES else []
    totals = [total_of(client.get(path, [("limit", 1)]).body) for path in paths]
    counts = [total for total in totals if total is not None]
    if len(counts) < len(paths):
        return None
    requests = sum(counts) // FULL_PAGE + 2 * len(paths)
    return requests if requests < expected * len(paths) else None


class PresentValues:
    """The present values of the records that a run is about to change."""

    def __init__(
        self, client: Client, clock: Clock, pool: CooperativePool, references: ReferenceResolver
    ) -> None:
        self._client, self._clock, self._pool = client, clock, pool
        self._references = references
        self._reader = ContactValuesReader(client, pool)
        #: Ids of contacts to read, in the order of their rows.
        self._queued: dict[str, None] = {}
        #: Ids of contacts by folded address, None for an address without a contact.
        self._ids: OrderedDict[str, str | None] = OrderedDict()
        self._cached: OrderedDict[tuple[str, str], tuple[float, RecordValues | None]] = (
            OrderedDict()
        )
        self._expected = dict.fromkeys((DEAL, ACCOUNT, TASK), frozenset[str]())
        self._collections_read: set[str] = set()

    # --- contacts ---------------------------------------------------------------------------

    def expect_contacts(self, ids: Iterable[str], emails: Iterable[str]) -> None:
        """Note the contacts of a batch; look up the ids of addresses."""
        wanted = {fold(email): email for email in emails}
        ids_by_email = self._references.contacts_by_email(wanted.values()) if wanted else {}
        for key in wanted:
            self._note_id(key, ids_by_email.get(key))
        now = self._clock.monotonic()
        for native_id in (*ids, *ids_by_email.values()):
            read_at, _ = self._cached.get((CONTACT, native_id), (now - FRESH_SECONDS, None))
            if now - read_at >= FRESH_SECONDS:
                self._cached.pop((CONTACT, native_id), None)
                self._queued[native_id] = None

    def contact_id(self, email: str) -> str | None:
        """Return the id that an address's contact had before the run wrote to it."""
        key = fold(email)
        while key not in self._ids and self._queued:
            self._read_contacts(next(iter(self._queued)))
        if key not in self._ids:
            self._note_id(key, self._references.contacts_by_email([email]).get(key))
        return self._ids[key]

    def cached_id(self, email: str) -> str | None:
        """Return the id of an address's contact if the cache has it. Sends no request."""
        return self._ids.get(fold(email))

    def note_contact(self, email: str, native_id: str) -> None:
        """Note the id of a contact that the run created."""
        self._note_id(fold(email), native_id)

    def note_new_addresses(self, values: Iterable[tuple[ValuePart, Any, Any]]) -> None:
        """Note the addresses among values that the run changed: part, former and new value."""
        for part, former, new in values:
            if part.kind == CONTACT and part.name == EMAIL:
                if self._ids.get(fold(str(former))) == part.id:
                    del self._ids[fold(str(former))]
                self._note_id(fold(str(new)), part.id)

    def _note_id(self, key: str, native_id: str | None) -> None:
        self._ids[key] = native_id
        if len(self._ids) > MAX_CACHED * 10:
            self._ids.popitem(last=False)

    def _read_contacts(self, first: str) -> None:
        """Read a contact together with the next queued contacts."""
        with self._pool.named_lock("earlier values"):
            if (CONTACT, first) in self._cached:
                return
            others = (queued for queued in self._queued if queued != first)
            chunk = [first, *itertools.islice(others, FULL_PAGE - 1)]
            contacts = self._reader.read(chunk)
            for native_id in chunk:
                self._queued.pop(native_id, None)
                contact = contacts.get(native_id)
                values = values_of_contact(contact) if contact is not None else None
                self._cache(CONTACT, native_id, values)
                email = str(values.native.get("email") or "") if values is not None else ""
                if email and self._ids.get(fold(email)) is None:
                    self._note_id(fold(email), native_id)

    def read_contacts_now(self, ids: Iterable[str]) -> dict[str, RecordValues]:
        """Return the values of existing contacts at this moment, by id."""
        contacts = self._reader.read(ids)
        return {native_id: values_of_contact(contact) for native_id, contact in contacts.items()}

    # --- any record -------------------------------------------------------------------------

    def expect(self, kind: str, ids: Iterable[str]) -> None:
        """Note the deals, accounts or tasks of a batch. Their number decides how to read them."""
        self._expected[kind] = wanted = frozenset(ids)
        for native_id in wanted:
            self._cached.pop((kind, native_id), None)
        self._collections_read.discard(kind)

    def get(self, kind: str, native_id: str) -> RecordValues | None:
        """Return a record's values before the run's next change, None if it does not exist."""
        key = (kind, native_id)
        if key not in self._cached:
            if kind == CONTACT:
                self._read_contacts(native_id)
            else:
                self._read(kind, native_id)
        return self._cached[key][1]

    def cached(self, kind: str, native_id: str) -> RecordValues | None:
        """Return a record's values in the cache, None if the cache has none."""
        return self._cached.get((kind, native_id), (0.0, None))[1]

    def invalidate(self, kind: str, native_id: str) -> None:
        """Remove a record from the cache, so that its next use reads it again."""
        self._cached.pop((kind, native_id), None)

    def _cache(self, kind: str, native_id: str, values: RecordValues | None) -> None:
        self._cached[kind, native_id] = (self._clock.monotonic(), values)
        if len(self._cached) > (MAX_CACHED if kind == CONTACT else MAX_COLLECTION_CACHED):
            self._cached.popitem(last=False)

    def _read(self, kind: str, native_id: str) -> None:
        with self._pool.named_lock("earlier values", kind):
            if kind in self._expected and kind not in self._collections_read:
                self._collections_read.add(kind)
                self._read_collection(kind)
            if (kind, native_id) not in self._cached:
                self._cache(kind, native_id, self._read_single(kind, native_id))

    def _read_single(self, kind: str, native_id: str) -> RecordValues | None:
        """Return the values of a record, None if it does not exist.

        Raises `RequestError` if the key may not read the record: it may exist.
        """
        collection = RECORDS[kind]
        try:
            row = self._client.get(f"{collection.path}/{native_id}").body.get(collection.wrapper)
        except NotFound as problem:
            if problem.is_endpoint:
                raise
            return None
        if not isinstance(row, dict):
            return None
        entity = ENTITIES.get(kind)
        fields = self._references.custom_values_of(entity, native_id) if entity else []
        return values_of_row(kind, row, fields)

    def _read_collection(self, kind: str) -> None:
        """Read all records of a kind if single reads would take more requests."""
        wanted = self._expected[kind]
        if walk_requests(self._client, kind, len(wanted)) is None:
            return
        fields: dict[str, list[dict[str, Any]]] = {}
        if kind in ENTITIES:
            table = VALUE_TABLES[ENTITIES[kind]]
            for page in walk_offset(self._client, table.path, table.key):
                for row in page.rows:
                    owner = owner_id_of(row, ENTITIES[kind])
                    if owner in wanted:
                        fields.setdefault(owner, []).append(row)
        path = RECORDS[kind].path
        for page in walk_offset(self._client, path, path):
            for row in page.rows:
                native_id = str(row.get("id"))
                if native_id in wanted:
                    self._cache(
                        kind, native_id, values_of_row(kind, row, fields.get(native_id, ()))
                    )
