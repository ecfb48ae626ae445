"""Marketing contacts: the account's contacts with the properties of e-mail marketing."""

from __future__ import annotations

from tap_activecampaign_unified.resources import contact_fields
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

ADDRESS = object_of(
    street_1=STRING,
    street_2=STRING,
    city=STRING,
    state=STRING,
    country=STRING,
    postal_code=STRING,
    type=STRING,
)

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
        contact_fields.NAME,
        contact_fields.FIRST_NAME,
        contact_fields.LAST_NAME,
        Field("phones", "phone", single_item("phone", type=None), imported_as="phone"),
        Derived("addresses", empty, array_of(ADDRESS), "Always empty: contacts have none"),
        contact_fields.APPLIED_TAGS,
        contact_fields.ALL_SEGMENTS,
        Linked(
            "status",
            contact_fields.MEMBERSHIPS,
            contact_fields.rolled_up_status,
            STRING,
            "Summary of the memberships: active, bounced, unconfirmed, unsubscribed or null",
            read_only=True,
        ),
        contact_fields.ACCOUNT,
        Field("email_domain", "email_domain", text, read_only=True),
        Field("last_open_at", "last_open_date", instant, read_only=True),
        Field("last_click_at", "last_click_date", instant, read_only=True),
        contact_fields.scores_entry("score_values"),
        Field("sms_consent", "sms_consent", text, read_only=True),
        contact_fields.DELETED,
        contact_fields.ANONYMIZED,
        contact_fields.CREATED_AT,
        contact_fields.UPDATED_AT,
    ),
)
