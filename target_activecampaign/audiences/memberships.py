"""Members of audiences: who is in this run's input, and who was in the earlier ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_activecampaign.ledger.audience_records import NO_ADDRESS, Member, person_of
from target_activecampaign.lookups.row_contact import contact_of_row

from .presence import Presence

if TYPE_CHECKING:
    from collections.abc import Iterable

    from target_activecampaign.config.write_policy import WritePolicy
    from target_activecampaign.ledger.ledger import Ledger
    from target_activecampaign.lookups.references import References
    from target_activecampaign.records.record import InputRecord


class Memberships:
    """The members of this run's audiences; ``presence`` has who is in the input, by audience."""

    def __init__(self, ledger: Ledger, policy: WritePolicy, references: References) -> None:
        self._ledger, self._records, self._references = ledger, ledger.audiences, references
        if policy.audiences:
            self._records.mark_used()
        self.presence = {name: Presence(ledger, references) for name in policy.audiences}

    def audience_of(self, row: InputRecord) -> str | None:
        """Return the audience of a row, None where its stream is none."""
        return row.input_stream if row.input_stream in self.presence else None

    def note_rows(self, rows: Iterable[InputRecord]) -> None:
        """Note who is in the input, before anything is decided about the rows."""
        for row in rows:
            found = self.presence.get(row.input_stream)
            if found is not None:
                found.add(row)

    def note_contact(self, row: InputRecord, contact: str | None) -> None:
        """Note which contact a row of the input means."""
        name = self.audience_of(row)
        if name is not None and row.number is not None and contact is not None:
            self.presence[name].add_contact(contact)

    def note_confirmed(self, rows: list[InputRecord]) -> None:
        """Note people as members whose rows the ledger knows as confirmed."""
        for name in self.presence:
            mine = [row for row in rows if row.input_stream == name and row.number is not None]
            if not mine:
                continue
            people = self._people_of(mine)
            self._records.prefetch_members(name, [person for _, person, __ in people])
            with self._ledger.transaction():
                for row, person, address in people:
                    self.note_contact(row, None if person.startswith("@") else person)
                    self.join(name, person, address, [row.ledger_key])
            self._records.uncache()

    def _people_of(self, rows: list[InputRecord]) -> list[tuple[InputRecord, str, bytes]]:
        """Return rows with who they mean, and the hash of the address."""
        found = []
        for row in rows:
            email, native_id = contact_of_row(self._references, row)
            address = self._records.address_key(email) if email else NO_ADDRESS
            unborn = person_of(address) if address else ""
            found.append((row, row.known_id or native_id or unborn, address))
        self._records.prefetch_given(person for _, person, __ in found if person.startswith("@"))
        return [
            (row, self._records.given(person).contact or person, address)
            for row, person, address in found
            if person
        ]

    def join(
        self,
        name: str,
        person: str,
        address: bytes,
        keys: Iterable[bytes],
        *,
        is_open: bool | None = None,
    ) -> None:
        """Write a member with what is known now; ``is_open`` None leaves that as it is."""
        before = self._records.member(name, person) or Member(person, NO_ADDRESS)
        member = Member(
            person,
            address or before.address,
            tuple(dict.fromkeys([*before.keys, *keys])),
            before.is_open if is_open is None else is_open,
            before.is_complete,
        )
        self._records.put_member(name, member)

    def give_contact(self, unborn: str, contact: str) -> None:
        """Make the members of an address those of its contact, now that its id is known."""
        for name in self.presence:
            member = self._records.member(name, unborn)
            if member is not None:
                self._records.remove_member(name, unborn)
                self.join(name, contact, member.address, member.keys, is_open=member.is_open)
