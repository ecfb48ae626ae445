"""Writes the records of one stream and saves its bookmark."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tap_activecampaign_unified.deletes.detection import TOMBSTONES_UNTIL
from tap_activecampaign_unified.resources.resource import DELETED_AT

from .unreadable_collections import LEFT_OUT

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from tap_activecampaign_unified.bookmarks import Bookmark, Entry
    from tap_activecampaign_unified.raw import RawRecordReader
    from tap_activecampaign_unified.reporting.run_report import StreamStats
    from tap_activecampaign_unified.resources.custom_fields import CustomFields
    from tap_activecampaign_unified.resources.record_reader import RecordReader
    from tap_activecampaign_unified.resources.resource import Record, Resource

    from .stream_interface import RecordOutput

logger = logging.getLogger(__name__)

# Keys of a state entry: the keys of custom fields by id, and the columns of a growing schema.
FIELD_KEYS = "custom_field_keys"
COLUMNS = "columns"
# What an entry keeps while its bookmark stays.
KEPT_KEYS = {FIELD_KEYS, TOMBSTONES_UNTIL, COLUMNS}


@dataclass
class StreamWriter:
    """One stream of an endpoint's sync. Without a bookmark, it emits every record."""

    output: RecordOutput
    reader: RecordReader | RawRecordReader
    bookmark: Bookmark | None
    stats: StreamStats
    custom: CustomFields | None

    @property
    def resource(self) -> Resource:
        """The stream's resource."""
        return self.output.resource

    @property
    def tombstones_emitted_until(self) -> str | None:
        """The time up to which earlier runs emitted tombstones, None before the first."""
        found = self.output.entry.get(TOMBSTONES_UNTIL)
        return found if isinstance(found, str) else None

    def write(self, records: list[Record]) -> None:
        """Write records. Count them, and count their unreadable fields."""
        for record in records:
            if record.get("_errors"):
                self.stats.note_faults(record["_errors"])
            self.output.emit(record)
        self.stats.emitted += len(records)

    def write_tombstone(self, key: dict[str, str], at: str) -> None:
        """Write a tombstone. Its replication key is the time at which the record was missing."""
        values: Record = {**key, DELETED_AT: at}
        if self.resource.replication_key:
            values[self.resource.replication_key] = at
        self.output.emit_tombstone(self.reader.tombstone(values))

    def save_unfinished(
        self, after: int | None = None, unreadable: Sequence[str] = (), requests: int = 0
    ) -> None:
        """Put the earlier bookmark into the state, and with ``after`` the position to continue at.

        ``unreadable`` are the collections that the key could not read.
        """
        if self.bookmark is not None:
            kept = {key: value for key, value in self.output.entry.items() if key in KEPT_KEYS}
            kept |= {COLUMNS: learned} if (learned := self.output.learned) else {}
            kept |= {LEFT_OUT: [*unreadable]} if unreadable else {}
            entry = (
                self.bookmark.unmoved() if after is None else self.bookmark.interim(after, requests)
            )
            self.output.save(entry | kept)

    def finish(self, extra: Entry, requests: int) -> None:
        """Put the new bookmark into the state after a read of so many ``requests``.

        ``extra`` are further values of the entry.

        The entry keeps the keys of custom fields, so that the next run can report renamed fields.
        """
        if self.bookmark is None:
            if extra:
                self.output.save(extra)
            return
        entry = self.bookmark.final(requests) | extra
        if self.custom is not None:
            former = self.output.entry.get(FIELD_KEYS)
            for old, new in self.custom.renamed(former if isinstance(former, dict) else {}):
                logger.warning(
                    "%s: the custom field %s was renamed in ActiveCampaign and is now %s",
                    self.output.resource.name,
                    old,
                    new,
                )
            keys = self.custom.keys_by_title()
            if keys:
                entry[FIELD_KEYS] = keys
        self.output.save(entry)

    @property
    def emits_tombstones(self) -> bool:
        """Whether delete detection covers the stream."""
        return self.resource.finds_deletes and not self.resource.schema_grows

    @property
    def is_at_limit(self) -> bool:
        """Whether the stream has written as many records as its limit allows."""
        limit = self.output.record_limit
        return limit is not None and self.stats.emitted >= limit


def set_read_dates(bookmarks: list[Bookmark], started: dt.datetime) -> None:
    """Set the server's date of the endpoint's first page in all bookmarks.

    A bookmark that continues an interrupted run keeps the date of that run.
    """
    for bookmark in bookmarks:
        if bookmark.started is None:
            bookmark.set_read_date(started)


def missing_key(resource: Resource, records: list[Record]) -> str | None:
    """Return the skip reason for records without a complete key, None for complete keys."""
    for record in records:
        for key in resource.keys:
            if record.get(key) is None:
                return "without an id"
    return None


def after_of(writer: StreamWriter, position: int) -> int:
    """Return the id after which the next run can continue a stream."""
    progress = writer.bookmark.saved_position if writer.bookmark else None
    return max(position, progress["after"] if progress else 0)
