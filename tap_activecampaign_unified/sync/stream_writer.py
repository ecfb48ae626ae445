"""One stream on a crawl: where its records go, its bookmark, its numbers."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tap_activecampaign_unified.deletes.detection import TOLD
from tap_activecampaign_unified.resources.resource import DELETED_AT

from .endpoint_setup import LEFT_OUT, SelectedStream

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Sequence

    from tap_activecampaign_unified.raw import RawRecordReader
    from tap_activecampaign_unified.reporting.run_report import StreamStats
    from tap_activecampaign_unified.resources.custom_fields import CustomFields
    from tap_activecampaign_unified.resources.reader import RecordReader
    from tap_activecampaign_unified.resources.resource import Record, Resource, Row
    from tap_activecampaign_unified.state import Bookmark, Entry

logger = logging.getLogger(__name__)

FIELD_KEYS = "custom_field_keys"
COLUMNS = "columns"
KEPT_KEYS = {FIELD_KEYS, TOLD, COLUMNS}


class RecordOutput(SelectedStream, Protocol):
    """What a crawl needs of a stream: where records go and where its bookmark is kept."""

    @property
    def record_limit(self) -> int | None:
        """How many records are enough, None for all."""

    def emit(self, record: Record) -> None:
        """Write one record."""

    def flush(self) -> None:
        """Let go what was written."""

    def save(self, entry: Entry) -> None:
        """Replace the stream's state entry."""

    def emit_tombstone(self, tombstone: Record) -> None:
        """Write the record of a row that is gone."""

    def activate(self) -> None:
        """Tell readers that all there is was written."""

    def extend_schema(self, rows: Iterable[Row]) -> None:
        """Declare what these rows hold, where the schema is open."""

    @property
    def learned(self) -> Entry:
        """What an open schema learned beyond the catalog's, by column."""


@dataclass
class StreamWriter:
    """One stream on a crawl: its reader, its bookmark (None: everything goes), its numbers."""

    sink: RecordOutput
    reader: RecordReader | RawRecordReader
    mark: Bookmark | None
    tally: StreamStats
    custom: CustomFields | None

    @property
    def resource(self) -> Resource:
        """What its records are."""
        return self.sink.resource

    @property
    def told(self) -> str | None:
        """What the stream was told of deletes by the runs before."""
        found = self.sink.entry.get(TOLD)
        return found if isinstance(found, str) else None

    def emit_tombstone(self, key: dict[str, str], at: str) -> None:
        """Write the tombstone of a record: it changed when it was found to be gone."""
        values: Record = {**key, DELETED_AT: at}
        if self.resource.replication_key:
            values[self.resource.replication_key] = at
        self.sink.emit_tombstone(self.reader.tombstone(values))

    def stay(self, after: int | None = None, closed: Sequence[str] = (), requests: int = 0) -> None:
        """Leave the bookmark where it was; keep behind which row to go on, and what was closed."""
        if self.mark is not None:
            kept = {k: v for k, v in self.sink.entry.items() if k in KEPT_KEYS}
            kept |= {COLUMNS: learned} if (learned := self.sink.learned) else {}
            kept |= {LEFT_OUT: [*closed]} if closed else {}
            entry = self.mark.unmoved() if after is None else self.mark.interim(after, requests)
            self.sink.save(entry | kept)

    def finish(self, told: Entry, requests: int) -> None:
        """Move the bookmark after a read of so many requests.

        The keys of fields that a new title would rename are kept.
        """
        if self.mark is None:
            if told:
                self.sink.save(told)
            return
        entry = self.mark.final(requests) | told
        if self.custom is not None:
            former = self.sink.entry.get(FIELD_KEYS)
            for old, new in self.custom.renamed(former if isinstance(former, dict) else {}):
                logger.warning(
                    "%s: the custom field %s was renamed in ActiveCampaign and is now %s",
                    self.sink.resource.name,
                    old,
                    new,
                )
            keys = self.custom.keys_by_title()
            if keys:
                entry[FIELD_KEYS] = keys
        self.sink.save(entry)

    @property
    def tells_deletes(self) -> bool:
        """Whether its rows are known by the ids of the walk, or as pairs that hang on them."""
        return self.resource.finds_deletes and not self.resource.is_open

    @property
    def is_sated(self) -> bool:
        """Whether as many records were written as are wanted."""
        limit = self.sink.record_limit
        return limit is not None and self.tally.emitted >= limit


def begin(marks: list[Bookmark], started: dt.datetime) -> None:
    """Fix the run's start for all bookmarks that do not go on with an interrupted run's."""
    for mark in marks:
        if mark.started is None:
            mark.begin(started)


def missing_key(resource: Resource, records: list[Record]) -> str | None:
    """Return why records are none: they cannot be told apart from others."""
    for record in records:
        for key in resource.keys:
            if record.get(key) is None:
                return "without an id"
    return None


def after_of(writer: StreamWriter, position: int) -> int:
    """Return the row behind which a stream can go on."""
    progress = writer.mark.progress if writer.mark else None
    return max(position, progress["after"] if progress else 0)
