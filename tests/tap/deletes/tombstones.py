"""The tombstones of a run, by stream and key."""

from __future__ import annotations

DELETED = "_sdc_deleted_at"
PAIRS = ("marketing_contact_tags", "marketing_segment_memberships")


def deleted(ran, stream):
    """Return the keys of a stream's tombstones."""
    keys = ran.schemas[stream]["key_properties"]
    return [
        tuple(record[key] for key in keys)
        for record in ran.records.get(stream, [])
        if record[DELETED]
    ]


def all_deleted(ran):
    """Return all tombstones by stream; omit streams without any."""
    found = {stream: deleted(ran, stream) for stream in ran.records}
    return {stream: keys for stream, keys in found.items() if keys}
