"""Marketing contacts: people as an e-mail marketer sees them."""

from __future__ import annotations

from tap_activecampaign_unified.resources import contact_fields as people
from tap_activecampaign_unified.resources.array_codecs import single_item
from tap_activecampaign_unified.resources.codecs import flag, identifier, instant, text
from tap_activecampaign_unified.resources.json_schema import DATE_TIME, STRING, array_of, object_of
from tap_activecampaign_unified.resources.resource import (
    NAMED_REF,
    TAGS,
    Derived,
    Field,
    Linked,
    Replication,
    Resource,
    empty,
    full_name,
)

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
        Derived("name", full_name, STRING, "First and last name"),
        Field("first_name", "firstName", text, imported_as="first_name"),
        Field("last_name", "lastName", text, imported_as="last_name"),
        Field("phones", "phone", single_item("phone", type=None), imported_as="phone"),
        Derived("addresses", empty, array_of(ADDRESS), "Always empty: contacts have none"),
        Linked("tags", people.TAGS, people.named_tags, TAGS, "Tags of the contact, in order of id"),
        Linked(
            "segments",
            people.MEMBERSHIPS,
            people.segments,
            people.SEGMENTS,
            "Every list that the contact is or was on, with the status there, in order of id",
        ),
        Linked(
            "status",
            people.MEMBERSHIPS,
            people.rolled_up_status,
            STRING,
            "Summary of the memberships: active, bounced, unconfirmed, unsubscribed or null",
            read_only=True,
        ),
        Linked("account", people.LINKS, people.account, NAMED_REF, "The account of the first link"),
        Field("email_domain", "email_domain", text, read_only=True),
        Field("last_open_at", "last_open_date", instant, read_only=True),
        Field("last_click_at", "last_click_date", instant, read_only=True),
        Linked(
            "score_values",
            people.SCORE_VALUES,
            people.scores,
            people.SCORES,
            "Scores (read only)",
            read_only=True,
        ),
        Field("sms_consent", "sms_consent", text, read_only=True),
        Field("deleted", "deleted", flag, read_only=True),
        Field("anonymized", "anonymized", flag, read_only=True),
        Field("created_at", "cdate", instant, read_only=True),
        Derived("updated_at", people.updated_at, DATE_TIME, "Last change; never null"),
    ),
)
