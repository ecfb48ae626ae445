"""Scores of contacts and opportunities. ActiveCampaign computes them, so they are read only."""

from __future__ import annotations

from typing import Any

from tap_activecampaign_unified.resources.codecs import identifier, number
from tap_activecampaign_unified.resources.resource import (
    Derived,
    Field,
    Replication,
    Resource,
    Row,
    RowContext,
)
from tap_activecampaign_unified.resources.schema_types import STRING
from tap_activecampaign_unified.resources.shared_contact_fields import first_of, pairs_of
from tap_activecampaign_unified.resources.time_codecs import instant


def _name(row: Row, row_context: RowContext) -> str | None:
    return row_context.names.scores.get(str(row.get("score")))


def _entries(unified: str, native: str) -> Any:
    return (
        Field(f"{unified}_id", native, identifier),
        Field("score_id", "score", identifier),
        Derived("score_name", _name, STRING),
        Field("value", "scoreValue", number, read_only=True),
        Field("created_at", "cdate", instant, read_only=True),
        Field("updated_at", "mdate", instant, read_only=True),
        Field(
            f"{unified}_updated_at",
            f"{unified}_updated_at",
            instant,
            "The last change of the record that has the score",
            read_only=True,
        ),
    )


CONTACT_SCORES = Resource(
    name="crm_contact_scores",
    title="Scores of contacts",
    endpoint_name="contacts",
    endpoint="contacts/{id}/scoreValues",
    keys=("contact_id", "score_id"),
    replication=Replication.FILTERED,
    replication_key="contact_updated_at",
    changed=("udate", "updated_timestamp", "cdate"),
    expand=pairs_of("contact_scores", "score"),
    relation="contact_scores",
    selected_by_default=False,
    entries=_entries("contact", "contact"),
)
OPPORTUNITY_SCORES = Resource(
    name="crm_opportunity_scores",
    title="Scores of opportunities",
    endpoint_name="deals",
    endpoint="deals/{id}/scoreValues",
    keys=("opportunity_id", "score_id"),
    replication=Replication.FILTERED,
    replication_key="opportunity_updated_at",
    changed=("mdate",),
    stamps=("cdate", "mdate"),
    expand=pairs_of(
        "deal_scores", "score", "deal", "opportunity_updated_at", first_of("mdate", "cdate")
    ),
    relation="deal_scores",
    selected_by_default=False,
    entries=_entries("opportunity", "deal"),
)
