"""The sink of tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_activecampaign.outcome import Outcome, RowRejected
from target_activecampaign.sinks.contacts.change import LONGEST_TAG
from target_activecampaign.sinks.record_sink import native_fields_of

from .named_resource import write_named

if TYPE_CHECKING:
    from target_activecampaign.records.record import InputRecord
    from target_activecampaign.sinks.context import WriteContext
    from target_activecampaign.sinks.sink import Sink


def write_tag(context: WriteContext, sink: Sink, row: InputRecord) -> Outcome:
    """Create or update a tag."""
    native = native_fields_of(context, sink, row)
    name = str(native.columns.get("tag") or "").strip()
    if len(name) > LONGEST_TAG:
        raise RowRejected(f"name: longer than {LONGEST_TAG} characters; shorten it")
    native.columns |= {"tag": name} if name else {}
    fresh = {"tagType": "contact", "description": ""} | native.columns
    return write_named(
        context, sink, row, native, name=name, fresh=fresh, within=str(fresh["tagType"])
    )
