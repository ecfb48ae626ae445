"""Renders the page of columns to write: what each column of each stream accepts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.resources.input_values.arrays import FORMS as ARRAYS
from tap_activecampaign_unified.resources.input_values.flags import FORMS as FLAGS
from tap_activecampaign_unified.resources.input_values.times import FORMS as TIMES
from tap_activecampaign_unified.resources.resource import (
    Attribute,
    Derived,
    Entry,
    Field,
    is_read_only,
)
from target_activecampaign.config.write_policy import WritePolicy
from target_activecampaign.input.row_columns import RowColumns
from target_activecampaign.records.columns.matching import CUSTOM_FIELDS
from target_activecampaign.records.columns.plain_contact_columns import PLAIN
from target_activecampaign.records.list_status import WORDS, Consent
from target_activecampaign.records.row_references import REFERENCES
from target_activecampaign.records.skip_marked_rows import FLAGS as MARKS
from target_activecampaign.sinks import registry

if TYPE_CHECKING:
    from target_activecampaign.records.columns.matching import RecordColumn
    from target_activecampaign.sinks.sink_definition import Sink

#: The values that the codec of a plain column accepts, as the page says it.
CODECS = {
    "amount": "amount, which may be negative",
    "boolean": "flag",
    "cents": "amount",
    "contact_by_email": "the e-mail address, or `{email}`",
    "count": "whole number",
    "currency": "currency code, such as `EUR`",
    "deal_status": "`open`, `won` or `lost`",
    "flag": "flag",
    "identifier": "id",
    "instant": "time",
    "integer": "whole number",
    "measure": "number",
    "number": "number",
    "order_currency": "currency code, such as `EUR`",
    "ref": "reference",
    "stamp": "time",
    "store": "id",
    "text": "text",
    "texts": "array of texts",
    "verbatim": "text, outer blanks kept",
}
#: The words of a column that means another thing in each stream.
STATUSES = {
    "crm_tasks": "`open`, `completed`",
    "marketing_contact_tags": "`applied`, `active`, `removed`; `applied` without a status",
    "marketing_segment_memberships": "a consent word",
}
#: The codecs of enumerations, whose examples are all their words.
WORDS_OF = {
    *("billing_interval", "creation_source", "last_payment_status", "order_status"),
    *("stock_status", "subscription_status", "unit"),
}
FORMATS = {"date": "date", "date-time": "time"}
TYPES = {"boolean": "flag", "integer": "whole number", "number": "number"}
#: Columns that are no fields of the resource, as the page says it.
MORE = {
    CUSTOM_FIELDS: "object: values by personalization tag, title or `field_<id>`",
    "automations": "array of names or `{id, name}`",
    "body": "object or array",
    "channel": "`email` or `sms`",
    "contact_email": "e-mail address",
    "email": "e-mail address",
    "leave_automations": "array of names or `{id, name}`",
    "list": "a list: its name or id, or an array; subscribes",
    "lists": "a list: its name or id, or an array; subscribes",
    "method": "`POST`, `PUT`, `PATCH` or `DELETE`",
    "password": "text; never stored",
    "permissions": "object of flags",
    "phone": "text",
    "outcome": "the outcome's name, or `{id, name}`",
    "remove_tags": "array of names or `{id, name}`",
    "segment_id": "id",
    "store": "`{service, external_id}`, with `source_ids: foreign`",
    "segments": "array of list names, or `{id, name, status}`: see consent words",
}


def forms() -> str:
    """Return the accepted forms of each kind of value."""
    words = {kind: ", ".join(f"`{word}`" for word in WORDS[kind]) for kind in WORDS}
    rows = [
        ("text", "text or a number; a whole float loses its `.0`; NFC"),
        ("flag", f"{FLAGS}, also `1.0`, in any case"),
        ("id", 'a whole number in any numeric form: `1`, `1.0`, `"1"`'),
        ("amount", "a number of at least 0 with at most two decimals; binary noise is rounded"),
        ("time, date", TIMES),
        ("array", ARRAYS),
        (
            "reference",
            "an object with an `id` or a natural key; that key as text, or the id as a number",
        ),
        ("status: subscribe", words[Consent.SUBSCRIBE]),
        ("status: unsubscribe", words[Consent.UNSUBSCRIBE]),
        ("status: skipped", words[Consent.CANNOT_BE_WRITTEN]),
        ("status: not changed", "null, or no status beside other columns of a membership"),
        ("nothing", "null, blank text, and the text `null`, at any depth"),
    ]
    return _table(("value", "accepted"), rows)


def columns() -> str:
    """Return a table per written stream: each column and what it accepts."""
    return "".join(
        f"\n### {name}\n{_columns_of(name, sink)}" for name, sink in sorted(registry.SINKS.items())
    )


def _columns_of(name: str, sink: Sink) -> str:
    entries = {entry.unified: entry for entry in sink.resource.entries}
    chosen = sink.writable | (sink.also & {"password"}) | {"id"} & entries.keys()
    if sink.family == "contact":
        chosen |= PLAIN.keys()
    table = RowColumns(WritePolicy(), {}).table(name)
    rows = [
        (f"`{column}`", accepts(table.columns[column], entries.get(column), name), note)
        for column in sorted(chosen)
        for note in [_note(sink, column)]
    ]
    unwritten = sorted(
        column
        for column, entry in entries.items()
        if column not in chosen and (is_read_only(entry) or isinstance(entry, Derived))
        if table.columns[column].has_field and column not in MARKS
    )
    return _table(("column", "accepts", "note"), rows) + (
        f"Read only: {', '.join(f'`{name}`' for name in unwritten)}.\n" if unwritten else ""
    )


def accepts(column: RecordColumn, entry: Entry | None, stream: str) -> str:
    """Return what a column of a stream accepts, in a few words."""
    if column.name == "status" and stream in STATUSES:
        return STATUSES[stream]
    if column.name in MORE:
        return MORE[column.name]
    if column.name == "tag" and entry is None:
        return "a tag: its name or id"
    if isinstance(entry, Field) and entry.codec.name in CODECS:
        return CODECS[entry.codec.name]
    if isinstance(entry, Field) and entry.codec.name in WORDS_OF:
        return ", ".join(f"`{word}`" for word in entry.codec.examples if word)
    if column.keys:
        names = ", ".join(dict.fromkeys(column.keys.values()))
        if column.is_array:
            return f"array of `{{{names}}}`"
        return f"reference `{{{names}}}`" if column.name in REFERENCES else f"`{{{names}}}`"
    schema: dict[str, Any] = entry.schema if entry and not isinstance(entry, Field) else {}
    types = schema.get("type") or ()
    found = FORMATS.get(str(schema.get("format")))
    return found or next((TYPES[name] for name in types if name in TYPES), "text")


def _note(sink: Sink, column: str) -> str:
    if column in PLAIN and sink.family == "contact":
        return f"plain column of `{PLAIN[column]}`"
    entry = next((entry for entry in sink.resource.entries if entry.unified == column), None)
    if isinstance(entry, Attribute):
        return "kept in a custom field that ActiveCampaign ships"
    return "finds the row" if any(column in names for names in sink.key_columns) else ""


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    body = "".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines
    )
    return f"\n{body}\n"
