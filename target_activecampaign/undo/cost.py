"""What it costs to read earlier values: the records that rows name, and the requests for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tap_activecampaign_unified.client import FULL_PAGE
from tap_activecampaign_unified.resources.parsing.names import fold
from target_activecampaign.client.write_client import is_planned
from target_activecampaign.lookups.row_contact import contact_of_row
from target_activecampaign.records.clean import is_nothing
from target_activecampaign.records.record import is_delete

from .documents.kinds import ORDERS, PRODUCTS, SUBSCRIPTIONS
from .present_values import walk_requests
from .record_values import ACCOUNT, CONTACT, DEAL, ENTITIES, NOTE, TASK

if TYPE_CHECKING:
    from collections.abc import Iterable

    from target_activecampaign.lookups.references import References
    from target_activecampaign.records.record import InputRecord

#: The kind of record that a sink's rows write; those of a custom object write their own kind.
RECORD_KINDS = {
    "contact": CONTACT,
    "contact_tag": CONTACT,
    "membership": CONTACT,
    "deal": DEAL,
    "account": ACCOUNT,
    "note": NOTE,
    "task": TASK,
    "product": PRODUCTS,
    "order": ORDERS,
    "order_line": ORDERS,
    "subscription": SUBSCRIPTIONS,
}
#: The kinds whose records are read by id before they change.
BY_ID = (DEAL, ACCOUNT, NOTE, TASK)


@dataclass
class KnownContacts:
    """The contacts that rows name: by id where the row or the ledger has one, else by address."""

    ids: list[str] = field(default_factory=list)
    emails: list[str] = field(default_factory=list)


def known_contacts(references: References, rows: list[InputRecord]) -> KnownContacts:
    """Return the contacts that rows of contacts or of their associations name, each once."""
    ids: dict[str, None] = {}
    emails: dict[str, str] = {}
    for row in rows:
        email, native_id = contact_of_row(references, row)
        native_id = native_id or row.known_id
        if native_id and native_id.isdigit():
            ids[native_id] = None
        elif email:
            emails.setdefault(fold(email), email)
    return KnownContacts(list(ids), list(emails.values()))


def known_records(references: References, family: str, rows: list[InputRecord]) -> list[str]:
    """Return the ids of the records that rows name or that the ledger knows."""
    found: dict[str, None] = {}
    for row in rows:
        source = row.record.get("id")
        native_id = row.known_id
        if not is_nothing(source):
            native_id = references.foreign_ids.resolve(family, str(source).strip())
        if native_id and not is_planned(native_id) and not is_delete(row):
            found[native_id] = None
    return list(found)


class UndoCost:
    """Counts in a dry run the requests that reading the earlier values would take."""

    def __init__(self, references: References) -> None:
        self._references, self._client = references, references.client
        self._contacts: set[str] = set()
        self._addresses: set[str] = set()
        self._records: dict[str, set[str]] = {}
        self._products: set[bytes] = set()

    def expect(self, family: str, rows: list[InputRecord]) -> None:
        """Note the records that rows would change."""
        kind = RECORD_KINDS.get(family)
        if kind == CONTACT:
            known = known_contacts(self._references, rows)
            self._contacts.update(known.ids)
            self._addresses.update(map(fold, known.emails))
        elif kind == PRODUCTS:
            self._products.update(row.ledger_key for row in rows)
        elif kind in BY_ID:
            ids = known_records(self._references, family, rows)
            self._records.setdefault(kind, set()).update(ids)

    def note_imported(self, email: str, native_id: str) -> None:
        """Note nothing: a dry run imports no contact."""

    def note_leavers(self, leavers: Iterable[tuple[str, str, dict[str, str]]]) -> None:
        """Note nothing: what people who leave would lose costs no request of its own."""

    def requests(self) -> int:
        """Return about how many requests it takes. Raises `RequestError`.

        Orders, subscriptions and records of custom objects are read before they change in any case.
        """
        found = len(self._contacts) + len(self._addresses)
        count = -(-found // FULL_PAGE) + -(-len(self._products) // FULL_PAGE)
        count += self._references.lookup_cost(len(self._addresses))
        for kind, ids in self._records.items():
            walk = None if kind == NOTE else walk_requests(self._client, kind, len(ids))
            each = 2 if kind in ENTITIES else 1
            count += each * len(ids) if walk is None else walk
        return count
