"""Syncs one endpoint: reads it once, and writes the records of all its streams.

At the end, `_finish_streams` decides which streams get tombstones, and which get ACTIVATE_VERSION.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.bookmarks import RowChange
from tap_activecampaign_unified.client import Page
from tap_activecampaign_unified.deletes.detection import IdComparison
from tap_activecampaign_unified.endpoints.endpoint_table import ENDPOINTS_WITH_OFFSETS
from tap_activecampaign_unified.raw import RawRecordReader, RawResource
from tap_activecampaign_unified.resources import shared_contact_fields
from tap_activecampaign_unified.resources.crm.field_definitions import row_of
from tap_activecampaign_unified.resources.custom_field_rows import CUSTOM_VALUES, VALUE_STAMPS
from tap_activecampaign_unified.resources.custom_fields import ENTITIES
from tap_activecampaign_unified.resources.record_reader import RecordReader
from tap_activecampaign_unified.resources.resource import (
    NameTables,
    Record,
    Resource,
    Row,
    RowContext,
)
from tap_activecampaign_unified.resources.time_codecs import instant_or_none
from tap_activecampaign_unified.sync.relations.relation_loader import RelationLoader
from tap_activecampaign_unified.unchanged_rows import fingerprint

from .stream_writer import COLUMNS, StreamWriter, after_of, missing_key, set_read_dates
from .unreadable_collections import LEFT_OUT, entity_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_activecampaign_unified.bookmarks import Bookmark
    from tap_activecampaign_unified.client import RequestError
    from tap_activecampaign_unified.resources.codecs import Zone

    from .endpoint_setup import EndpointSetup
    from .stream_interface import RecordOutput

# The number of pages between two STATE messages, from which an interrupted run continues.
PAGES_PER_STATE = 10
UNKNOWN_CHANGE = RowChange(None, None)


class EndpointSync:
    """The sync of one endpoint, for all streams of its rows.

    The caller calls `create_writers`, then `sync`. During a long walk, `sync` calls `save_position`
    from time to time. After the last page, it calls `_finish_streams`. If `sync` raises an error,
    the caller calls `save_position`.
    """

    def __init__(self, setup: EndpointSetup, outputs: Sequence[RecordOutput]) -> None:
        self._setup, self._context, self._endpoint = setup, setup.context, setup.endpoint
        self._outputs = outputs
        self._loaders = setup.loaders
        self._writers: list[StreamWriter] = []
        self._names = NameTables()
        self._comparison: IdComparison | None = None
        #: Names of streams whose rows the plan or the key's user may not read.
        self.unreadable: dict[str, RequestError] = {}
        #: Ids of the page's rows that had a tombstone and exist again.
        self._returned: set[str] = set()
        #: Whether the sync has written rows. A refusal after that is a failure.
        self.has_written_rows = False

    def _writer_for(self, output: RecordOutput, bookmark: Bookmark | None) -> StreamWriter:
        resource, context, entity = output.resource, self._context, entity_of(output)
        stats = context.report.stats_of(resource.name)
        custom = context.lookups.custom_fields(entity) if entity else None
        if isinstance(resource, RawResource):
            reader: RecordReader | RawRecordReader = RawRecordReader(resource, output.wanted)
            return StreamWriter(output, reader, bookmark, stats, None)
        reader = RecordReader(
            resource,
            custom,
            wanted=output.wanted,
            remote_data=context.remote_data,
            deletes=context.deletes is not None,
        )
        return StreamWriter(output, reader, bookmark, stats, custom)

    def create_writers(self) -> None:
        """Create the writers. Sends requests, because the writers need the custom fields."""
        self._setup.prefetch()
        bookmarks = self._setup.bookmarks
        self._writers = [
            self._writer_for(output, bookmarks[output.resource.name]) for output in self._outputs
        ]

    def sync(self) -> None:
        """Read the endpoint, emit the records and save the bookmarks."""
        is_unlimited = all(output.record_limit is None for output in self._outputs)
        if self._context.deletes is not None and is_unlimited:
            outputs_of_deletes = [writer for writer in self._writers if writer.emits_tombstones]
            self._comparison = (
                IdComparison(self._context.deletes, self._endpoint, outputs_of_deletes)
                if outputs_of_deletes
                else None
            )
        if self._endpoint.is_definitions:
            self._sync_fields()
            self._finish_streams()
            return
        try:
            self._walk_all()
        finally:
            for loader in self._loaders.values():
                if isinstance(loader, RelationLoader):
                    loader.close()

    def save_position(self) -> None:
        """Store in the state entries where another run can continue the walk, if it can.

        The tap writes the entries with the next STATE. A walk over ids continues after an id
        (`PageSource.position`). A walk that keeps its own positions has no bookmark: they are the
        whole entry.
        """
        position = self._setup.page_source.position
        if self._setup.keeps_positions:
            for writer in self._writers:
                writer.output.save(self._setup.positions)
        if self._endpoint.by_id and position:
            for writer in self._writers:
                if writer.bookmark and writer.bookmark.started:
                    after = None if self._refusal_of(writer) else after_of(writer, position)
                    unreadable = self._setup.unreadable(writer.output, is_full_read=False)
                    writer.save_unfinished(after, unreadable, self._cost(writer))

    def _cost(self, writer: StreamWriter) -> int:
        """Return the requests of this read, including those of the interrupted run."""
        earlier_requests = writer.bookmark.interrupted_requests if writer.bookmark else 0
        return (
            earlier_requests + self._context.client.traffic.requests - self._context.requests_before
        )

    @property
    def is_documented(self) -> bool:
        """Whether ActiveCampaign documents the endpoint for every account.

        The resources of its own rows say that (`Resource`), not those of related rows.
        """
        resources = [output.resource for output in self._outputs]
        rows = [resource for resource in resources if resource.relation is None]
        return all(row.is_documented for row in rows or resources)

    def _refusal_of(self, writer: StreamWriter) -> RequestError | None:
        """Return the refusal because of which some of a stream's rows are missing, if any."""
        loader = self._loaders.get(writer.resource.relation or "")
        return loader.problem if isinstance(loader, RelationLoader) else None

    def _walk_all(self) -> None:
        context, setup, count_read, total = self._context, self._setup, 0, None
        can_resume = self._endpoint.by_id or setup.keeps_positions
        for count, page in enumerate(setup.page_source.pages()):
            if count == 0:
                total = page.total
                bookmarks = [writer.bookmark for writer in self._writers if writer.bookmark]
                set_read_dates(bookmarks, page.date or context.client.clock.now())
            # The page in hand is not written yet: the position is that of the page before it.
            elif can_resume and count % PAGES_PER_STATE == 0:
                self.save_position()
                context.write_state()
            count_read += len(page.rows)
            setup.prefetch_next_if_near_end(None if total is None else total - count_read)
            self.write_page(page)
            self.has_written_rows = self.has_written_rows or bool(page.rows)
            if all(writer.is_at_limit for writer in self._writers):
                return
        if self._comparison is not None and not setup.page_source.walks_all_rows:
            self._look_for_deletes(self._comparison)
        self._finish_streams()

    def _look_for_deletes(self, comparison: IdComparison) -> None:
        """Walk the ids of all rows, because the sync itself read only changed rows."""
        for page in self._setup.page_source.all_pages():
            comparison.record_seen(page.rows, self._outputs[0].resource.skip)
            returned_ids = comparison.returned(page.rows)
            if returned_ids:
                rows = [row for row in page.rows if str(row.get("id")) in returned_ids]
                self.write_page(Page(rows, {}, page.total, page.date))

    def _finish_streams(self) -> None:
        """Emit the tombstones, then save the bookmarks."""
        if self._comparison is not None:
            self._comparison.finish()
        for writer in self._writers:
            refusal = self._refusal_of(writer)
            if refusal is not None:
                self.unreadable[writer.resource.name] = refusal
                writer.save_unfinished()
                continue
            if writer.resource.schema_grows:
                writer.output.extend_schema(())
                writer.output.activate()
                learned = writer.output.learned
                writer.finish({COLUMNS: learned} if learned else {}, self._cost(writer))
                continue
            comparison = self._comparison if writer.emits_tombstones else None
            extra = comparison.emit_tombstones(writer) if comparison else {}
            extra |= self._setup.positions
            if not writer.emits_tombstones or (
                comparison and comparison.is_certain(writer.resource)
            ):
                writer.output.activate()
            if writer.bookmark is not None:
                unreadable = self._setup.unreadable(
                    writer.output, is_full_read=writer.bookmark.is_full_read
                )
                extra |= {LEFT_OUT: unreadable} if unreadable else {}
            writer.finish(extra, self._cost(writer))

    # --- emitting ---------------------------------------------------------------------------

    def write_page(self, page: Page) -> None:
        """Write the records of a page's rows, with their related rows."""
        rows = page.rows
        self._context.progress.advance(len(rows), page.total)
        if self._endpoint.path in ENDPOINTS_WITH_OFFSETS:
            self._context.lookups.account_zone.observe(rows, self._writers[0].resource.stamps)
        if self._endpoint.path == "accounts":
            self._context.lookups.note_accounts(rows)
        if self._comparison is not None:
            self._comparison.record_seen(rows, self._outputs[0].resource.skip)
            self._returned = self._comparison.returned(rows)
        kept = self._rows_to_join(rows)
        # The limit estimates the collection of related rows, which has those of all parent rows,
        # also of rows left out here.
        self._setup.nested_limit.parents += len(rows)
        for writer in self._writers:
            if writer.output.resource.relation is None:
                writer.stats.read += len(rows) - len(kept)
                writer.stats.suppressed += len(rows) - len(kept)
        if not kept:
            return
        kept_page = Page(kept, page.body, page.total, page.date)
        for loader in self._loaders.values():
            loader.prefetch(kept_page)
        self._context.lookups.prefetch_names(self._setup.kinds)
        related = {name: loader.join(kept_page) for name, loader in self._loaders.items()}
        self._load_names(page, related)
        self._extend_schemas(kept, related)
        for row in kept:
            self._emit_row(row, related)
        self._flush(kept)

    def _flush(self, rows: list[Row]) -> None:
        """Store the ids of these rows, then flush their records. Most are still buffered."""
        if self._comparison is not None:
            self._comparison.keep(rows, self._outputs[0].resource.skip)
        for writer in self._writers:
            writer.output.flush()

    def _zone_of(self, row: Row) -> Zone:
        return self._context.lookups.account_zone.zone_of(self._writers[0].resource, row)

    def _extend_schemas(self, kept: list[Row], related: dict[str, dict[str, list[Row]]]) -> None:
        """Add the columns of a page to growing schemas, before the page's first record."""
        for writer in self._writers:
            if writer.resource.schema_grows:
                parts = related.get(writer.resource.relation or "", {}).values()
                writer.output.extend_schema(
                    itertools.chain(*parts) if writer.resource.relation else kept
                )

    def _rows_to_join(self, rows: list[Row]) -> list[Row]:
        """Return rows that a stream may emit. Related rows of other rows would waste requests.

        If this run uses no filter of the server, a newer custom field value can be the only sign
        of a change. Then it returns all rows.
        """
        bounds = [writer.bookmark.since for writer in self._writers if writer.bookmark]
        known_bounds = [bound for bound in bounds if bound is not None]
        needs_values = not self._endpoint.is_filtered and CUSTOM_VALUES in self._loaders
        if needs_values or len(known_bounds) < len(self._writers):
            return rows
        since = min(known_bounds)
        zone_of = self._writers[0].resource.zone_of
        changes = [self._change(row, zone_of(row), []).latest for row in rows]
        return [
            row
            for row, changed in zip(rows, changes, strict=True)
            if changed is None or changed >= since or str(row.get("id")) in self._returned
        ]

    def _load_names(self, page: Page, related: dict[str, Any]) -> None:
        lookups = self._context.lookups
        self._names = lookups.load_names(self._setup.kinds)
        links = related.get(shared_contact_fields.LINKS)
        if links and not lookups.load_linked_accounts(links, page.body):
            self._setup.page_source.has_account_names = False

    def _change(self, row: Row, zone: Zone, values: list[Row]) -> RowChange:
        """Return the times of a row's last change, from its time columns and its custom values.

        The first time column is the replication key.
        """
        times = [row.get(column) for column in self._writers[0].output.resource.changed]
        if values:
            times += [value.get(name) for value in values for name in VALUE_STAMPS]
        instants = (instant_or_none(text, zone) for text in times)
        moments = [moment for moment in instants if moment is not None]
        return RowChange(moments[0], max(moments)) if moments else UNKNOWN_CHANGE

    def _emit_row(self, row: Row, related: dict[str, dict[str, list[Row]]]) -> None:
        native_id = str(row.get("id"))
        zone = self._zone_of(row)
        row_context = RowContext(
            self._names, {name: rows.get(native_id, []) for name, rows in related.items()}, zone
        )
        values = [] if self._endpoint.is_filtered else row_context.rows(CUSTOM_VALUES)
        # The times of a change need only the zone of the row itself, which costs no request.
        change = self._change(row, self._writers[0].resource.zone_of(row), values)
        for writer in self._writers:
            if not writer.is_at_limit:
                self._emit_to(writer, row, row_context, change)

    def _emit_to(
        self, writer: StreamWriter, row: Row, row_context: RowContext, change: RowChange
    ) -> None:
        resource, stats, bookmark = writer.output.resource, writer.stats, writer.bookmark
        stats.read += resource.relation is None
        is_first = not self._setup.page_source.is_second_walk
        if (
            bookmark
            and bookmark.saved_position
            and is_first
            and int(row.get("id") or 0) <= bookmark.saved_position["after"]
        ):
            stats.suppressed += resource.relation is None
            return  # the interrupted run emitted the row
        records = [
            writer.reader.read(expanded, row_context)
            for expanded in resource.expand(row, row_context)
        ]
        if resource.relation is not None:
            stats.read += len(records)
            self._record_pairs(resource, row, records)
        reason = resource.skip(row) or missing_key(resource, records)
        if reason is not None:
            stats.skipped[reason] += len(records)
            return
        # Decide on each row, also on one that is emitted anyway, so that the next run knows it.
        wanted = bookmark is None or bookmark.note_and_decide(change, lambda: fingerprint(records))
        if not wanted and str(row.get("id")) not in self._returned:
            stats.suppressed += len(records)
            return
        writer.write(records)

    def _record_pairs(self, resource: Resource, row: Row, records: list[Record]) -> None:
        """Record a row's related records for the comparison, if the tap could read them all."""
        if self._comparison is None or resource.relation is None or resource.schema_grows:
            return
        loader = self._loaders[resource.relation]
        if isinstance(loader, RelationLoader) and not loader.is_complete:
            self._comparison.mark_incomplete(resource)
        else:
            self._comparison.record_pairs_seen(resource, str(row.get("id")), records)

    def _sync_fields(self) -> None:
        names, lookups = NameTables(), self._context.lookups
        for writer in self._writers:
            for entity in ENTITIES:
                fields = lookups.custom_fields(entity)
                if self._comparison is not None and lookups.could_read_fields(entity):
                    keys = [
                        {"entity": entity, "id": definition.id} for definition in fields.definitions
                    ]
                    self._comparison.record_pairs_seen(writer.resource, entity, keys)
                elif self._comparison is not None:
                    self._comparison.mark_incomplete(writer.resource)
                for definition in fields.definitions:
                    if not writer.is_at_limit:
                        row = row_of(definition, fields)
                        row_context = RowContext(names, zone=self._zone_of(row))
                        self._emit_to(writer, row, row_context, UNKNOWN_CHANGE)
