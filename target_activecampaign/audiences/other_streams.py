"""Records the grants of streams that are no audience, so that a leaver keeps them.

After a write, the ledger records a grant of a row in two places:

* at the contact that the target wrote, if an audience granted the same to this contact;
* under the id in the row, else under the address in the row.

A leaver keeps the grants under its present address. The second entry is needed if the target wrote
the row to another contact, if the row was unchanged, and for the importer, which returns no ids.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_activecampaign.client.write_client import is_planned
from target_activecampaign.ledger.audience_records import placeholder_of
from target_activecampaign.lookups.row_contact import deciding_name
from target_activecampaign.sinks.contacts.contact_change import StreamGrants
from target_activecampaign.sinks.contacts.contact_ids import has_address

from .grant_ids import kind_of
from .requested_grants import done_requests, grants_of_change, removed_grant_ids

if TYPE_CHECKING:
    from target_activecampaign.ledger.audience_records import Grantors
    from target_activecampaign.ledger.ledger import Ledger
    from target_activecampaign.records.input_row import InputRow
    from target_activecampaign.sinks.contacts.contact_change import ContactChange, RequestedGrant
    from target_activecampaign.sinks.write_context import WriteContext

    from .audience_members import AudienceMembers


class OtherStreams:
    """Records the grants of streams that are no audience, if an audience ever granted the same."""

    def __init__(self, ledger: Ledger, members: AudienceMembers) -> None:
        self._records, self._members = ledger.audiences, members

    # --- before a write ---------------------------------------------------------------------

    def set_grants(self, context: WriteContext, changes: list[ContactChange]) -> None:
        """Set the ``stream_grants`` of changes. Requests only the table of tags, if at all."""
        found = []
        for change in changes:
            if (pending := change.pending_grants) is not None:
                requested, removed = pending.requested, pending.removed
            else:
                requested = grants_of_change(context, self._members, change)
                removed = removed_grant_ids(context, change)
            grants = [grant for grant in requested if not grant.is_of_audience]
            found.append((change, grants, removed))
        ids = {grant.grant_id for _, grants, __ in found for grant in grants}
        granted = self._records.granted_of(ids.union(*(removed for *_, removed in found)))
        for change, grants, removed in found:
            of_audiences = [grant for grant in grants if grant.grant_id in granted]
            if of_audiences or not removed.isdisjoint(granted):
                rows = (row_request.row for row_request in change.row_requests)
                names = {id(row): self._name_of(context, row) for row in rows}
                change.stream_grants = StreamGrants(of_audiences, removed & granted, names)

    def _name_of(self, context: WriteContext, row: InputRow) -> str:
        """Return the name of a row's contact in the ledger: its id, else its placeholder."""
        email, native_id = deciding_name(context.references, row)
        if native_id:
            return native_id
        return placeholder_of(self._records.address_key(email)) if email else ""

    # --- after a write ----------------------------------------------------------------------

    def find_written(self, context: WriteContext, changes: list[ContactChange]) -> None:
        """Set the ids of written contacts that the importer did not return and a grant needs.

        The target verifies the address of the contacts that the ledger has for an address, if they
        have a grant that the rows make or remove. Raises `RequestError`.
        """
        without_id = [
            change
            for change in changes
            if change.stream_grants is not None and change.id is None and change.email
        ]
        self._records.prefetch_grants(map(self._placeholder, without_id))
        candidates = [self._candidates_of(change) for change in without_id]
        self._records.prefetch_grants({contact for contacts in candidates for contact in contacts})
        candidates = [
            [contact for contact in contacts if self._has_any(contact, change)]
            for change, contacts in zip(without_id, candidates, strict=True)
        ]
        rows = context.references.contacts_by_id(
            contact for contacts in candidates for contact in contacts
        )
        for change, contacts in zip(without_id, candidates, strict=True):
            verified = (
                contact for contact in contacts if has_address(rows.get(contact), change.email)
            )
            change.id = next(verified, None)

    def _candidates_of(self, change: ContactChange) -> list[str]:
        """Return the contacts that the ledger has for the address of a change."""
        contacts = [change.ledger_id, self._records.grants_of(self._placeholder(change)).contact]
        return [contact for contact in dict.fromkeys(contacts) if contact]

    def _has_any(self, contact: str, change: ContactChange) -> bool:
        """Return whether a contact has a grant that a change makes or removes."""
        stream_grants = change.stream_grants
        if stream_grants is None:
            return False
        ids = stream_grants.removed.union(grant.grant_id for grant in stream_grants.grants)
        return not ids.isdisjoint(self._records.grants_of(contact).by_id)

    def after_write(self, changes: list[ContactChange]) -> None:
        """Record the grants that were made and removed.

        Called in the transaction that confirms the rows.
        """
        with_grants = [
            (change, grants, {*self._people_of(change), *filter(None, grants.names.values())})
            for change in changes
            if (grants := change.stream_grants) is not None
        ]
        all_people = {person for *_, people in with_grants for person in people}
        self._records.prefetch_grants(all_people)
        self._records.prefetch_stream_grants(all_people)
        for change, grants, people in with_grants:
            done = done_requests(self._members, change)
            for person in people:
                self._records.remove_grants(person, grants.removed)
            for grant in grants.grants:
                if (grant.grantor, grant.request) in done:
                    self._record(change, grant, grants.names[id(grant.row)])
        self._records.uncache()

    def _people_of(self, change: ContactChange) -> list[str]:
        """Return the names under which the ledger may have grants of a written contact."""
        people = [change.id] if change.id is not None and not is_planned(change.id) else []
        return [*people, self._placeholder(change)] if change.email else people

    def _placeholder(self, change: ContactChange) -> str:
        return placeholder_of(self._records.address_key(change.email or ""))

    def _record(self, change: ContactChange, grant: RequestedGrant, name: str) -> None:
        """Record a grant at the written contact, and under ``name``: the id or address in a row."""
        is_field = kind_of(grant.grant_id) == "field"
        digest = self._records.digest(grant.value) if is_field else ""
        for person in self._people_of(change):
            # The entry of an address whose contact is known has no grants.
            grants = self._records.grants_of(person)
            grantors = grants.by_id.get(grant.grant_id)
            if grantors is not None:
                value = digest if is_field else max(grantors.values(), default="")
                grants.by_id[grant.grant_id] = dict.fromkeys([*grantors, grant.grantor], value)
                self._records.put_grants(person, grants)
        if name:
            by_id = self._records.stream_grants_of(name)
            by_id.setdefault(grant.grant_id, {})[grant.grantor] = digest
            self._records.put_stream_grants(name, by_id)

    # --- leavers ----------------------------------------------------------------------------

    def grantors_of(self, contact: str, address: bytes) -> dict[str, Grantors]:
        """Return the streams that granted something to a contact or its present address.

        The streams are by grant id.
        """
        grantors_by_id = dict(self._records.stream_grants_of(contact))
        by_address = self._records.stream_grants_of(placeholder_of(address)) if address else {}
        for grant_id, grantors in by_address.items():
            grantors_by_id[grant_id] = {**grantors_by_id.get(grant_id, {}), **grantors}
        return grantors_by_id
