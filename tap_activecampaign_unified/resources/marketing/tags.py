"""Tags, and the contacts that have them."""

from __future__ import annotations

from tap_activecampaign_unified.resources import shared_contact_fields
from tap_activecampaign_unified.resources.codecs import identifier, integer, text
from tap_activecampaign_unified.resources.resource import Derived, Field, Replication, Resource, Row
from tap_activecampaign_unified.resources.schema_types import STRING
from tap_activecampaign_unified.resources.time_codecs import instant


def _skip_deleted(row: Row) -> str | None:
    return "deleted in ActiveCampaign" if str(row.get("deleted")) == "1" else None


TAGS = Resource(
    name="marketing_tags",
    title="Tags",
    endpoint_name="tags",
    endpoint="tags",
    singular="tag",
    skip=_skip_deleted,
    entries=(
        Field("id", "id", identifier),
        Field("name", "tag", text),
        Field("description", "description", text),
        Field("type", "tagType", text, "`contact` or `template`"),
        Field(
            "contact_count",
            "subscriber_count",
            integer,
            "A counter of ActiveCampaign; not exact",
            read_only=True,
        ),
        Field("created_at", "cdate", instant, read_only=True),
        Field(
            "updated_at",
            "updated_timestamp",
            instant,
            "Changes when the tag is applied or removed, not when it is renamed",
            read_only=True,
        ),
    ),
)

CONTACT_TAGS = Resource(
    name="marketing_contact_tags",
    title="Tags applied",
    endpoint_name="contacts",
    endpoint="contactTags",
    singular="contactTag",
    keys=("contact_id", "tag_id"),
    replication=Replication.FILTERED,
    replication_key="contact_updated_at",
    changed=("udate", "updated_timestamp", "cdate"),
    expand=shared_contact_fields.pairs_of(shared_contact_fields.TAGS, "tag"),
    relation=shared_contact_fields.TAGS,
    entries=(
        Field("contact_id", "contact", identifier),
        Field("tag_id", "tag", identifier),
        Derived(
            "tag_name",
            lambda row, row_context: row_context.names.tags.get(str(row.get("tag"))),
            STRING,
        ),
        Field("created_at", "cdate", instant, "When the tag was applied", read_only=True),
        shared_contact_fields.CONTACT_UPDATED_AT,
    ),
)
