"""What the rows of a change grant, and which of that was carried out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .grant_ids import requested_grants

if TYPE_CHECKING:
    from target_activecampaign.records.input_record import InputRecord
    from target_activecampaign.sinks.contacts.contact_change import ContactChange, RowRequest
    from target_activecampaign.sinks.write_context import WriteContext

    from .audience_members import AudienceMembers


@dataclass(frozen=True)
class RequestedGrant:
    """What one row grants: the request of the change, the grant id, a field's normalized value."""

    row: InputRecord
    request: str
    grant_id: str
    value: str


def audience_grantor(name: str) -> str:
    """Return the grantor of an audience's grants."""
    return f"audience:{name}"


def grantor_of(members: AudienceMembers, row: InputRecord) -> str:
    """Return the grantor of a row's grants: its audience or its stream."""
    name = members.audience_of(row)
    return f"stream:{row.input_stream}" if name is None else audience_grantor(name)


def grants_of_change(
    context: WriteContext, members: AudienceMembers, change: ContactChange
) -> list[RequestedGrant]:
    """Return what the rows of a change grant, those of audiences first."""

    def is_of_other(row_request: RowRequest) -> bool:
        return members.audience_of(row_request.row) is None

    return _grants_of_rows(context, change, sorted(change.row_requests, key=is_of_other))


def grants_of_streams(
    context: WriteContext, members: AudienceMembers, change: ContactChange
) -> list[RequestedGrant]:
    """Return what those rows of a change grant that are of no audience."""
    others = [
        row_request
        for row_request in change.row_requests
        if members.audience_of(row_request.row) is None
    ]
    return _grants_of_rows(context, change, others)


def _grants_of_rows(
    context: WriteContext, change: ContactChange, row_requests: list[RowRequest]
) -> list[RequestedGrant]:
    return [
        RequestedGrant(row_request.row, *found)
        for row_request in row_requests
        for found in requested_grants(context, change, row_request)
    ]


def done_requests(members: AudienceMembers, change: ContactChange) -> set[tuple[str, str]]:
    """Return what a written change carried out: the grantor and the request."""
    return {
        (grantor_of(members, row_request.row), request)
        for row_request in change.row_requests
        for request in row_request.requested
        if row_request.parts_to_resend.isdisjoint(row_request.parts_of(request))
    }
