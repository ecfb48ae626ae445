"""Columns of several resources: full names, times of the last change, schemas of arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .codecs import decode_text
from .schema_types import STRING, Schema, array_of, object_of
from .time_codecs import decode_instant

if TYPE_CHECKING:
    from .resource import Row, RowContext


def last_changed(row: Row, row_context: RowContext) -> str | None:
    """Return ``mdate``, or ``cdate`` of a row that was never modified."""
    return decode_instant(row.get("mdate"), row_context.zone) or decode_instant(
        row.get("cdate"), row_context.zone
    )


def full_name(row: Row, row_context: RowContext) -> str | None:
    """Join first and last name with one space."""
    first = decode_text(row.get("firstName"), row_context.zone)
    last = decode_text(row.get("lastName"), row_context.zone)
    return f"{first} {last}" if first and last else first or last


NAMED_REF: Schema = object_of(id=STRING, name=STRING)
URLS: Schema = array_of(object_of(url=STRING, type=STRING))
TAGS: Schema = array_of(NAMED_REF)
ADDRESSES: Schema = array_of(
    object_of(
        id=STRING,
        street_1=STRING,
        street_2=STRING,
        city=STRING,
        state=STRING,
        postal_code=STRING,
        country=STRING,
        type=STRING,
    )
)
