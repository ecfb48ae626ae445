"""Notes in the ledger what streams give to contacts, so that it can be taken back.

What a contact had before is read before the first write of it and never noted. The notes are in
the ledger before a request goes out: of what a killed run gave, nothing is unknown.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.resources.parsing.names import fold
from target_activecampaign.client.write_client import is_planned
from target_activecampaign.ledger.audience_records import NO_ADDRESS, Given, person_of
from target_activecampaign.sinks.contacts.change import GiftNotes

from .tokens import began_after, create_tags, has_before, removed_tokens, requested_tokens, split

if TYPE_CHECKING:
    from collections.abc import Iterable

    from target_activecampaign.ledger.ledger import Ledger
    from target_activecampaign.lookups.contact_values import ContactValues, ContactValuesReader
    from target_activecampaign.records.record import InputRecord
    from target_activecampaign.sinks.contacts.change import ContactChange
    from target_activecampaign.sinks.context import WriteContext

    from .memberships import Memberships

# Bounds the values that are in memory at once.
MOST_READ = 1_000


@dataclass(frozen=True)
class _Request:
    """What one row gives: its token, the request of the change, a field's value as normal text."""

    row: InputRecord
    request: str
    token: str
    text: str


@dataclass
class AudienceReport:
    """What became of an audience: its members before, those who left, and what they lost.

    ``reason`` says why no one left, None where people may leave.
    """

    members: int = 0
    leaving: int = 0
    left: int = 0
    taken: Counter[str] = field(default_factory=Counter)
    reason: str | None = None

    def document(self) -> dict[str, Any]:
        """Return it as JSON, without anybody's values."""
        return {
            "members": self.members,
            "leaving": self.leaving,
            "left": self.left,
            "taken_back": dict(self.taken.most_common(100)),
            "reason": self.reason,
        }


class GiftRecorder:
    """Notes what audiences give, and of other streams what an audience gave to the contact too.

    It does nothing in an account that never had an audience.
    """

    def __init__(
        self,
        ledger: Ledger,
        memberships: Memberships,
        reader: ContactValuesReader,
        *,
        is_dry_run: bool,
    ) -> None:
        self._ledger, self._records, self.members = ledger, ledger.audiences, memberships
        self.reader = reader
        self._is_dry = is_dry_run
        self.is_active = self._records.is_used and not is_dry_run
        #: What became of each audience of the run, by name.
        self.reports: dict[str, AudienceReport] = {}

    def document(self) -> dict[str, Any]:
        """Return what became of each audience, for the run report."""
        return {name: report.document() for name, report in self.reports.items()}

    def giver_of(self, row: InputRecord) -> str:
        """Return the name under which a row's stream gives."""
        name = self.members.audience_of(row)
        return f"stream:{row.input_stream}" if name is None else audience_giver(name)

    # --- before a write ---------------------------------------------------------------------

    def before_write(self, context: WriteContext, changes: list[ContactChange]) -> None:
        """Note what changes will give, and set the ids of the contacts that the account has.

        Raises `RequestError` where the present values cannot be read.
        """
        mine: list[ContactChange] = []
        others: list[ContactChange] = []
        for change in changes:
            if not change.takes_back:
                is_mine = any(self.members.audience_of(part.row) for part in change.parts)
                (mine if is_mine else others).append(change)
        if self._is_dry:
            self._note_present(mine)
        if not self.is_active:
            return
        # All at once: many addresses are looked up by one reading of all contacts.
        self._find_contacts(context, [change for change in mine if change.known_id is None])
        for at in range(0, len(mine), MOST_READ):
            self._note_gifts(context, mine[at : at + MOST_READ])
        for at in range(0, len(others), MOST_READ):
            self._note_holders(context, others[at : at + MOST_READ])

    def _note_gifts(self, context: WriteContext, changes: list[ContactChange]) -> None:
        values = self._read_values(context, changes)
        create_tags(context, changes)
        # No request is sent inside of the transaction: other threads would write into it.
        found = [(change, *self._requests_of(context, change)) for change in changes]
        addresses = [self._address_of(change, values.get(change.id or "")) for change in changes]
        self._prefetch(changes, addresses)
        with self._ledger.transaction():
            for (change, requests, removed), address in zip(found, addresses, strict=True):
                there = values.get(change.id or "")
                notes = change.gifts = GiftNotes(self._begin(change, address), removed)
                given = self._records.given(notes.person)
                for one in requests:
                    is_new = one.token not in given.tokens
                    is_theirs = there is not None and has_before(context, there, one.token)
                    if is_new and (is_theirs or self.members.audience_of(one.row) is None):
                        continue
                    since = max(given.tokens.get(one.token, {}).values(), default="")
                    is_later = is_theirs and there and began_after(there, one.token, since)
                    if split(one.token)[0] in {"tag", "list"} and not is_later:
                        notes.begun.setdefault(one.token, (one.request, since))
                    self._hold(given, notes, one)
                self._records.put_given(notes.person, given)
        self._note_present(changes)
        self._records.uncache()

    def _read_values(
        self, context: WriteContext, changes: list[ContactChange]
    ) -> dict[str, ContactValues]:
        """Return the present values of the contacts that exist, and set the ids of the changes."""
        from_ledger = [change for change in changes if change.id is None and change.known_id]
        ids = [change.id or change.known_id for change in changes]
        values = self.reader.read(one for one in ids if one)
        for change in from_ledger:
            change.id = change.known_id if change.known_id in values else None
        # The contact of the ledger's id was deleted; the address may have a new contact.
        found = self._find_contacts(context, from_ledger)
        return values | self.reader.read(change.id for change in found if change.id)

    @staticmethod
    def _find_contacts(context: WriteContext, changes: list[ContactChange]) -> list[ContactChange]:
        """Set the ids of the contacts that have the addresses of changes without an id."""
        nameless = [change for change in changes if change.id is None and change.email]
        known = context.references.contacts_by_email([change.email or "" for change in nameless])
        for change in nameless:
            change.id = known.get(fold(change.email or ""))
        return nameless

    def _requests_of(
        self, context: WriteContext, change: ContactChange
    ) -> tuple[list[_Request], set[str]]:
        """Return what the rows of a change give, those of audiences first, and what they take."""
        parts = sorted(change.parts, key=lambda part: self.members.audience_of(part.row) is None)
        requests = [
            _Request(part.row, *found)
            for part in parts
            for found in requested_tokens(context, change, part)
        ]
        return requests, removed_tokens(context, change)

    def _address_of(self, change: ContactChange, values: ContactValues | None) -> bytes:
        email = change.email or (str(values.row.get("email") or "") if values else "")
        return self._records.address_key(email) if email else NO_ADDRESS

    def _prefetch(self, changes: list[ContactChange], addresses: list[bytes]) -> None:
        people = {change.id for change in changes if change.id}
        people |= {person_of(address) for address in addresses if address}
        self._records.prefetch_given(people)
        for name in self.members.presence:
            self._records.prefetch_members(name, people)

    def _begin(self, change: ContactChange, address: bytes) -> str:
        """Make the person of a change a member whose write is open; return who it is."""
        unborn = person_of(address)
        person = change.id or unborn
        if change.id is not None and address:
            self._give_contact(unborn, change.id)
        for part in change.parts:
            name = self.members.audience_of(part.row)
            if name is not None:
                key = part.row.ledger_key
                self.members.join(name, person, address, [key], is_open=True)
        return person

    def _hold(self, given: Given, notes: GiftNotes, one: _Request) -> None:
        """Make a stream a holder of a token. All holders know the newest value.

        A time is not known before the write is confirmed.
        """
        giver, kind = self.giver_of(one.row), split(one.token)[0]
        holders = given.tokens.get(one.token, {})
        if giver not in holders:
            notes.new.append((giver, one.token, one.request))
        value = "" if one.token in notes.begun else max(holders.values(), default="")
        value = self._records.digest(one.text) if kind == "field" else value
        given.tokens[one.token] = dict.fromkeys([*holders, giver], value)

    def _give_contact(self, unborn: str, contact: str) -> None:
        """Give what was noted for an address to the contact that has it."""
        noted = self._records.given(unborn)
        if noted.tokens:
            given = self._records.given(contact)
            for one, holders in noted.tokens.items():
                given.tokens[one] = {**given.tokens.get(one, {}), **holders}
            self._records.put_given(contact, given)
        self._records.put_given(unborn, Given(contact))
        self.members.give_contact(unborn, contact)

    def _note_present(self, changes: list[ContactChange]) -> None:
        for change in changes:
            for part in change.parts:
                self.members.note_contact(part.row, change.id)

    # --- other streams ----------------------------------------------------------------------

    def _note_holders(self, context: WriteContext, changes: list[ContactChange]) -> None:
        """Note other streams that give what an audience gave: they keep it when a person leaves."""
        people = {id(change): self._person_of(change) for change in changes}
        self._records.prefetch_given({person for person in people.values() if person})
        affected = []
        for change in changes:
            person = people[id(change)]
            person = self._records.given(person).contact or person
            if person and self._records.given(person).tokens:
                requests, removed = self._requests_of(context, change)
                change.gifts = GiftNotes(person, removed)
                affected.append((change.gifts, requests))
        with self._ledger.transaction():
            for notes, requests in affected:
                given = self._records.given(notes.person)
                for one in requests:
                    if one.token in given.tokens:
                        self._hold(given, notes, one)
                self._records.put_given(notes.person, given)
        self._records.uncache()

    def _person_of(self, change: ContactChange) -> str:
        found = change.id or change.known_id
        if found is not None or change.email is None:
            return found or ""
        return person_of(self._records.address_key(change.email))

    # --- after a write ----------------------------------------------------------------------

    def after_write(self, context: WriteContext, changes: list[ContactChange]) -> None:
        """Note which of it was given; called in the transaction that confirms the rows."""
        until = f"{context.creates.server_time():.0f}"
        mine = [(change, change.gifts) for change in changes if change.gifts is not None]
        for at in range(0, len(mine), MOST_READ):
            part = mine[at : at + MOST_READ]
            people = {notes.person for _, notes in part}
            people |= {change.id for change, _ in part if change.id}
            self._records.prefetch_given(people)
            for name in self.members.presence:
                self._records.prefetch_members(name, people)
            for change, notes in part:
                self._confirm(change, notes, until)
            self._note_present([change for change, _ in part])
            self._records.uncache()

    def _confirm(self, change: ContactChange, notes: GiftNotes, until: str) -> None:
        person = notes.person
        if person.startswith("@") and change.id is not None and not is_planned(change.id):
            self._give_contact(person, change.id)
            person = change.id
        given = self._records.given(person)
        requested = {
            (self.giver_of(part.row), request)
            for part in change.parts
            for request in part.requested
            if part.asked_again.isdisjoint(part.parts_of(request))
        }
        for giver, one, request in notes.new:
            if (giver, request) not in requested or request in notes.done_before:
                given.tokens.get(one, {}).pop(giver, None)
        _drop(given, notes.removed)
        done = {request for _, request in requested}
        for one, (request, since) in notes.begun.items():
            _put_value(given, one, until if request in done else since)
        self._records.put_given(person, given)
        for part in change.parts:
            name = self.members.audience_of(part.row)
            if name is not None:
                key = part.row.ledger_key
                self.members.join(name, person, NO_ADDRESS, [key], is_open=False)

    def withdraw(self, change: ContactChange) -> None:
        """Remove the notes of a change of which nothing was written."""
        notes, change.gifts = change.gifts, None
        if notes is None:
            return
        with self._ledger.transaction():
            given = self._records.given(notes.person)
            for giver, one, _ in notes.new:
                given.tokens.get(one, {}).pop(giver, None)
            _drop(given, ())
            for one, (_, since) in notes.begun.items():
                _put_value(given, one, since)
            self._records.put_given(notes.person, given)
            for part in change.parts:
                self._forget_new(part.row, notes.person, given)

    def _forget_new(self, row: InputRecord, person: str, given: Given) -> None:
        """Remove a member that was never in a complete input, and was given nothing."""
        name, giver = self.members.audience_of(row), self.giver_of(row)
        member = self._records.member(name, person) if name is not None else None
        has_gifts = any(giver in holders for holders in given.tokens.values())
        if name is not None and member is not None and not (member.is_complete or has_gifts):
            self._records.remove_member(name, person)


def _drop(given: Given, removed: Iterable[str]) -> None:
    for one in removed:
        given.tokens.pop(one, None)
    for one in [one for one, holders in given.tokens.items() if not holders]:
        del given.tokens[one]


def _put_value(given: Given, one: str, value: str) -> None:
    if one in given.tokens:
        given.tokens[one] = dict.fromkeys(given.tokens[one], value)


def audience_giver(name: str) -> str:
    """Return the name under which an audience gives."""
    return f"audience:{name}"
