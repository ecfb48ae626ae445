"""The sink of tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_activecampaign_unified.resources.input_values.column_names import fold
from target_activecampaign.outcome import Outcome, RowRejected
from target_activecampaign.sinks.contacts.contact_change import MAX_TAG_LENGTH
from target_activecampaign.sinks.fields.native_fields import native_fields_of

from .named_resource import write_named

if TYPE_CHECKING:
    from target_activecampaign.records.input_row import InputRow
    from target_activecampaign.sinks.sink_definition import Sink
    from target_activecampaign.sinks.write_context import WriteContext


def write_tag(context: WriteContext, sink: Sink, row: InputRow) -> Outcome:
    """Create or update a tag."""
    native = native_fields_of(context, sink, row)
    name = str(native.columns.get("tag") or "").strip()
    if len(name) > MAX_TAG_LENGTH:
        raise RowRejected(f"name: longer than {MAX_TAG_LENGTH} characters; shorten it")
    native.columns |= {"tag": name} if name else {}
    new_columns = {"tagType": "contact", "description": ""} | native.columns
    tag_type = str(new_columns["tagType"])
    return write_named(
        context, sink, row, native, name=name, new_columns=new_columns, within=tag_type
    )


def ensure_tag(context: WriteContext, name: str) -> str:
    """Return the id of a tag by name; create the tag if it does not exist."""
    with context.pool.named_lock("tag", fold(name)):
        return _ensure_tag(context, name)


def _ensure_tag(context: WriteContext, name: str) -> str:
    rows = context.references.find_by_name("tag", name)
    if rows:
        return str(rows[0]["id"])

    def send() -> str:
        body = {"tag": name, "tagType": "contact", "description": ""}
        row = context.write_client.write("POST", "tags", {"tag": body}).body["tag"]
        context.references.remember("tag", {**body, **row})
        return str(row["id"])

    def look() -> str | None:
        context.references.invalidate("tag")
        rows = context.references.find_by_name("tag", name)
        return str(rows[0]["id"]) if rows else None

    return context.creates.create_named(send, look)[0]
