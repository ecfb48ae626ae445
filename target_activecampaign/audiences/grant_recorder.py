"""Records the grants of audiences in the ledger, so that the target can revoke them.

The target reads the values of a contact before its first write. A value that the contact had then
is no grant. The ledger has each grant before its request is sent, so that the next run knows the
grants of a killed run. `other_streams.py` records the grants of other streams.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import InvalidRequest
from target_activecampaign.client.write_client import is_planned
from target_activecampaign.ledger.audience_records import NO_ADDRESS, Grants, placeholder_of
from target_activecampaign.sinks.contacts.contact_change import ADDRESS, PendingGrants
from target_activecampaign.sinks.contacts.contact_ids import look_up_addresses
from target_activecampaign.sinks.named_records.tags import ensure_tag

from .grant_ids import kind_of
from .other_streams import OtherStreams
from .present_grants import began_after, has_grant
from .requested_grants import done_requests, grantor_of, grants_of_change, removed_grant_ids
from .values_before_write import read_values

if TYPE_CHECKING:
    from target_activecampaign.ledger.ledger import Ledger
    from target_activecampaign.lookups.contact_values import ContactValues, ContactValuesReader
    from target_activecampaign.records.input_row import InputRow
    from target_activecampaign.sinks.contacts.contact_change import ContactChange, RequestedGrant
    from target_activecampaign.sinks.write_context import WriteContext

    from .audience_members import AudienceMembers
    from .report import AudienceReport

#: The most contacts whose values are in memory at once.
MAX_VALUES_READ = 1_000


class GrantRecorder:
    """Records the grants of audiences; ``others`` records those of other streams.

    Does nothing if no run of the ledger had an audience.
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
        #: The counts of each audience of the run, by name.
        self.reports: dict[str, AudienceReport] = {}

    def document(self) -> dict[str, Any]:
        """Return the counts of each audience as JSON, for the run report."""
        return {name: report.document() for name, report in self.reports.items()}

    # --- before a write ---------------------------------------------------------------------

    def before_write(self, context: WriteContext, changes: list[ContactChange]) -> None:
        """Record the grants that changes are about to make, and set the ids of known contacts.

        Raises `RequestError` if the present values cannot be read.
        """
        of_audiences = [change for change in changes if self._is_of_audience(change)]
        if self._is_dry:
            self._note_contacts(of_audiences)
        if not self.is_active:
            return
        # Look up all addresses together: one read of all contacts may take the fewest requests.
        without_ledger_id = [change for change in of_audiences if change.ledger_id is None]
        looked_up = {id(change) for change in look_up_addresses(context, without_ledger_id)}
        for at in range(0, len(of_audiences), MAX_VALUES_READ):
            self._record_grants(context, of_audiences[at : at + MAX_VALUES_READ], looked_up)
        self.others.set_grants(context, [change for change in changes if not change.is_revocation])

    def _is_of_audience(self, change: ContactChange) -> bool:
        rows = (row_request.row for row_request in change.row_requests)
        return not change.is_revocation and any(map(self.members.audience_of, rows))

    def _record_grants(
        self, context: WriteContext, changes: list[ContactChange], looked_up: set[int]
    ) -> None:
        values, deleted = read_values(context, self.reader, changes, looked_up)
        _create_tags(context, changes)
        # The transaction below sends no request, because other threads would write into it.
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
                person = self._add_pending_member(change, address)
                self._replace_contact(deleted.get(id(change)), person)
                self._records.mark_granted(
                    grant.grant_id for grant in requested if grant.is_of_audience
                )
                change.pending_grants = PendingGrants(person, requested, removed)
                present = values.get(change.id or "")
                self._add_grants(context, change.pending_grants, present)
        self._note_contacts(changes)
        self._records.uncache()

    def _add_grants(
        self, context: WriteContext, pending: PendingGrants, present: ContactValues | None
    ) -> None:
        """Add the requested grants to the person's grants in the ledger.

        A value that the contact has and no stream granted is no grant. A stream that is no audience
        is added only to the grants of an audience.
        """
        grants = self._records.grants_of(pending.person)
        for grant in pending.requested:
            is_new = grant.grant_id not in grants.by_id
            is_present = present is not None and has_grant(context, present, grant.grant_id)
            if is_new and (is_present or not grant.is_of_audience):
                continue
            before = max(grants.by_id.get(grant.grant_id, {}).values(), default="")
            is_later = is_present and present and began_after(present, grant.grant_id, before)
            if kind_of(grant.grant_id) in {"tag", "list"} and not is_later:
                pending.started.setdefault(grant.grant_id, (grant.request, before))
            self._add_grantor(grants, pending, grant)
        self._records.put_grants(pending.person, grants)

    def _address_of(self, change: ContactChange, present: ContactValues | None) -> bytes:
        """Return the hash of the address of a change, else of the contact's present address."""
        email = change.email or (str(present.row.get("email") or "") if present else "")
        return self._records.hashed_address(email)

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
            # The contact that had this address has another address now, or was deleted.
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
        """Move the members of a deleted contact to ``person``: a new contact or an address."""
        if deleted is not None:
            self._records.put_grants(deleted, Grants())
            self.members.move_to_contact(deleted, person)

    def _add_grantor(self, grants: Grants, pending: PendingGrants, grant: RequestedGrant) -> None:
        """Add a stream to the grantors of a grant id. All grantors get the newest value.

        The value is empty for a tag or list until the write is confirmed, when its time is known.
        """
        grantors = grants.by_id.get(grant.grant_id, {})
        if grant.grantor not in grantors:
            pending.new.append(grant)
        value = "" if grant.grant_id in pending.started else max(grantors.values(), default="")
        if kind_of(grant.grant_id) == "field":
            value = self._records.digest(grant.value)
        grants.by_id[grant.grant_id] = dict.fromkeys([*grantors, grant.grantor], value)

    def _move_to_contact(self, placeholder: str, contact: str) -> None:
        """Move the grants of an address to the contact that has the address."""
        moved = self._records.grants_of(placeholder)
        if moved.by_id:
            grants = self._records.grants_of(contact)
            for grant_id, grantors in moved.by_id.items():
                grants.by_id[grant_id] = {**grants.by_id.get(grant_id, {}), **grantors}
            self._records.put_grants(contact, grants)
        self._records.put_grants(placeholder, Grants(contact))
        self.members.move_to_contact(placeholder, contact)

    def _note_contacts(self, changes: list[ContactChange]) -> None:
        """Note the contacts of rows as people in the input."""
        for change in changes:
            for row_request in change.row_requests:
                self.members.note_contact(row_request.row, change.id)

    # --- after a write ----------------------------------------------------------------------

    def find_written(self, context: WriteContext, changes: list[ContactChange]) -> None:
        """Set the unknown ids of written contacts that a grant needs. Raises `RequestError`."""
        if self.is_active:
            self.others.find_written(context, changes)

    def after_write(self, context: WriteContext, changes: list[ContactChange]) -> None:
        """Record the grants that were made. Called in the transaction that confirms the rows."""
        if not self.is_active:
            return
        confirmed_at = f"{context.creates.server_time():.0f}"
        with_grants = [
            (change, change.pending_grants)
            for change in changes
            if change.pending_grants is not None
        ]
        for at in range(0, len(with_grants), MAX_VALUES_READ):
            batch = with_grants[at : at + MAX_VALUES_READ]
            people = {pending.person for _, pending in batch}
            self._prefetch(people | {change.id for change, _ in batch if change.id})
            for change, pending in batch:
                self._confirm(change, pending, confirmed_at)
            self._note_contacts([change for change, _ in batch])
            self._records.uncache()
        for at in range(0, len(changes), MAX_VALUES_READ):
            self.others.after_write(changes[at : at + MAX_VALUES_READ])

    def _confirm(self, change: ContactChange, pending: PendingGrants, confirmed_at: str) -> None:
        """Remove the new grants that were not made, and set the time of the grants that began."""
        person = pending.person
        if person.startswith("@") and change.id is not None and not is_planned(change.id):
            self._move_to_contact(person, change.id)
            person = change.id
        grants = self._records.grants_of(person)
        carried_out = done_requests(self.members, change)
        for grant in pending.new:
            is_done = (grant.grantor, grant.request) in carried_out
            if not is_done or grant.request in pending.was_done_before:
                grants.by_id.get(grant.grant_id, {}).pop(grant.grantor, None)
        for grant_id in pending.removed:
            grants.by_id.pop(grant_id, None)
        done = {request for _, request in carried_out}
        for grant_id, (request, before) in pending.started.items():
            _set_value(grants, grant_id, confirmed_at if request in done else before)
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
        """Remove the grants of a change that wrote nothing."""
        pending, change.pending_grants = change.pending_grants, None
        if pending is None:
            return
        with self._ledger.transaction():
            grants = self._records.grants_of(pending.person)
            for grant in pending.new:
                grants.by_id.get(grant.grant_id, {}).pop(grant.grantor, None)
            for grant_id, (_, before) in pending.started.items():
                _set_value(grants, grant_id, before)
            self._records.put_grants(pending.person, grants)
            for row_request in change.row_requests:
                self._remove_new_member(row_request.row, pending.person, grants)

    def _remove_new_member(self, row: InputRow, person: str, grants: Grants) -> None:
        """Remove a member that was never in a complete input and has no grant."""
        name, grantor = self.members.audience_of(row), grantor_of(self.members, row)
        member = self._records.member(name, person) if name is not None else None
        has_grants = any(grantor in grantors for grantors in grants.by_id.values())
        if name is not None and member is not None and not (member.is_complete or has_grants):
            self._records.remove_member(name, person)


def _create_tags(context: WriteContext, changes: list[ContactChange]) -> None:
    """Create the tags that changes add and the account lacks, so that their grants have an id."""
    for name in dict.fromkeys(name for change in changes for name in change.adds):
        if not context.references.find_by_name("tag", name):
            # ActiveCampaign refuses such a tag again when its row is written: the row reports it.
            with contextlib.suppress(InvalidRequest):
                ensure_tag(context, name)


def _set_value(grants: Grants, grant_id: str, value: str) -> None:
    """Set the value that all grantors of a grant id share."""
    if grant_id in grants.by_id:
        grants.by_id[grant_id] = dict.fromkeys(grants.by_id[grant_id], value)
