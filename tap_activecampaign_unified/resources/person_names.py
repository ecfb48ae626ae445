"""A person's full name: joined for records, and split for requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .codecs import decode_text

if TYPE_CHECKING:
    from .resource import Row, RowContext


def full_name(row: Row, row_context: RowContext) -> str | None:
    """Join first and last name with one space."""
    first = decode_text(row.get("firstName"), row_context.zone)
    last = decode_text(row.get("lastName"), row_context.zone)
    return f"{first} {last}" if first and last else first or last


def split_full_name(name: str) -> tuple[str, str]:
    """Return the first and the last name: the last word is the last name, a single word the first.

    ``name`` has at least one word.
    """
    *first, last = name.split()
    return (" ".join(first), last) if first else (last, "")
