"""Engagements: one record per send, open, click, bounce, reply and forward of a contact.

ActiveCampaign does not document their collections. The walk adds the column ``engagement`` to each
row: the name of the row's collection.
"""

from __future__ import annotations

from tap_activecampaign_unified.resources.codecs import (
    decode_id,
    decode_text,
    flag,
    integer,
    ref,
    text,
)
from tap_activecampaign_unified.resources.input_values import InvalidValue
from tap_activecampaign_unified.resources.resource import (
    Derived,
    Field,
    Replication,
    Resource,
    Row,
    RowContext,
)
from tap_activecampaign_unified.resources.schema_types import BOOLEAN, DATE_TIME, STRING, object_of
from tap_activecampaign_unified.resources.shared_columns import ref_in
from tap_activecampaign_unified.resources.time_codecs import decode_instant

#: The columns that the walk adds: a row's collection, and the URL of its link.
SOURCE, URL = "engagement", "linkUrl"
#: The prefix of a record's id, by collection. Rows of two collections may have the same id.
PREFIXES = {"logs": "send", "linkData": "link", "mppLinkData": "machine", "bounceLogs": "bounce"}
#: The prefix and type of rows that only the activities of contacts have.
REACTIONS = {"replies": "reply", "forwards": "forward"}
#: The text that the link of an open has in place of a URL.
OPEN = "open"


def _id(row: Row, context: RowContext) -> str | None:
    found = decode_id(row.get("id"), context.zone)
    prefix = (PREFIXES | REACTIONS).get(str(row.get(SOURCE)))
    return f"{prefix}-{found}" if found and prefix else None


def _type(row: Row, _: RowContext) -> str | None:
    source = str(row.get(SOURCE))
    if source in REACTIONS:
        return REACTIONS[source]
    if source == "logs":
        return "send"
    if source == "bounceLogs":
        return "bounce"
    if source == "mppLinkData":
        return "open"
    word = decode_text(row.get("isread"))
    if word not in {"0", "1", "2"}:
        raise InvalidValue("neither an open nor a click")
    return "click" if word == "0" else "open"


def _is_machine(row: Row, _: RowContext) -> bool:
    return row.get(SOURCE) == "mppLinkData" or str(row.get("isread")) == "2"


def _link(row: Row, context: RowContext) -> Row | None:
    found = decode_id(row.get("linkid"), context.zone)
    if found is None:
        return None
    url = decode_text(row.get(URL), context.zone)
    return {"id": found, "url": None if url == OPEN else url}


def _first(row: Row, context: RowContext) -> str | None:
    """Return the time of the first event, or of the last event if the row has no first time."""
    return decode_instant(row.get("created_timestamp"), context.zone) or _last(row, context)


def _last(row: Row, context: RowContext) -> str | None:
    return decode_instant(row.get("tstamp"), context.zone)


ENGAGEMENTS = Resource(
    name="marketing_engagements",
    title="Engagements",
    endpoint_name="engagements",
    endpoint="logs",
    replication=Replication.FILTERED,
    replication_key="last_occurred_at",
    stamps=("tstamp",),
    finds_deletes=False,
    selected_by_default=False,
    is_documented=False,
    entries=(
        Derived("id", _id, {"type": "string"}, "Its kind and number: `send-7`, `link-7`, …"),
        Derived("type", _type, STRING, "`send`, `open`, `click`, `bounce`, `reply` or `forward`"),
        Derived(
            "is_machine",
            _is_machine,
            BOOLEAN,
            "True if a program like Apple Mail fetched the message: perhaps no person read it",
        ),
        Derived(
            "contact",
            ref_in("subscriberid", "contact"),
            object_of(id=STRING),
            "The contact of the event",
        ),
        Field("campaign", "campaignid", ref, read_only=True),
        Field("message", "messageid", ref, read_only=True),
        Derived(
            "link", _link, object_of(id=STRING, url=STRING), "Of a click; an open has no `url`"
        ),
        Derived("occurred_at", _first, DATE_TIME, "Time of the first event"),
        Derived("last_occurred_at", _last, DATE_TIME, "Time of the last event"),
        Field(
            "count",
            "times",
            integer,
            "How often a message was opened, a link clicked",
            read_only=True,
        ),
        Field("is_successful", "successful", flag, "Only of a send", read_only=True),
        Field("bounce_code", "code", text, read_only=True),
        Field("bounce_reason", "error", text, read_only=True),
        Field("user_agent", "ua", text, read_only=True),
    ),
)
