"""The members of audiences: people in this run's input, and people in earlier inputs."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from target_activecampaign.ledger.audience_records import NO_ADDRESS, Member, placeholder_of
from target_activecampaign.lookups.row_contact import contact_of_row

from .delivering_streams import DeliveringStreams
from .people_in_input import PeopleInInput

if TYPE_CHECKING:
    from collections.abc import Iterable

    from target_activecampaign.config.write_policy import WritePolicy
    from target_activecampaign.ledger.ledger import Ledger
    from target_activecampaign.lookups.reference_resolver import ReferenceResolver
    from target_activecampaign.records.input_row import InputRow

logger = logging.getLogger(__name__)

FORMER_AUDIENCE = (
    "Stream %s was an audience in an earlier run, and audiences does not name it: no one leaves, "
    "and the target keeps what this run grants"
)


class AudienceMembers:
    """Notes the people in the input of each audience as members in the ledger.

    ``people_in_input`` has the people of each audience. ``deliveries`` marks rows with the streams
    that delivered them.
    """

    def __init__(self, ledger: Ledger, policy: WritePolicy, references: ReferenceResolver) -> None:
        self._ledger, self._records, self._references = ledger, ledger.audiences, references
        if policy.audiences:
            self._records.mark_used()
        self.people_in_input = {
            name: PeopleInInput(ledger, references) for name in policy.audiences
        }
        #: The audiences of earlier runs that this run does not have, and that had no row yet.
        self._former = set(self._records.audiences()) - policy.audiences.keys()
        self.deliveries = DeliveringStreams(ledger, {*self._former, *policy.audiences})

    def audience_of(self, row: InputRow) -> str | None:
        """Return the audience of a row, None if its stream is no audience."""
        return row.input_stream if row.input_stream in self.people_in_input else None

    def note_rows(self, rows: Iterable[InputRow]) -> None:
        """Note the people of rows, before the rows are finished or written."""
        for row in rows:
            people = self.people_in_input.get(row.input_stream)
            if people is not None:
                people.add(row)
            elif row.input_stream in self._former:
                self._former.discard(row.input_stream)
                logger.warning(FORMER_AUDIENCE, row.input_stream)

    def note_contact(self, row: InputRow, contact: str | None) -> None:
        """Note the contact of a row of the input."""
        name = self.audience_of(row)
        if name is not None and row.number is not None and contact is not None:
            self.people_in_input[name].add_contact(contact)

    def note_confirmed(self, rows: list[InputRow]) -> None:
        """Make the people of rows members whose rows the ledger confirms."""
        for name in self.people_in_input:
            in_audience = [
                row for row in rows if row.input_stream == name and row.number is not None
            ]
            if not in_audience:
                continue
            people = self._people_of(in_audience)
            self._records.prefetch_members(name, [person for _, person, __ in people])
            with self._ledger.transaction():
                for row, person, address in people:
                    self.note_contact(row, None if person.startswith("@") else person)
                    self.put_member(name, person, address, [row.ledger_key])
                    self.deliveries.add(row)
            self._records.uncache()

    def _people_of(self, rows: list[InputRow]) -> list[tuple[InputRow, str, bytes]]:
        """Return each row with its person and the hash of the address."""
        people = []
        for row in rows:
            email, native_id = contact_of_row(self._references, row)
            address = self._records.hashed_address(email)
            placeholder = placeholder_of(address) if address else ""
            people.append((row, row.ledger_id or native_id or placeholder, address))
        self._records.prefetch_grants(person for _, person, __ in people if person.startswith("@"))
        return [
            (row, self._records.grants_of(person).contact or person, address)
            for row, person, address in people
            if person
        ]

    def put_member(
        self,
        name: str,
        person: str,
        address: bytes,
        keys: Iterable[bytes],
        *,
        is_pending: bool | None = None,
    ) -> None:
        """Add a member or update it. ``is_pending`` None keeps the member's value."""
        before = self._records.member(name, person) or Member(person, NO_ADDRESS)
        member = Member(
            person,
            address or before.address,
            tuple(dict.fromkeys([*before.keys, *keys])),
            before.is_pending if is_pending is None else is_pending,
            before.is_complete,
        )
        self._records.put_member(name, member)

    def move_to_contact(self, placeholder: str, contact: str) -> None:
        """Replace the member of an address by a member of its contact, whose id is known now."""
        for name in self.people_in_input:
            member = self._records.member(name, placeholder)
            if member is not None:
                self._records.remove_member(name, placeholder)
                self.put_member(
                    name, contact, member.address, member.keys, is_pending=member.is_pending
                )
