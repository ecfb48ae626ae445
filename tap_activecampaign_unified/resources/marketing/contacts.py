"""Marketing contacts: the account's contacts with the properties of e-mail marketing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_activecampaign_unified.resources import shared_contact_fields
from tap_activecampaign_unified.resources.array_codecs import single_item
from tap_activecampaign_unified.resources.codecs import identifier, text
from tap_activecampaign_unified.resources.resource import (
    Derived,
    Field,
    Linked,
    Replication,
    Resource,
    empty,
)
from tap_activecampaign_unified.resources.schema_types import STRING, array_of, object_of
from tap_activecampaign_unified.resources.time_codecs import instant

if TYPE_CHECKING:
    from tap_activecampaign_unified.resources.resource import Row, RowContext

ADDRESS = object_of(
    street_1=STRING,
    street_2=STRING,
    city=STRING,
    state=STRING,
    country=STRING,
    postal_code=STRING,
    type=STRING,
)


def rolled_up_status(row: Row, row_context: RowContext) -> str | None:
    """Return the first of these statuses that a membership has, None without memberships.

    The order is: active, bounced, unconfirmed, unsubscribed. A contact with a hard bounce and no
    active membership is bounced, even without a list.
    """
    statuses = {
        shared_contact_fields.segment_status(membership)
        for membership in row_context.rows(shared_contact_fields.MEMBERSHIPS)
    }
    if "active" in statuses:
        return "active"
    if "bounced" in statuses or str(row.get("bounced_hard") or 0) != "0":
        return "bounced"
    return next((word for word in ("unconfirmed", "unsubscribed") if word in statuses), None)


CONTACTS = Resource(
    name="marketing_contacts",
    title="Marketing contacts",
    endpoint_name="contacts",
    endpoint="contacts",
    singular="contact",
    replication=Replication.FILTERED,
    replication_key="updated_at",
    changed=("udate", "updated_timestamp", "cdate"),
    custom_fields="contact",
    entries=(
        Field("id", "id", identifier),
        Field("email", "email", text, "The address, as it is spelled in ActiveCampaign"),
        shared_contact_fields.NAME,
        shared_contact_fields.FIRST_NAME,
        shared_contact_fields.LAST_NAME,
        Field("phones", "phone", single_item("phone", type=None), imported_as="phone"),
        Derived("addresses", empty, array_of(ADDRESS), "Always empty: contacts have none"),
        shared_contact_fields.APPLIED_TAGS,
        shared_contact_fields.ALL_SEGMENTS,
        Linked(
            "status",
            shared_contact_fields.MEMBERSHIPS,
            rolled_up_status,
            STRING,
            "Summary of the memberships: active, bounced, unconfirmed, unsubscribed or null",
            read_only=True,
        ),
        shared_contact_fields.ACCOUNT,
        Field("email_domain", "email_domain", text, read_only=True),
        Field("last_open_at", "last_open_date", instant, read_only=True),
        Field("last_click_at", "last_click_date", instant, read_only=True),
        shared_contact_fields.scores_entry("score_values"),
        Field("sms_consent", "sms_consent", text, read_only=True),
        shared_contact_fields.DELETED,
        shared_contact_fields.ANONYMIZED,
        shared_contact_fields.CREATED_AT,
        shared_contact_fields.UPDATED_AT,
    ),
)
