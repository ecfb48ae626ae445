"""The cost of reading earlier values: the records that rows name, and the requests for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tap_activecampaign_unified.client import FULL_PAGE
from tap_activecampaign_unified.resources.input_values.column_names import fold
from target_activecampaign.client.write_client import is_planned
from target_activecampaign.lookups.row_contact import contact_of_row
from target_activecampaign.records.clean_values import is_nothing
from target_activecampaign.records.input_record import is_delete

from .kinds import CONTACT, ENTITIES, KINDS_BY_FAMILY, NOTE, PRODUCTS, RECORDS
from .present_values import walk_requests

if TYPE_CHECKING:
    from target_activecampaign.lookups.reference_resolver import ReferenceResolver
    from target_activecampaign.records.input_record import InputRecord


@dataclass
class KnownContacts:
    """The contacts that rows name: by id if the row or the ledger has it, else by address."""

    ids: list[str] = field(default_factory=list)
    emails: list[str] = field(default_factory=list)


def known_contacts(references: ReferenceResolver, rows: list[InputRecord]) -> KnownContacts:
    """Return the distinct contacts of rows that write contacts or their associations."""
    ids: dict[str, None] = {}
    emails: dict[str, str] = {}
    for row in rows:
        email, native_id = contact_of_row(references, row)
        native_id = native_id or row.ledger_id
        if native_id and native_id.isdigit():
            ids[native_id] = None
        elif email:
            emails.setdefault(fold(email), email)
    return KnownContacts(list(ids), list(emails.values()))


def known_records(references: ReferenceResolver, family: str, rows: list[InputRecord]) -> list[str]:
    """Return the distinct ids of records that rows name or that the ledger has for the rows."""
    ids: dict[str, None] = {}
    for row in rows:
        id_value = row.record.get("id")
        native_id = row.ledger_id
        if not is_nothing(id_value):
            native_id = references.foreign_ids.resolve(family, str(id_value).strip())
        if native_id and not is_planned(native_id) and not is_delete(row):
            ids[native_id] = None
    return list(ids)


class UndoCost:
    """Counts in a dry run the requests that a real run would need to read the earlier values."""

    def __init__(self, references: ReferenceResolver) -> None:
        self._references, self._client = references, references.client
        self._contacts: set[str] = set()
        self._addresses: set[str] = set()
        self._records: dict[str, set[str]] = {}
        self._products: set[bytes] = set()

    def announce_records(self, family: str, rows: list[InputRecord]) -> None:
        """Note the records that rows would change."""
        kind = KINDS_BY_FAMILY.get(family)
        if kind == CONTACT:
            known = known_contacts(self._references, rows)
            self._contacts.update(known.ids)
            self._addresses.update(map(fold, known.emails))
        elif kind == PRODUCTS:
            self._products.update(row.ledger_key for row in rows)
        elif kind in RECORDS:
            ids = known_records(self._references, family, rows)
            self._records.setdefault(kind, set()).update(ids)

    def requests(self) -> int:
        """Return about how many requests the earlier values take. Raises `RequestError`.

        Orders, subscriptions and records of custom objects need none: the target always reads them
        before it writes them.
        """
        contacts = len(self._contacts) + len(self._addresses)
        count = -(-contacts // FULL_PAGE) + -(-len(self._products) // FULL_PAGE)
        count += self._references.lookup_cost(len(self._addresses))
        for kind, ids in self._records.items():
            walk = None if kind == NOTE else walk_requests(self._client, kind, len(ids))
            per_record = 2 if kind in ENTITIES else 1
            count += per_record * len(ids) if walk is None else walk
        return count
