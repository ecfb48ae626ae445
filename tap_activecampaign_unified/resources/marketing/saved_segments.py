"""Saved segments, and the members of the segments in the setting `saved_segments`.

A saved segment is a set of conditions that ActiveCampaign evaluates. `segments.py` has the lists.
"""

from __future__ import annotations

from tap_activecampaign_unified.resources.codecs import decode_integer, flag, identifier, text
from tap_activecampaign_unified.resources.resource import Field, Linked, Resource, Row, RowContext
from tap_activecampaign_unified.resources.schema_types import INTEGER
from tap_activecampaign_unified.resources.time_codecs import instant

#: The relation with the number of contacts of a saved segment.
SEGMENT_COUNTS = "segment_counts"
#: The name of the walk over the members of saved segments.
SEGMENT_MEMBERS = "segmentMembers"

_CLOCK = "On the account's clock: the row has no offset"


def _count(_: Row, context: RowContext) -> int | None:
    counts = next(iter(context.rows(SEGMENT_COUNTS)), {})
    return decode_integer(counts.get("total"))


SAVED_SEGMENTS = Resource(
    name="marketing_saved_segments",
    title="Saved segments",
    endpoint_name="segments",
    endpoint="segments",
    stamps=(),
    selected_by_default=False,
    is_documented=False,
    entries=(
        Field("id", "id", identifier),
        Field("name", "name", text, read_only=True),
        Linked(
            "contact_count",
            SEGMENT_COUNTS,
            _count,
            INTEGER,
            "How many contacts it has now; deselect it to save a request per segment",
        ),
        Field(
            "logic", "logic", text, "`and` or `or`: how its conditions are combined", read_only=True
        ),
        Field("is_hidden", "hidden", flag, read_only=True),
        Field("created_at", "created_timestamp", instant, _CLOCK, read_only=True),
        Field("updated_at", "updated_timestamp", instant, _CLOCK, read_only=True),
    ),
)

SAVED_SEGMENT_MEMBERS = Resource(
    name="marketing_saved_segment_members",
    title="Members of saved segments",
    endpoint_name=SEGMENT_MEMBERS,
    endpoint="contacts",
    keys=("contact_id", "segment_id"),
    stamps=(),
    finds_deletes=False,
    selected_by_default=False,
    is_documented=False,
    entries=(
        Field("contact_id", "contact", identifier),
        Field("segment_id", "segment", identifier),
        Field("segment_name", "segmentName", text, read_only=True),
        Field("email", "email", text, "The contact's address", read_only=True),
    ),
)
