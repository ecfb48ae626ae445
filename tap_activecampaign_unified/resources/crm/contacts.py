"""CRM contacts: the same people as a salesperson sees them."""

from __future__ import annotations

from tap_activecampaign_unified.resources import contact_fields as people
from tap_activecampaign_unified.resources.array_codecs import single_item
from tap_activecampaign_unified.resources.codecs import flag, identifier, instant, integer, text
from tap_activecampaign_unified.resources.json_schema import DATE_TIME, STRING, array_of, object_of
from tap_activecampaign_unified.resources.resource import (
    ADDRESSES,
    NAMED_REF,
    TAGS,
    URLS,
    Derived,
    Field,
    Linked,
    Replication,
    Resource,
    empty,
    full_name,
    nothing,
)

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
        Field("first_name", "firstName", text, imported_as="first_name"),
        Field("last_name", "lastName", text, imported_as="last_name"),
        Derived("name", full_name, STRING, "First and last name"),
        Linked("title", people.LINKS, people.job_title, STRING, "Job title at the first account"),
        Linked("account", people.LINKS, people.account, NAMED_REF, "The account of the first link"),
        Linked(
            "accounts",
            people.LINKS,
            people.accounts,
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
        Linked("tags", people.TAGS, people.named_tags, TAGS, "Tags of the contact, in order of id"),
        Linked(
            "segments",
            people.MEMBERSHIPS,
            people.segments,
            people.SEGMENTS,
            "Every list that the contact is or was on, with the status there, in order of id",
        ),
        Linked(
            "scores",
            people.SCORE_VALUES,
            people.scores,
            people.SCORES,
            "Scores (read only)",
            read_only=True,
        ),
        Derived(
            "last_activity_at",
            people.latest_of("last_open_date", "last_click_date"),
            DATE_TIME,
            "Last open or click",
        ),
        Field("bounced_hard", "bounced_hard", integer, "Hard bounces", read_only=True),
        Field("bounced_soft", "bounced_soft", integer, "Soft bounces", read_only=True),
        Field("deleted", "deleted", flag, read_only=True),
        Field("anonymized", "anonymized", flag, read_only=True),
        Derived("etag", nothing, STRING, "Always null"),
        Derived("owner", nothing, object_of(id=STRING), "Always null: contacts have no owner"),
        Derived("urls", empty, URLS, "Always empty"),
        Field("created_at", "cdate", instant, read_only=True),
        Derived("updated_at", people.updated_at, DATE_TIME, "Last change; never null"),
    ),
)
