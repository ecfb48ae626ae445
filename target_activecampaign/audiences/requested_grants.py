"""Returns what the rows of a change grant and remove, and which requests were carried out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_activecampaign_unified.resources.input_values.column_names import fold
from target_activecampaign.sinks.contacts.contact_change import (
    SUBSCRIBE,
    UNSUBSCRIBE,
    RequestedGrant,
)

from .grant_ids import grant_id
from .present_grants import BLANK, normalized_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from target_activecampaign.records.input_row import InputRow
    from target_activecampaign.sinks.contacts.contact_change import ContactChange, RowRequest
    from target_activecampaign.sinks.write_context import WriteContext

    from .audience_members import AudienceMembers


def audience_grantor(name: str) -> str:
    """Return the grantor of an audience's grants."""
    return f"audience:{name}"


def grantor_of(members: AudienceMembers, row: InputRow) -> str:
    """Return the grantor of a row's grants: its audience or its stream."""
    name = members.audience_of(row)
    return f"stream:{row.input_stream}" if name is None else audience_grantor(name)


def grants_of_change(
    context: WriteContext, members: AudienceMembers, change: ContactChange
) -> list[RequestedGrant]:
    """Return the grants that the rows of a change request, the grants of audiences first."""
    grants = [
        RequestedGrant(
            row_request.row,
            grantor_of(members, row_request.row),
            *grant,
            is_of_audience=members.audience_of(row_request.row) is not None,
        )
        for row_request in change.row_requests
        for grant in _grants_of_row(context, change, row_request)
    ]
    return sorted(grants, key=lambda grant: not grant.is_of_audience)


def _grants_of_row(
    context: WriteContext, change: ContactChange, row_request: RowRequest
) -> Iterator[tuple[str, str, str]]:
    """Yield the grants that one row requests: request, grant id, and a field's value."""
    for request in sorted(row_request.requested):
        kind, _, name = request.partition(":")
        if kind == "tag":
            spelled, is_added = change.tags.get(name, (name, False))
            rows = context.references.find_by_name("tag", spelled) if is_added else []
            if rows:
                yield request, grant_id("tag", str(rows[0]["id"])), ""
        elif kind == "list" and change.lists.get(name) == SUBSCRIBE:
            yield request, grant_id("list", name), ""
        elif kind == "value" and name in change.values:
            definition, value, _ = change.values[name]
            if value not in BLANK:
                yield request, grant_id("field", name), normalized_text(definition, value)
        elif kind == "automation" and change.automations.get(name):
            yield request, grant_id("automation", name), ""


def removed_grant_ids(context: WriteContext, change: ContactChange) -> set[str]:
    """Return the grant ids that a change removes from a contact."""
    references = context.references
    removed = {
        grant_id("tag", str(row["id"]))
        for name in change.removes
        for row in references.find_by_name("tag", name)
    }
    removed |= {
        grant_id("list", list_id)
        for list_id, status in change.lists.items()
        if status == UNSUBSCRIBE
    }
    removed |= {
        grant_id("field", field_id)
        for field_id, (_, value, __) in change.values.items()
        if value in BLANK
    }
    removed |= {
        grant_id("automation", automation)
        for automation, enters in change.automations.items()
        if not enters
    }
    if change.is_mirror:
        kept, namespace = set(map(fold, change.adds)), fold(context.policy.tag_namespace)
        names = {tag: fold(str(row.get("tag"))) for tag, row in references.table("tag").items()}
        removed |= {
            grant_id("tag", tag)
            for tag, name in names.items()
            if name.startswith(namespace) and name not in kept
        }
    return removed


def done_requests(members: AudienceMembers, change: ContactChange) -> set[tuple[str, str]]:
    """Return the requests that a written change carried out, each with its row's grantor."""
    return {
        (grantor_of(members, row_request.row), request)
        for row_request in change.row_requests
        for request in row_request.requested
        if row_request.parts_to_resend.isdisjoint(row_request.parts_of(request))
    }
