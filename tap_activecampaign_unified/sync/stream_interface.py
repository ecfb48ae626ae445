"""Interfaces of a stream that the sync uses.

`StreamSelection` (`catalog.py`) implements the first, before the streams exist. `UnifiedStream`
implements both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tap_activecampaign_unified.bookmarks import Entry
    from tap_activecampaign_unified.resources.resource import Record, Resource, Row


class SelectedStream(Protocol):
    """The part of `UnifiedStream` that decides the requests of a selected stream."""

    @property
    def resource(self) -> Resource:
        """The stream's resource."""

    @property
    def entry(self) -> Entry:
        """The stream's state entry."""

    @property
    def is_full_table(self) -> bool:
        """Whether the stream emits every record, and writes no new bookmark."""

    def wanted(self, name: str) -> bool:
        """Return whether a property is selected."""


class RecordOutput(SelectedStream, Protocol):
    """The part of `UnifiedStream` that the sync of an endpoint needs.

    It writes records and stores the state entry.
    """

    @property
    def record_limit(self) -> int | None:
        """The number of records after which the stream stops, None for no limit."""

    def emit(self, record: Record) -> None:
        """Write one record."""

    def flush(self) -> None:
        """Flush the records to stdout."""

    def save(self, entry: Entry) -> None:
        """Replace the stream's entry in the state, which the tap writes with the next STATE."""

    def emit_tombstone(self, tombstone: Record) -> None:
        """Write the tombstone of a deleted record."""

    def activate(self) -> None:
        """Write ACTIVATE_VERSION, after all records that exist."""

    def extend_schema(self, rows: Iterable[Row]) -> None:
        """Add the columns of these rows to a growing schema."""

    @property
    def learned(self) -> Entry:
        """The columns of a growing schema that the catalog lacks, with their types."""
