"""CRM contacts: the account's contacts with the properties of a CRM."""

from __future__ import annotations

from tap_activecampaign_unified.resources import shared_contact_fields
from tap_activecampaign_unified.resources.array_codecs import single_item
from tap_activecampaign_unified.resources.codecs import identifier, integer
from tap_activecampaign_unified.resources.resource import (
    Derived,
    Field,
    Linked,
    Replication,
    Resource,
    empty,
    nothing,
)
from tap_activecampaign_unified.resources.schema_types import DATE_TIME, STRING, array_of, object_of
from tap_activecampaign_unified.resources.shared_columns import ADDRESSES, URLS

CONTACTS = Resource(
    name="crm_contacts",
    title="CRM contacts",
    endpoint_name="contacts",
    endpoint="contacts",
    singular="contact",
    replication=Replication.FILTERED,
    replication_key="updated_at",
    changed=("udate", "updated_timestamp", "cdate"),
    custom_fields="contact",
    entries=(
        Field("id", "id", identifier),
        shared_contact_fields.FIRST_NAME,
        shared_contact_fields.LAST_NAME,
        shared_contact_fields.NAME,
        Linked(
            "title",
            shared_contact_fields.LINKS,
            shared_contact_fields.job_title,
            STRING,
            "Job title at the first account",
        ),
        shared_contact_fields.ACCOUNT,
        Linked(
            "accounts",
            shared_contact_fields.LINKS,
            shared_contact_fields.accounts,
            array_of(object_of(id=STRING, name=STRING, title=STRING, link_id=STRING)),
            "Every account, in order of the links (read only)",
            read_only=True,
        ),
        Derived("addresses", empty, ADDRESSES, "Always empty: contacts have none"),
        Field(
            "email_addresses",
            "email",
            single_item("email", id=None, type=None),
            "At most one: ActiveCampaign has no second address",
        ),
        Field(
            "phone_numbers",
            "phone",
            single_item("number", id=None, extension=None, type=None),
            imported_as="phone",
        ),
        shared_contact_fields.APPLIED_TAGS,
        shared_contact_fields.ALL_SEGMENTS,
        shared_contact_fields.scores_entry("scores"),
        Derived(
            "last_activity_at",
            shared_contact_fields.latest_of("last_open_date", "last_click_date"),
            DATE_TIME,
            "Last open or click",
        ),
        Field("bounced_hard", "bounced_hard", integer, "Hard bounces", read_only=True),
        Field("bounced_soft", "bounced_soft", integer, "Soft bounces", read_only=True),
        shared_contact_fields.DELETED,
        shared_contact_fields.ANONYMIZED,
        Derived("etag", nothing, STRING, "Always null"),
        Derived("owner", nothing, object_of(id=STRING), "Always null: contacts have no owner"),
        Derived("urls", empty, URLS, "Always empty"),
        shared_contact_fields.CREATED_AT,
        shared_contact_fields.UPDATED_AT,
    ),
)
