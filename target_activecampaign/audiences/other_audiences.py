"""Makes a leaver a member of each other audience that has a row with the leaver's present address.

The target wrote this row to another contact, which had the address then, and the row is unchanged
since. The leaver keeps what both audiences grant until the row is gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_activecampaign.ledger.audience_records import Member

from .grant_ids import kind_of
from .requested_grants import audience_grantor

if TYPE_CHECKING:
    from target_activecampaign.ledger.audience_records import AudienceRecords, Grantors, Grants
    from target_activecampaign.ledger.ledger import Ledger


def join_other_audiences(
    ledger: Ledger, audience: str, contacts: dict[bytes, str]
) -> dict[str, dict[str, Grantors]]:
    """Make leavers members of the other audiences that have a row of their present address.

    ``contacts`` are the leavers by the hash of the address. Returns, by contact and grant id, the
    other audiences as grantors.
    """
    records = ledger.audiences
    found: dict[tuple[str, str], list[Member]] = {}
    for name in records.audiences():
        for member in records.members(name) if name != audience else ():
            contact = contacts.get(member.address)
            if contact is not None and member.person != contact:
                found.setdefault((name, contact), []).append(member)
    joined: dict[str, dict[str, Grantors]] = {}
    with ledger.transaction():
        for (name, contact), members in found.items():
            if records.member(name, contact) is not None:
                continue
            grants = records.grants_of(contact)
            for member in members:
                for grant_id, value in _shared_grants(records, name, member, grants).items():
                    grantor = {audience_grantor(name): value}
                    grants.by_id[grant_id] |= grantor
                    joined.setdefault(contact, {}).setdefault(grant_id, {}).update(grantor)
            records.put_grants(contact, grants)
            keys = dict.fromkeys(key for member in members for key in member.keys)
            is_complete = any(member.is_complete for member in members)
            records.put_member(
                name, Member(contact, members[0].address, tuple(keys), is_complete=is_complete)
            )
    return joined


def _shared_grants(
    records: AudienceRecords, audience: str, member: Member, grants: Grants
) -> dict[str, str]:
    """Return the grants of an audience to a member that are among a contact's ``grants``.

    The result has the contact's value by grant id. For a field, both values must be the same.
    """
    grantor = audience_grantor(audience)
    shared: dict[str, str] = {}
    for grant_id, grantors in records.grants_of(member.person).by_id.items():
        value = max(grants.by_id.get(grant_id, {}).values(), default=None)
        is_field = kind_of(grant_id) == "field"
        if value is None or grantor not in grantors or (is_field and grantors[grantor] != value):
            continue
        shared[grant_id] = value
    return shared
