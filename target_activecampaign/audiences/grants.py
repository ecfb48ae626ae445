"""Records in the ledger what streams grant to contacts, so that an audience can revoke it.

What a contact had before is read before the first write of it, and is no grant. The ledger has
each grant before its request is sent, so that the grants of a killed run are known.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.resources.parsing.names import fold
from target_activecampaign.client.write_client import is_planned
from target_activecampaign.ledger.audience_records import NO_ADDRESS, Grants, placeholder_of
from target_activecampaign.sinks.contacts.change import PendingGrants

from .grant_ids import (
    began_after,
    contact_has,
    create_tags,
    removed_grant_ids,
    requested_grants,
    split_grant_id,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from target_activecampaign.ledger.ledger import Ledger
    from target_activecampaign.lookups.contact_values import ContactValues, ContactValuesReader
    from target_activecampaign.records.record import InputRecord
    from target_activecampaign.sinks.contacts.change import ContactChange, RowRequest
    from target_activecampaign.sinks.context import WriteContext

    from .memberships import Memberships

# Bounds the values that are in memory at once.
MAX_VALUES_READ = 1_000


@dataclass(frozen=True)
class _RequestedGrant:
    """What one row grants: the request of the change, the grant id, a field's normalized value."""

    row: InputRecord
    request: str
    grant_id: str
    value: str


@dataclass
class AudienceReport:
    """What became of an audience: its members before, those who left, and what they lost.

    ``kept`` counts why leavers kept something. ``reason`` says why no one may leave, None where
    people may.
    """

    members: int = 0
    leavers: int = 0
    left: int = 0
    revoked: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)
    reason: str | None = None

    def document(self) -> dict[str, Any]:
        """Return it as JSON, without anybody's values."""
        return {
            "members": self.members,
            "leaving": self.leavers,
            "left": self.left,
            "taken_back": dict(self.revoked.most_common(100)),
            "kept": dict(self.kept),
            "reason": self.reason,
        }


class GrantRecorder:
    """Records what audiences grant, and what other streams grant again of that.

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

    def grantor_of(self, row: InputRecord) -> str:
        """Return the grantor of a row's grants: its audience or its stream."""
        name = self.members.audience_of(row)
        return f"stream:{row.input_stream}" if name is None else audience_grantor(name)

    # --- before a write ---------------------------------------------------------------------

    def before_write(self, context: WriteContext, changes: list[ContactChange]) -> None:
        """Record what changes will grant, and set the ids of the contacts that the account has.

        Raises `RequestError` where the present values cannot be read.
        """
        mine: list[ContactChange] = []
        others: list[ContactChange] = []
        for change in changes:
            if not change.is_revocation:
                is_mine = any(
                    self.members.audience_of(row_request.row) for row_request in change.row_requests
                )
                (mine if is_mine else others).append(change)
        if self._is_dry:
            self._note_present(mine)
        if not self.is_active:
            return
        # All at once: many addresses are looked up by one reading of all contacts.
        found = self._find_contacts(context, [change for change in mine if change.known_id is None])
        looked_up = {id(change) for change in found}
        for at in range(0, len(mine), MAX_VALUES_READ):
            self._note_grants(context, mine[at : at + MAX_VALUES_READ], looked_up)
        for at in range(0, len(others), MAX_VALUES_READ):
            self._note_other_streams(context, others[at : at + MAX_VALUES_READ])

    def _note_grants(
        self, context: WriteContext, changes: list[ContactChange], looked_up: set[int]
    ) -> None:
        values, deleted = self._read_values(context, changes, looked_up)
        create_tags(context, changes)
        # No request is sent inside of the transaction: other threads would write into it.
        found = [(change, *self._requests_of(context, change)) for change in changes]
        addresses = [self._address_of(change, values.get(change.id or "")) for change in changes]
        self._prefetch(changes, addresses)
        with self._ledger.transaction():
            for (change, requested, removed), address in zip(found, addresses, strict=True):
                there = values.get(change.id or "")
                person = self._add_pending_member(change, address)
                self._replace_contact(deleted.get(id(change)), person)
                pending = change.pending_grants = PendingGrants(person, removed)
                grants = self._records.grants_of(pending.person)
                for grant in requested:
                    is_new = grant.grant_id not in grants.by_id
                    is_theirs = there is not None and contact_has(context, there, grant.grant_id)
                    if is_new and (is_theirs or self.members.audience_of(grant.row) is None):
                        continue
                    since = max(grants.by_id.get(grant.grant_id, {}).values(), default="")
                    is_later = is_theirs and there and began_after(there, grant.grant_id, since)
                    if split_grant_id(grant.grant_id)[0] in {"tag", "list"} and not is_later:
                        pending.started.setdefault(grant.grant_id, (grant.request, since))
                    self._add_grantor(grants, pending, grant)
                self._records.put_grants(pending.person, grants)
        self._note_present(changes)
        self._records.uncache()

    def _read_values(
        self, context: WriteContext, changes: list[ContactChange], looked_up: set[int]
    ) -> tuple[dict[str, ContactValues], dict[int, str]]:
        """Return the present values of the contacts that exist, and set the ids of the changes.

        ``looked_up`` are the changes whose id was found by the address. Returns also the contacts
        of the ledger that were deleted. Changes are identified by `id`.
        """
        values = self.reader.read(member.id or member.known_id or "" for member in changes)
        deleted, left = {}, []
        for change in changes:
            native_id = change.id or change.known_id
            if native_id is None or (change.id is not None and id(change) not in looked_up):
                continue
            there = values.get(native_id)
            if there and fold(str(there.row.get("email") or "")) == fold(change.email or ""):
                change.id = native_id
                continue
            # It was deleted, or has another address by now; the address may have a new contact.
            if there is None and change.id is None:
                deleted[id(change)] = native_id
            change.id = None
            context.references.forget_contact(change.email or "")
            left.append(change)
        found = self._find_contacts(context, left)
        values |= self.reader.read(change.id for change in found if change.id)
        return values, deleted

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
    ) -> tuple[list[_RequestedGrant], set[str]]:
        """Return what the rows of a change grant, of audiences first, and what they remove."""

        def is_of_other(row_request: RowRequest) -> bool:
            return self.members.audience_of(row_request.row) is None

        requests = [
            _RequestedGrant(row_request.row, *found)
            for row_request in sorted(change.row_requests, key=is_of_other)
            for found in requested_grants(context, change, row_request)
        ]
        return requests, removed_grant_ids(context, change)

    def _address_of(self, change: ContactChange, values: ContactValues | None) -> bytes:
        email = change.email or (str(values.row.get("email") or "") if values else "")
        return self._records.address_key(email) if email else NO_ADDRESS

    def _prefetch(self, changes: list[ContactChange], addresses: list[bytes]) -> None:
        people = {change.id for change in changes if change.id}
        people |= {placeholder_of(address) for address in addresses if address}
        self._records.prefetch_grants(people)
        for name in self.members.input_members:
            self._records.prefetch_members(name, people)

    def _add_pending_member(self, change: ContactChange, address: bytes) -> str:
        """Make the person of a change a member whose write is pending; return the person."""
        placeholder = placeholder_of(address)
        person = change.id or placeholder
        if change.id is not None and address:
            self._move_to_contact(placeholder, change.id)
        elif address:
            # The contact that had this address has another one by now, or was deleted.
            self._records.put_grants(
                placeholder, Grants(None, self._records.grants_of(placeholder).by_id)
            )
        for row_request in change.row_requests:
            name = self.members.audience_of(row_request.row)
            if name is not None:
                key = row_request.row.ledger_key
                self.members.put_member(name, person, address, [key], is_pending=True)
        return person

    def _replace_contact(self, deleted: str | None, person: str) -> None:
        """Make the members of a deleted contact those of its person, who has a new one or none."""
        if deleted is not None:
            self._records.put_grants(deleted, Grants())
            self.members.move_to_contact(deleted, person)

    def _add_grantor(self, grants: Grants, pending: PendingGrants, grant: _RequestedGrant) -> None:
        """Add a stream to the grantors of a grant id. All grantors have the newest value.

        A time is not known before the write is confirmed.
        """
        grantor, kind = self.grantor_of(grant.row), split_grant_id(grant.grant_id)[0]
        grantors = grants.by_id.get(grant.grant_id, {})
        if grantor not in grantors:
            pending.new.append((grantor, grant.grant_id, grant.request))
        value = "" if grant.grant_id in pending.started else max(grantors.values(), default="")
        value = self._records.digest(grant.value) if kind == "field" else value
        grants.by_id[grant.grant_id] = dict.fromkeys([*grantors, grantor], value)

    def _move_to_contact(self, placeholder: str, contact: str) -> None:
        """Move the grants of an address to the contact that has it."""
        moved = self._records.grants_of(placeholder)
        if moved.by_id:
            grants = self._records.grants_of(contact)
            for granted, grantors in moved.by_id.items():
                grants.by_id[granted] = {**grants.by_id.get(granted, {}), **grantors}
            self._records.put_grants(contact, grants)
        self._records.put_grants(placeholder, Grants(contact))
        self.members.move_to_contact(placeholder, contact)

    def _note_present(self, changes: list[ContactChange]) -> None:
        for change in changes:
            for row_request in change.row_requests:
                self.members.note_contact(row_request.row, change.id)

    # --- other streams ----------------------------------------------------------------------

    def _note_other_streams(self, context: WriteContext, changes: list[ContactChange]) -> None:
        """Record other streams that grant what an audience granted: a leaver does not lose it."""
        people = {id(change): self._person_of(change) for change in changes}
        self._records.prefetch_grants({person for person in people.values() if person})
        affected = []
        for change in changes:
            person = people[id(change)]
            person = self._records.grants_of(person).contact or person
            if person and self._records.grants_of(person).by_id:
                requests, removed = self._requests_of(context, change)
                change.pending_grants = PendingGrants(person, removed)
                affected.append((change.pending_grants, requests))
        with self._ledger.transaction():
            for pending, requests in affected:
                grants = self._records.grants_of(pending.person)
                for grant in requests:
                    if grant.grant_id in grants.by_id:
                        self._add_grantor(grants, pending, grant)
                self._records.put_grants(pending.person, grants)
        self._records.uncache()

    def _person_of(self, change: ContactChange) -> str:
        found = change.id or change.known_id
        if found is not None or change.email is None:
            return found or ""
        return placeholder_of(self._records.address_key(change.email))

    # --- after a write ----------------------------------------------------------------------

    def after_write(self, context: WriteContext, changes: list[ContactChange]) -> None:
        """Record which grants were made; called in the transaction that confirms the rows."""
        until = f"{context.creates.server_time():.0f}"
        mine = [
            (change, change.pending_grants)
            for change in changes
            if change.pending_grants is not None
        ]
        for at in range(0, len(mine), MAX_VALUES_READ):
            batch = mine[at : at + MAX_VALUES_READ]
            people = {pending.person for _, pending in batch}
            people |= {change.id for change, _ in batch if change.id}
            self._records.prefetch_grants(people)
            for name in self.members.input_members:
                self._records.prefetch_members(name, people)
            for change, pending in batch:
                self._confirm(change, pending, until)
            self._note_present([change for change, _ in batch])
            self._records.uncache()

    def _confirm(self, change: ContactChange, pending: PendingGrants, until: str) -> None:
        person = pending.person
        if person.startswith("@") and change.id is not None and not is_planned(change.id):
            self._move_to_contact(person, change.id)
            person = change.id
        grants = self._records.grants_of(person)
        requested = {
            (self.grantor_of(row_request.row), request)
            for row_request in change.row_requests
            for request in row_request.requested
            if row_request.requested_again.isdisjoint(row_request.parts_of(request))
        }
        for grantor, granted, request in pending.new:
            if (grantor, request) not in requested or request in pending.was_done_before:
                grants.by_id.get(granted, {}).pop(grantor, None)
        _remove_grants(grants, pending.removed)
        done = {request for _, request in requested}
        for granted, (request, since) in pending.started.items():
            _set_value(grants, granted, until if request in done else since)
        self._records.put_grants(person, grants)
        for row_request in change.row_requests:
            name = self.members.audience_of(row_request.row)
            if name is not None:
                key = row_request.row.ledger_key
                self.members.put_member(name, person, NO_ADDRESS, [key], is_pending=False)

    def discard(self, change: ContactChange) -> None:
        """Remove the grants of a change of which nothing was written."""
        pending, change.pending_grants = change.pending_grants, None
        if pending is None:
            return
        with self._ledger.transaction():
            grants = self._records.grants_of(pending.person)
            for grantor, granted, _ in pending.new:
                grants.by_id.get(granted, {}).pop(grantor, None)
            _remove_grants(grants, ())
            for granted, (_, since) in pending.started.items():
                _set_value(grants, granted, since)
            self._records.put_grants(pending.person, grants)
            for row_request in change.row_requests:
                self._remove_new_member(row_request.row, pending.person, grants)

    def _remove_new_member(self, row: InputRecord, person: str, grants: Grants) -> None:
        """Remove a member that was never in a complete input and has no grant."""
        name, grantor = self.members.audience_of(row), self.grantor_of(row)
        member = self._records.member(name, person) if name is not None else None
        has_grants = any(grantor in grantors for grantors in grants.by_id.values())
        if name is not None and member is not None and not (member.is_complete or has_grants):
            self._records.remove_member(name, person)


def _remove_grants(grants: Grants, removed: Iterable[str]) -> None:
    for granted in removed:
        grants.by_id.pop(granted, None)
    for granted in [granted for granted, grantors in grants.by_id.items() if not grantors]:
        del grants.by_id[granted]


def _set_value(grants: Grants, granted: str, value: str) -> None:
    if granted in grants.by_id:
        grants.by_id[granted] = dict.fromkeys(grants.by_id[granted], value)


def audience_grantor(name: str) -> str:
    """Return the grantor of an audience's grants."""
    return f"audience:{name}"
