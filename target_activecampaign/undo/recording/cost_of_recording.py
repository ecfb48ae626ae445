"""Counts the requests that a real run would send to read earlier values for an undo."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_activecampaign_unified.client import FULL_PAGE
from tap_activecampaign_unified.resources.input_values.column_names import fold
from target_activecampaign.lookups.records_of_rows import known_contacts, known_records
from target_activecampaign.undo.kinds import (
    CONTACT,
    ENTITIES,
    KINDS_BY_FAMILY,
    NOTE,
    PRODUCTS,
    RECORDS,
)
from target_activecampaign.undo.present_values import walk_requests

if TYPE_CHECKING:
    from target_activecampaign.lookups.reference_resolver import ReferenceResolver
    from target_activecampaign.records.input_row import InputRow


class UndoCost:
    """Counts in a dry run the requests that a real run would need to read the earlier values."""

    def __init__(self, references: ReferenceResolver) -> None:
        self._references, self._client = references, references.client
        self._contacts: set[str] = set()
        self._addresses: set[str] = set()
        self._records: dict[str, set[str]] = {}
        self._products: set[bytes] = set()

    def announce_records(self, family: str, rows: list[InputRow]) -> None:
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
