"""Records in the ledger what streams grant to contacts, so that an audience can revoke it.

What a contact had before is read before the first write of it, and is no grant. The ledger has
each grant before its request is sent, so that the grants of a killed run are known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from target_activecampaign.client.write_client import is_planned
from target_activecampaign.ledger.audience_records import NO_ADDRESS, Grants, placeholder_of
from target_activecampaign.sinks.contacts.contact_change import ADDRESS, PendingGrants
from target_activecampaign.sinks.contacts.contact_ids import look_up_addresses

from .grant_ids import began_after, contact_has, create_tags, removed_grant_ids, split_grant_id
from .other_streams import OtherStreams
from .requested_grants import done_requests, grantor_of, grants_of_change
from .values_before_write import read_values

if TYPE_CHECKING:
    from target_activecampaign.ledger.ledger import Ledger
    from target_activecampaign.lookups.contact_values import ContactValues, ContactValuesReader
    from target_activecampaign.records.input_record import InputRecord
    from target_activecampaign.sinks.contacts.contact_change import ContactChange, RequestedGrant
    from target_activecampaign.sinks.write_context import WriteContext

    from .audience_members import AudienceMembers
    from .report import AudienceReport

# Bounds the values that are in memory at once.
MAX_VALUES_READ = 1_000


class GrantRecorder:
    """Records what audiences grant; ``others`` notes what other streams give of that.

    It does nothing in an account that never had an audience.
    """

    def __init__(
        self,
        ledger: Ledger,
        members: AudienceMembers,
        reader: ContactValuesReader,
        *,
        is_dry_run: bool,
    ) -> None:
        self._ledger, self._records, self.members = ledger, ledger.audiences, members
        self.reader = reader
        self._is_dry = is_dry_run
        self.is_active = self._records.is_used and not is_dry_run
        if self.is_active:
            self._records.mark_earlier_grants()
        self.others = OtherStreams(ledger, members)
        #: What became of each audience of the run, by name.
        self.reports: dict[str, AudienceReport] = {}

    def document(self) -> dict[str, Any]:
        """Return what became of each audience, for the run report."""
        return {name: report.document() for name, report in self.reports.items()}

    # --- before a write ---------------------------------------------------------------------

    def before_write(self, context: WriteContext, changes: list[ContactChange]) -> None:
        """Record what changes will grant, and set the ids of the contacts that the account has.

        Raises `RequestError` where the present values cannot be read.
        """
        mine = [change for change in changes if self._is_of_audience(change)]
        if self._is_dry:
            self._note_present(mine)
        if not self.is_active:
            return
        # All at once: many addresses are looked up by one reading of all contacts.
        found = look_up_addresses(context, [change for change in mine if change.ledger_id is None])
        looked_up = {id(change) for change in found}
        for at in range(0, len(mine), MAX_VALUES_READ):
            self._note_grants(context, mine[at : at + MAX_VALUES_READ], looked_up)
        self.others.expect(context, [change for change in changes if not change.is_revocation])

    def _is_of_audience(self, change: ContactChange) -> bool:
        rows = (row_request.row for row_request in change.row_requests)
        return not change.is_revocation and any(map(self.members.audience_of, rows))

    def _note_grants(
        self, context: WriteContext, changes: list[ContactChange], looked_up: set[int]
    ) -> None:
        values, deleted = read_values(context, self.reader, changes, looked_up)
        create_tags(context, changes)
        # No request is sent inside of the transaction: other threads would write into it.
        found = [
            (
                change,
                grants_of_change(context, self.members, change),
                removed_grant_ids(context, change),
            )
            for change in changes
        ]
        addresses = [self._address_of(change, values.get(change.id or "")) for change in changes]
        people = {change.id for change in changes if change.id}
        self._prefetch(people | {placeholder_of(address) for address in addresses if address})
        with self._ledger.transaction():
            for (change, requested, removed), address in zip(found, addresses, strict=True):
                there = values.get(change.id or "")
                person = self._add_pending_member(change, address)
                self._replace_contact(deleted.get(id(change)), person)
                self._records.mark_granted(
                    grant.grant_id for grant in requested if grant.is_of_audience
                )
                pending = change.pending_grants = PendingGrants(person, requested, removed)
                grants = self._records.grants_of(pending.person)
                for grant in requested:
                    is_new = grant.grant_id not in grants.by_id
                    is_theirs = there is not None and contact_has(context, there, grant.grant_id)
                    if is_new and (is_theirs or not grant.is_of_audience):
                        continue
                    since = max(grants.by_id.get(grant.grant_id, {}).values(), default="")
                    is_later = is_theirs and there and began_after(there, grant.grant_id, since)
                    if split_grant_id(grant.grant_id)[0] in {"tag", "list"} and not is_later:
                        pending.started.setdefault(grant.grant_id, (grant.request, since))
                    self._add_grantor(grants, pending, grant)
                self._records.put_grants(pending.person, grants)
        self._note_present(changes)
        self._records.uncache()

    def _address_of(self, change: ContactChange, values: ContactValues | None) -> bytes:
        email = change.email or (str(values.row.get("email") or "") if values else "")
        return self._records.address_key(email) if email else NO_ADDRESS

    def _prefetch(self, people: set[str]) -> None:
        self._records.prefetch_grants(people)
        for name in self.members.people_in_input:
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
        """Move the members of a deleted contact to ``person``: a new contact, or an address."""
        if deleted is not None:
            self._records.put_grants(deleted, Grants())
            self.members.move_to_contact(deleted, person)

    def _add_grantor(self, grants: Grants, pending: PendingGrants, grant: RequestedGrant) -> None:
        """Add a stream to the grantors of a grant id. All grantors have the newest value.

        A time is not known before the write is confirmed.
        """
        grantors = grants.by_id.get(grant.grant_id, {})
        if grant.grantor not in grantors:
            pending.new.append(grant)
        value = "" if grant.grant_id in pending.started else max(grantors.values(), default="")
        is_field = split_grant_id(grant.grant_id)[0] == "field"
        value = self._records.digest(grant.value) if is_field else value
        grants.by_id[grant.grant_id] = dict.fromkeys([*grantors, grant.grantor], value)

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

    # --- after a write ----------------------------------------------------------------------

    def find_written(self, context: WriteContext, changes: list[ContactChange]) -> None:
        """Set the ids of written contacts that are not known yet, where a grant needs them.

        Raises `RequestError`.
        """
        if self.is_active:
            self.others.find_written(context, changes)

    def after_write(self, context: WriteContext, changes: list[ContactChange]) -> None:
        """Record which grants were made; called in the transaction that confirms the rows."""
        if not self.is_active:
            return
        until = f"{context.creates.server_time():.0f}"
        mine = [
            (change, change.pending_grants)
            for change in changes
            if change.pending_grants is not None
        ]
        for at in range(0, len(mine), MAX_VALUES_READ):
            batch = mine[at : at + MAX_VALUES_READ]
            people = {pending.person for _, pending in batch}
            self._prefetch(people | {change.id for change, _ in batch if change.id})
            for change, pending in batch:
                self._confirm(change, pending, until)
            self._note_present([change for change, _ in batch])
            self._records.uncache()
        for at in range(0, len(changes), MAX_VALUES_READ):
            self.others.after_write(changes[at : at + MAX_VALUES_READ])

    def _confirm(self, change: ContactChange, pending: PendingGrants, until: str) -> None:
        person = pending.person
        if person.startswith("@") and change.id is not None and not is_planned(change.id):
            self._move_to_contact(person, change.id)
            person = change.id
        grants = self._records.grants_of(person)
        requested = done_requests(self.members, change)
        for grant in pending.new:
            is_done = (grant.grantor, grant.request) in requested
            if not is_done or grant.request in pending.was_done_before:
                grants.by_id.get(grant.grant_id, {}).pop(grant.grantor, None)
        for granted in pending.removed:
            grants.by_id.pop(granted, None)
        done = {request for _, request in requested}
        for granted, (request, since) in pending.started.items():
            _set_value(grants, granted, until if request in done else since)
        self._records.put_grants(person, grants)
        address = NO_ADDRESS
        if change.new_email is not None and ADDRESS in done:
            address = self._records.address_key(change.new_email)
            former = placeholder_of(self._records.address_key(change.email or ""))
            if self._records.grants_of(former).contact == person:
                self._records.put_grants(former, Grants())
        for row_request in change.row_requests:
            name = self.members.audience_of(row_request.row)
            if name is not None:
                key = row_request.row.ledger_key
                self.members.put_member(name, person, address, [key], is_pending=False)

    def discard(self, change: ContactChange) -> None:
        """Remove the grants of a change of which nothing was written."""
        pending, change.pending_grants = change.pending_grants, None
        if pending is None:
            return
        with self._ledger.transaction():
            grants = self._records.grants_of(pending.person)
            for grant in pending.new:
                grants.by_id.get(grant.grant_id, {}).pop(grant.grantor, None)
            for granted, (_, since) in pending.started.items():
                _set_value(grants, granted, since)
            self._records.put_grants(pending.person, grants)
            for row_request in change.row_requests:
                self._remove_new_member(row_request.row, pending.person, grants)

    def _remove_new_member(self, row: InputRecord, person: str, grants: Grants) -> None:
        """Remove a member that was never in a complete input and has no grant."""
        name, grantor = self.members.audience_of(row), grantor_of(self.members, row)
        member = self._records.member(name, person) if name is not None else None
        has_grants = any(grantor in grantors for grantors in grants.by_id.values())
        if name is not None and member is not None and not (member.is_complete or has_grants):
            self._records.remove_member(name, person)


def _set_value(grants: Grants, granted: str, value: str) -> None:
    if granted in grants.by_id:
        grants.by_id[granted] = dict.fromkeys(grants.by_id[granted], value)
