"""Streams that are no audience: the ledger notes what they give, so that a leaver keeps it.

After a write, the ledger notes what a row gives in two places:

* at the contact that the target wrote, if an audience gave this contact the same;
* under the id in the row, else under the address in the row.

A leaver keeps what is noted under its address at that time. The second note is needed if the target
wrote the row to another contact, if the row was unchanged, and for the importer, which returns no
ids.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_activecampaign.client.write_client import is_planned
from target_activecampaign.ledger.audience_records import placeholder_of
from target_activecampaign.lookups.row_contact import deciding_name
from target_activecampaign.sinks.contacts.contact_change import StreamGrants
from target_activecampaign.sinks.contacts.contact_ids import has_address

from .grant_ids import removed_grant_ids, split_grant_id
from .requested_grants import done_requests, grants_of_change

if TYPE_CHECKING:
    from target_activecampaign.ledger.audience_records import Grantors
    from target_activecampaign.ledger.ledger import Ledger
    from target_activecampaign.records.input_record import InputRecord
    from target_activecampaign.sinks.contacts.contact_change import ContactChange, RequestedGrant
    from target_activecampaign.sinks.write_context import WriteContext

    from .audience_members import AudienceMembers


class OtherStreams:
    """Notes what streams that are no audience give, of what an audience has ever given anybody."""

    def __init__(self, ledger: Ledger, members: AudienceMembers) -> None:
        self._records, self._members = ledger.audiences, members

    # --- before a write ---------------------------------------------------------------------

    def expect(self, context: WriteContext, changes: list[ContactChange]) -> None:
        """Set what changes will give and remove; sends no request but for the names of tags."""
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
            mine = [grant for grant in grants if grant.grant_id in granted]
            if mine or not removed.isdisjoint(granted):
                rows = (row_request.row for row_request in change.row_requests)
                names = {id(row): self._name_of(context, row) for row in rows}
                change.stream_grants = StreamGrants(mine, removed & granted, names)

    def _name_of(self, context: WriteContext, row: InputRecord) -> str:
        """Return the name of a row's contact in the ledger: its id, else that of its address."""
        email, native_id = deciding_name(context.references, row)
        if native_id:
            return native_id
        return placeholder_of(self._records.address_key(email)) if email else ""

    # --- after a write ----------------------------------------------------------------------

    def find_written(self, context: WriteContext, changes: list[ContactChange]) -> None:
        """Set the ids of written contacts that the importer did not return, where that matters.

        The ledger's contact of an address is verified if it has what the rows give or remove.
        Raises `RequestError`.
        """
        mine = [
            change
            for change in changes
            if change.stream_grants is not None and change.id is None and change.email
        ]
        self._records.prefetch_grants(map(self._placeholder, mine))
        candidates = [self._candidates_of(change) for change in mine]
        self._records.prefetch_grants({each for found in candidates for each in found})
        candidates = [
            [each for each in found if self._has_any(each, change)]
            for change, found in zip(mine, candidates, strict=True)
        ]
        rows = context.references.contacts_by_id(each for found in candidates for each in found)
        for change, found in zip(mine, candidates, strict=True):
            verified = (each for each in found if has_address(rows.get(each), change.email))
            change.id = next(verified, None)

    def _candidates_of(self, change: ContactChange) -> list[str]:
        """Return the contacts that the ledger remembers of an address."""
        remembered = [change.ledger_id, self._records.grants_of(self._placeholder(change)).contact]
        return [contact for contact in dict.fromkeys(remembered) if contact]

    def _has_any(self, contact: str, change: ContactChange) -> bool:
        grants = change.stream_grants
        ids = grants.removed.union(g.grant_id for g in grants.grants) if grants else set()
        return not ids.isdisjoint(self._records.grants_of(contact).by_id)

    def after_write(self, changes: list[ContactChange]) -> None:
        """Note what was given and removed; called in the transaction that confirms the rows."""
        mine = [(change, change.stream_grants) for change in changes if change.stream_grants]
        people: set[str] = set()
        for change, found in mine:
            people.update(self._people_of(change), filter(None, found.names.values()))
        self._records.prefetch_grants(people)
        self._records.prefetch_stream_grants(people)
        for change, found in mine:
            done = done_requests(self._members, change)
            for person in {*self._people_of(change), *filter(None, found.names.values())}:
                self._records.remove_grants(person, found.removed)
            for grant in found.grants:
                if (grant.grantor, grant.request) in done:
                    self._note(change, grant, found.names[id(grant.row)])
        self._records.uncache()

    def _people_of(self, change: ContactChange) -> list[str]:
        """Return where the ledger may have grants of the contact that a change wrote."""
        people = [change.id] if change.id is not None and not is_planned(change.id) else []
        return [*people, self._placeholder(change)] if change.email else people

    def _placeholder(self, change: ContactChange) -> str:
        return placeholder_of(self._records.address_key(change.email or ""))

    def _note(self, change: ContactChange, grant: RequestedGrant, name: str) -> None:
        is_field = split_grant_id(grant.grant_id)[0] == "field"
        digest = self._records.digest(grant.value) if is_field else ""
        for person in self._people_of(change):
            # An entry with a contact has no grants of its own.
            grants = self._records.grants_of(person)
            grantors = grants.by_id.get(grant.grant_id)
            if grantors is not None:
                value = digest if is_field else max(grantors.values(), default="")
                grants.by_id[grant.grant_id] = dict.fromkeys([*grantors, grant.grantor], value)
                self._records.put_grants(person, grants)
        if name:
            noted = self._records.stream_grants_of(name)
            noted.setdefault(grant.grant_id, {})[grant.grantor] = digest
            self._records.put_stream_grants(name, noted)

    # --- who leaves -------------------------------------------------------------------------

    def grantors_of(self, contact: str, address: bytes) -> dict[str, Grantors]:
        """Return by grant id the streams that give it to a contact, or to its present address."""
        found = dict(self._records.stream_grants_of(contact))
        by_address = self._records.stream_grants_of(placeholder_of(address)) if address else {}
        for grant_id, grantors in by_address.items():
            found[grant_id] = {**found.get(grant_id, {}), **grantors}
        return found
