"""What the rows of a change grant, and which of that was carried out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_activecampaign.sinks.contacts.contact_change import SUBSCRIBE, RequestedGrant

from .grant_ids import BLANK, grant_id, normalized_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from target_activecampaign.records.input_record import InputRecord
    from target_activecampaign.sinks.contacts.contact_change import ContactChange, RowRequest
    from target_activecampaign.sinks.write_context import WriteContext

    from .audience_members import AudienceMembers


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
    grants = [
        RequestedGrant(
            row_request.row,
            grantor_of(members, row_request.row),
            *found,
            is_of_audience=members.audience_of(row_request.row) is not None,
        )
        for row_request in change.row_requests
        for found in _grants_of_row(context, change, row_request)
    ]
    return sorted(grants, key=lambda grant: not grant.is_of_audience)


def _grants_of_row(
    context: WriteContext, change: ContactChange, row_request: RowRequest
) -> Iterator[tuple[str, str, str]]:
    """Return what one row of a change grants: request, grant id, and the normalized value."""
    for request in sorted(row_request.requested):
        kind, _, name = request.partition(":")
        if kind == "tag":
            spelled, is_added = change.tags.get(name, (name, False))
            found = context.references.find_by_name("tag", spelled) if is_added else []
            if found:
                yield request, grant_id("tag", str(found[0]["id"])), ""
        elif kind == "list" and change.lists.get(name) == SUBSCRIBE:
            yield request, grant_id("list", name), ""
        elif kind == "value" and name in change.values:
            definition, value, _ = change.values[name]
            if value not in BLANK:
                yield request, grant_id("field", name), normalized_text(definition, value)
        elif kind == "automation" and change.automations.get(name):
            yield request, grant_id("automation", name), ""


def done_requests(members: AudienceMembers, change: ContactChange) -> set[tuple[str, str]]:
    """Return what a written change carried out: the grantor and the request."""
    return {
        (grantor_of(members, row_request.row), request)
        for row_request in change.row_requests
        for request in row_request.requested
        if row_request.parts_to_resend.isdisjoint(row_request.parts_of(request))
    }
