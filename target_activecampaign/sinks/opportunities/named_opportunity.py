"""Resolves the opportunity that a note or a task names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_activecampaign.lookups.opportunities import OpportunityLookup
from target_activecampaign.outcome import RowRejected

if TYPE_CHECKING:
    from target_activecampaign.sinks.write_context import WriteContext


def opportunity_of(context: WriteContext, ref: dict[str, str]) -> str:
    """Return the id of a deal reference.

    Raises `RowDeferred` while the deal of an external id or of a foreign id may still be written.
    """
    native_id = context.foreign_ids.read_reference("deal", ref, "opportunity")
    if native_id:
        return native_id
    if ref.get("external_id"):
        return _by_external_id(context, ref["external_id"])
    raise context.references.not_found("opportunity", "deal", "id" if ref.get("id") else "name")


def _by_external_id(context: WriteContext, external_id: str) -> str:
    """Return the id of the deal with an external id.

    Raises `RowDeferred` if a later row may create the deal.
    """
    name = context.policy.opportunity_external_id_field
    field = context.references.fields("opportunity").find(name) if name else None
    if field is None:
        raise RowRejected(
            "opportunity: external_id needs opportunity_external_id_field, and that deal field"
        )
    ids = set(
        OpportunityLookup(context.client, context.pool, context.references, 0).ids_by_external_id(
            external_id, field.id
        )
    )
    if len(ids) > 1:
        raise RowRejected("opportunity: external_id fits several; give the id")
    if ids:
        return ids.pop()
    raise context.references.not_found("opportunity", "deal", "external_id", external_id)
