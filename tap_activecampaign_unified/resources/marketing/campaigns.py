"""Campaigns and their messages, with ActiveCampaign's counters."""

from __future__ import annotations

from tap_activecampaign_unified.resources.codecs import (
    identifier,
    integer,
    ref,
    text,
)
from tap_activecampaign_unified.resources.resource import (
    Derived,
    Field,
    Linked,
    Resource,
)
from tap_activecampaign_unified.resources.schema_types import STRING, object_of
from tap_activecampaign_unified.resources.shared_columns import (
    NAMED_REF,
    named_ref_in,
    ref_in,
    word_in,
)
from tap_activecampaign_unified.resources.time_codecs import instant

# By ActiveCampaign's number. The tap emits unknown numbers unchanged.
STATUSES = {
    "0": "draft",
    "1": "scheduled",
    "2": "sending",
    "3": "paused",
    "4": "stopped",
    "5": "completed",
}
COUNTERS = {
    "emails_sent": "send_amt",
    "recipients": "total_amt",
    "opens": "opens",
    "unique_opens": "uniqueopens",
    "clicks": "linkclicks",
    "unique_clicks": "uniquelinkclicks",
    "contacts_clicked": "subscriberclicks",
    "forwards": "forwards",
    "unique_forwards": "uniqueforwards",
    "bounced_hard": "hardbounces",
    "bounced_soft": "softbounces",
    "unsubscribes": "unsubscribes",
    "replies": "replies",
    "unique_replies": "uniquereplies",
    "social_shares": "socialshares",
}
_PERFORMANCE = tuple(
    Field(unified, native, integer, read_only=True) for unified, native in COUNTERS.items()
)


CAMPAIGNS = Resource(
    name="marketing_campaigns",
    title="Campaigns with their figures",
    endpoint_name="campaigns",
    endpoint="campaigns",
    stamps=("cdate", "mdate"),
    selected_by_default=False,
    entries=(
        Field("id", "id", identifier),
        Field("name", "name", text, read_only=True),
        Field("type", "type", text, "`single`, `split`, `responder`, …", read_only=True),
        Derived(
            "status",
            word_in("status", STATUSES),
            STRING,
            "`draft`, `scheduled`, `sending`, …",
        ),
        Derived("owner", ref_in("user", "userid"), object_of(id=STRING)),
        Linked(
            "automation",
            "automations",
            named_ref_in("automations", "automation", "seriesid"),
            NAMED_REF,
            "The automation it belongs to",
        ),
        Field("message", "message_id", ref, read_only=True),
        Field("scheduled_at", "sdate", instant, read_only=True),
        Field("last_sent_at", "ldate", instant, read_only=True),
        *_PERFORMANCE,
        Field(
            "verified_opens", "verified_opens", integer, "Without opens by machines", read_only=True
        ),
        Field("verified_unique_opens", "verified_unique_opens", integer, read_only=True),
        Field("created_at", "cdate", instant, read_only=True),
        Field("updated_at", "mdate", instant, read_only=True),
    ),
)
CAMPAIGN_MESSAGES = Resource(
    name="marketing_campaign_messages",
    title="Messages of campaigns with their figures",
    endpoint_name="campaignMessages",
    endpoint="campaignMessages",
    selected_by_default=False,
    is_documented=False,
    entries=(
        Field("id", "id", identifier),
        Derived("campaign", ref_in("campaign", "campaignid"), object_of(id=STRING)),
        Derived("message", ref_in("message", "messageid"), object_of(id=STRING)),
        Field("subject", "subject", text, read_only=True),
        Field("share", "percentage", integer, "Percentage of a split test", read_only=True),
        *_PERFORMANCE,
    ),
)
