"""The people in the input of an audience's stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_activecampaign.lookups.row_contact import contact_of_row
from target_activecampaign.records.input_row import emails_of, is_delete

if TYPE_CHECKING:
    from target_activecampaign.ledger.audience_records import Member
    from target_activecampaign.ledger.ledger import Ledger
    from target_activecampaign.lookups.reference_resolver import ReferenceResolver
    from target_activecampaign.records.input_row import InputRow


class PeopleInInput:
    """The people of one stream in this run's input, by hashed address and by id."""

    def __init__(self, ledger: Ledger, references: ReferenceResolver) -> None:
        self._ledger, self._references = ledger, references
        self._addresses: set[bytes] = set()
        self._contacts: set[str] = set()

    def __bool__(self) -> bool:
        """Return whether the input has any person."""
        return bool(self._addresses or self._contacts)

    def add(self, row: InputRow) -> None:
        """Add the people of a row: all its addresses, and its id.

        A row of the retry file is not part of the input. A deleted row is no member.
        """
        if row.number is None or is_delete(row):
            return
        records = self._ledger.audiences
        self._addresses.update(records.address_key(email) for email in emails_of(row))
        _, contact = contact_of_row(self._references, row)
        if contact is not None:
            self._contacts.add(contact)

    def add_contact(self, contact: str) -> None:
        """Add the contact of a row of the input."""
        self._contacts.add(contact)

    def includes(self, member: Member) -> bool:
        """Return whether a member is in the input."""
        return member.address in self._addresses or member.person in self._contacts

    def includes_contact(self, contact: str) -> bool:
        """Return whether a row of the input names a contact."""
        return contact in self._contacts
