"""Segments, which are ActiveCampaign's lists, and their memberships."""

from __future__ import annotations

from tap_activecampaign_unified.resources import shared_contact_fields
from tap_activecampaign_unified.resources.codecs import identifier, integer, text
from tap_activecampaign_unified.resources.resource import (
    Derived,
    Field,
    Replication,
    Resource,
    Row,
    RowContext,
    nothing,
)
from tap_activecampaign_unified.resources.schema_types import BOOLEAN, DATE_TIME, STRING
from tap_activecampaign_unified.resources.time_codecs import decode_instant, instant


def _status(row: Row, row_context: RowContext) -> str:
    return "inactive" if decode_instant(row.get("deletestamp"), row_context.zone) else "active"


SEGMENTS = Resource(
    name="marketing_segments",
    title="Segments",
    endpoint_name="lists",
    endpoint="lists",
    singular="list",
    entries=(
        Field("id", "id", identifier),
        Field("name", "name", text),
        Field("description", "description", text),
        Derived("status", _status, STRING, "`inactive` once the list is deleted, else `active`"),
        Derived("is_starred", nothing, BOOLEAN, "Always null"),
        Field("string_id", "stringid", text, "The name of the list in URLs"),
        Field("channel", "channel", text, "`email` or `sms`", read_only=True),
        Field("sender_url", "sender_url", text),
        Field(
            "sender_reminder", "sender_reminder", text, "Reminds people why they get these e-mails"
        ),
        Field("subscriber_count", "active_subscribers", integer, read_only=True),
        Field("created_at", "cdate", instant, read_only=True),
        Field("updated_at", "udate", instant, read_only=True),
        Derived("last_calculated_at", nothing, DATE_TIME, "Always null: lists are not calculated"),
    ),
)


def _unsubscribed_at(row: Row, row_context: RowContext) -> str | None:
    if shared_contact_fields.segment_status(row) != "unsubscribed":
        return None
    return decode_instant(row.get("udate"), row_context.zone)


MEMBERSHIPS = Resource(
    name="marketing_segment_memberships",
    title="Segment memberships",
    endpoint_name="contacts",
    endpoint="contactLists",
    singular="contactList",
    keys=("contact_id", "segment_id"),
    replication=Replication.FILTERED,
    replication_key="contact_updated_at",
    changed=("udate", "updated_timestamp", "cdate"),
    expand=shared_contact_fields.pairs_of(shared_contact_fields.MEMBERSHIPS, "list"),
    relation=shared_contact_fields.MEMBERSHIPS,
    entries=(
        Field("contact_id", "contact", identifier),
        Field("segment_id", "list", identifier),
        Derived(
            "segment_name",
            lambda row, row_context: row_context.names.segments.get(str(row.get("list"))),
            STRING,
        ),
        Derived(
            "status",
            lambda row, _: shared_contact_fields.segment_status(row),
            STRING,
            "`active`, `unsubscribed`, `unconfirmed` or `bounced`",
        ),
        Field("subscribed_at", "sdate", instant),
        Derived("unsubscribed_at", _unsubscribed_at, DATE_TIME, "Null unless unsubscribed"),
        shared_contact_fields.CONTACT_UPDATED_AT,
    ),
)
