"""The walks of a run: each endpoint is read once and feeds every stream that lives on it."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import Page
from tap_activecampaign_unified.deletes.detection import DeleteSweep
from tap_activecampaign_unified.endpoints.table import WITNESSES
from tap_activecampaign_unified.raw import RawRecordReader, RawResource
from tap_activecampaign_unified.resources import contact_fields as people
from tap_activecampaign_unified.resources.codecs import Zone, parse_instant
from tap_activecampaign_unified.resources.crm.fields import row_of
from tap_activecampaign_unified.resources.custom_fields import ENTITIES
from tap_activecampaign_unified.resources.parsing import InvalidValue
from tap_activecampaign_unified.resources.reader import RecordReader
from tap_activecampaign_unified.resources.resource import (
    NameTables,
    Record,
    Resource,
    Row,
    RowContext,
)
from tap_activecampaign_unified.state import RowChange, fingerprint
from tap_activecampaign_unified.sync.relations.loader import RelationLoader

from .endpoint_setup import LEFT_OUT, EndpointSetup, entity_of
from .stream_writer import COLUMNS, StreamWriter, after_of, begin, missing_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_activecampaign_unified.state import Bookmark

    from .stream_writer import RecordOutput

# A STATE every so many pages lets an interrupted first load go on where it stopped.
PAGES_PER_STATE = 10
NO_CHANGE = RowChange(None, None)


class EndpointSync:
    """One walk over one endpoint, for all the streams that live on it."""

    def __init__(self, setup: EndpointSetup, sinks: Sequence[RecordOutput]) -> None:
        """Take what was prepared for the sinks; nothing more is asked yet."""
        self._opening, self._run, self._plan = setup, setup.run, setup.plan
        self._sinks = sinks
        self._joiners = setup.loaders
        self._lanes: list[StreamWriter] = []
        self._names = NameTables()
        self._sweep: DeleteSweep | None = None
        #: Streams made of rows that the plan or the key's user may not read.
        self.closed: set[str] = set()
        #: Rows of the page that were told to be gone and are there again.
        self._returned: set[str] = set()

    def _writer_for(self, sink: RecordOutput, mark: Bookmark | None) -> StreamWriter:
        resource, run, entity = sink.resource, self._run, entity_of(sink)
        custom = run.lookups.custom_fields(entity) if entity else None
        if isinstance(resource, RawResource):
            reader: RecordReader | RawRecordReader = RawRecordReader(resource, sink.wanted)
            return StreamWriter(sink, reader, mark, run.report.tally(resource.name), None)
        reader = RecordReader(
            resource,
            custom,
            wanted=sink.wanted,
            remote_data=run.remote_data,
            deletes=run.deletes is not None,
        )
        return StreamWriter(sink, reader, mark, run.report.tally(resource.name), custom)

    def open(self) -> None:
        """Ask for the custom fields, without which no record can be read."""
        self._opening.prefetch()
        marks = self._opening.marks
        self._lanes = [self._writer_for(sink, marks[sink.resource.name]) for sink in self._sinks]

    def sync(self) -> None:
        """Read everything the streams want, emit it, and move their bookmarks."""
        is_whole_run = all(sink.record_limit is None for sink in self._sinks)
        if self._run.deletes is not None and is_whole_run:
            graves = [writer for writer in self._lanes if writer.tells_deletes]
            self._sweep = DeleteSweep(self._run.deletes, self._plan, graves) if graves else None
        if self._plan.is_definitions:
            self._sync_fields()
            self._finish()
            return
        try:
            self._walk_all()
        finally:
            for loader in self._joiners.values():
                if isinstance(loader, RelationLoader):
                    loader.close()

    def end(self, *, is_done: bool) -> None:
        """Keep how far a walk came that ended early; later requests are those of the next one."""
        if not is_done:
            self.interim()
        self._run.requests_before = self._run.client.traffic.requests

    def interim(self) -> None:
        """Keep how far the walk came, where another run can go on from there."""
        position = self._opening.page_source.position
        if self._opening.keeps_positions:
            for writer in self._lanes:
                writer.sink.save(self._opening.positions)
        if self._plan.by_id and position:
            for writer in self._lanes:
                if writer.mark and writer.mark.started:
                    after = None if self._is_closed(writer) else after_of(writer, position)
                    closed = self._opening.closed(writer.sink, is_whole=False)
                    writer.stay(after, closed, self._cost(writer))

    def _cost(self, writer: StreamWriter) -> int:
        """Return the requests of this walk, with those before it was interrupted."""
        before = writer.mark.requests_before if writer.mark else 0
        return before + self._run.client.traffic.requests - self._run.requests_before

    @property
    def is_confirmed(self) -> bool:
        """Whether every account must have what is read here."""
        resources = [sink.resource for sink in self._sinks]
        rows = [one for one in resources if one.relation is None]
        return all(one.is_confirmed for one in rows or resources)

    def _is_closed(self, writer: StreamWriter) -> bool:
        """Say whether rows that a stream is made of could not be read."""
        loader = self._joiners.get(writer.resource.relation or "")
        return isinstance(loader, RelationLoader) and not loader.is_whole

    def _walk_all(self) -> None:
        run, setup, came, total = self._run, self._opening, 0, None
        may_go_on = self._plan.by_id or setup.keeps_positions
        for count, page in enumerate(setup.page_source.pages()):
            if count == 0:
                total = page.total
                marks = [writer.mark for writer in self._lanes if writer.mark]
                begin(marks, page.date or run.client.clock.now())
            elif may_go_on and count % PAGES_PER_STATE == 0:
                self.interim()
                run.write_state()
            came += len(page.rows)
            setup.pass_on_before(None if total is None else total - came)
            self.write_page(page)
            if all(writer.is_sated for writer in self._lanes):
                return
        if self._sweep is not None and not setup.page_source.sees_all:
            self._look_for_deletes(self._sweep)
        self._finish()

    def _look_for_deletes(self, sweep: DeleteSweep) -> None:
        """Walk over the ids of all rows: the crawl came by those alone that changed."""
        for page in self._opening.page_source.everything():
            sweep.saw(page.rows, self._sinks[0].resource.skip)
            back = sweep.returned(page.rows)
            if back:
                rows = [row for row in page.rows if str(row.get("id")) in back]
                self.write_page(Page(rows, {}, page.total, page.date))

    def _finish(self) -> None:
        """Tell what has gone, then move the bookmarks."""
        if self._sweep is not None:
            self._sweep.finish()
        for writer in self._lanes:
            if self._is_closed(writer):
                self.closed.add(writer.resource.name)
                writer.stay()
                continue
            if writer.resource.is_open:
                writer.sink.extend_schema(())
                writer.sink.activate()
                learned = writer.sink.learned
                writer.finish({COLUMNS: learned} if learned else {}, self._cost(writer))
                continue
            has_sweep = self._sweep is not None and writer.tells_deletes
            told = self._sweep.tell(writer) if self._sweep is not None and has_sweep else {}
            told |= self._opening.positions
            if not writer.tells_deletes or (
                self._sweep is not None and self._sweep.is_certain(writer.resource)
            ):
                writer.sink.activate()
            if writer.mark is not None:
                closed = self._opening.closed(writer.sink, is_whole=writer.mark.is_whole)
                told |= {LEFT_OUT: closed} if closed else {}
            writer.finish(told, self._cost(writer))

    # --- emitting ---------------------------------------------------------------------------

    def write_page(self, page: Page) -> None:
        """Write the records of a page's rows, with all that hangs on them."""
        rows = page.rows
        self._run.progress.advance(len(rows), page.total)
        if self._plan.path in WITNESSES:
            self._run.lookups.account_zone.observe(rows, self._lanes[0].resource.stamps)
        if self._plan.path == "accounts":
            self._run.lookups.note_accounts(rows)
        if self._sweep is not None:
            self._sweep.saw(rows, self._sinks[0].resource.skip)
            self._returned = self._sweep.returned(rows)
        kept = self._worth_joining(rows)
        for writer in self._lanes:
            if writer.sink.resource.relation is None:
                writer.tally.read += len(rows) - len(kept)
                writer.tally.suppressed += len(rows) - len(kept)
        if not kept:
            return
        kept_page = Page(kept, page.body, page.total, page.date)
        for loader in self._joiners.values():
            loader.prefetch(kept_page)
        self._run.lookups.prefetch_names(self._opening.kinds)
        related = {name: loader.join(kept_page) for name, loader in self._joiners.items()}
        self._load_names(page, related)
        self._cover(kept, related)
        for row in kept:
            self._emit_row(row, related)
        for writer in self._lanes:
            writer.sink.flush()

    def _zone_of(self, row: Row) -> Zone:
        return self._run.lookups.account_zone.zone_of(self._lanes[0].resource, row)

    def _cover(self, kept: list[Row], related: dict[str, dict[str, list[Row]]]) -> None:
        """Let open schemas know what a page brings before its first record is written."""
        for writer in self._lanes:
            if writer.resource.is_open:
                hanging = related.get(writer.resource.relation or "", {}).values()
                writer.sink.extend_schema(
                    itertools.chain(*hanging) if writer.resource.relation else kept
                )

    def _worth_joining(self, rows: list[Row]) -> list[Row]:
        """Spare the joins for rows that every stream would hold back anyway."""
        bounds = [writer.mark.since for writer in self._lanes if writer.mark]
        known = [bound for bound in bounds if bound is not None]
        if not self._plan.is_filtered or len(known) < len(self._lanes):
            return rows
        since = min(known)
        zone_of = self._lanes[0].resource.zone_of
        changes = [self._change(row, zone_of(row), []).latest for row in rows]
        return [
            row
            for row, changed in zip(rows, changes, strict=True)
            if changed is None or changed >= since or str(row.get("id")) in self._returned
        ]

    def _load_names(self, page: Page, related: dict[str, Any]) -> None:
        lookups = self._run.lookups
        self._names = lookups.load_names(self._opening.kinds)
        links = related.get(people.LINKS)
        if links:
            ids = {str(link.get("account")) for rows in links.values() for link in rows}
            sideloaded = page.body.get("accounts")
            if not isinstance(sideloaded, list):
                self._opening.page_source.names_come_along = False
            lookups.load_accounts(ids, sideloaded if isinstance(sideloaded, list) else ())

    def _change(self, row: Row, zone: Zone, values: list[Row]) -> RowChange:
        """Return when a row last changed, by any of the columns that tell."""
        times = [row.get(column) for column in self._lanes[0].sink.resource.changed]
        if values:
            times += [value.get(name) for value in values for name in people.VALUE_STAMPS]
        known = []
        for text in times:
            try:
                moment = parse_instant(text, zone)
            except InvalidValue:
                continue
            if moment is not None:
                known.append(moment)
        return RowChange(known[0], max(known)) if known else NO_CHANGE

    def _emit_row(self, row: Row, related: dict[str, dict[str, list[Row]]]) -> None:
        one = str(row.get("id"))
        zone = self._zone_of(row)
        row_context = RowContext(
            self._names, {name: rows.get(one, []) for name, rows in related.items()}, zone
        )
        values = [] if self._plan.is_filtered else row_context.rows(people.VALUES)
        change = self._change(row, self._lanes[0].resource.zone_of(row), values)
        for writer in self._lanes:
            if not writer.is_sated:
                self._emit_to(writer, row, row_context, change)

    def _emit_to(
        self, writer: StreamWriter, row: Row, row_context: RowContext, change: RowChange
    ) -> None:
        resource, tally, mark = writer.sink.resource, writer.tally, writer.mark
        tally.read += resource.relation is None
        is_first = not self._opening.page_source.is_second_walk
        if (
            mark
            and mark.progress
            and is_first
            and int(row.get("id") or 0) <= mark.progress["after"]
        ):
            tally.suppressed += resource.relation is None
            return  # emitted before the run was interrupted
        records = [
            writer.reader.read(part, row_context) for part in resource.expand(row, row_context)
        ]
        if resource.relation is not None:
            tally.read += len(records)
            self._note_parts(resource, row, records)
        reason = resource.skip(row) or missing_key(resource, records)
        if reason is not None:
            tally.skipped[reason] += len(records)
            return
        wanted = mark is None or mark.wants(change, lambda: fingerprint(records))
        if not wanted and str(row.get("id")) not in self._returned:
            tally.suppressed += len(records)
            return
        for record in records:
            if record.get("_errors"):
                tally.note_faults(record["_errors"])
            writer.sink.emit(record)
        tally.emitted += len(records)

    def _note_parts(self, resource: Resource, row: Row, records: list[Record]) -> None:
        """Let the sweep know what hangs on a row, if all of it could be read."""
        if self._sweep is None or resource.relation is None or resource.is_open:
            return
        loader = self._joiners[resource.relation]
        if isinstance(loader, RelationLoader) and not loader.is_whole:
            self._sweep.leave_open(resource)
        else:
            self._sweep.saw_parts(resource, str(row.get("id")), records)

    def _sync_fields(self) -> None:
        names, lookups = NameTables(), self._run.lookups
        for writer in self._lanes:
            for entity in ENTITIES:
                fields = lookups.custom_fields(entity)
                if self._sweep is not None and lookups.could_read_fields(entity):
                    keys = [{"entity": entity, "id": one.id} for one in fields.definitions]
                    self._sweep.saw_parts(writer.resource, entity, keys)
                elif self._sweep is not None:
                    self._sweep.leave_open(writer.resource)
                for one in fields.definitions:
                    if not writer.is_sated:
                        row = row_of(one, fields)
                        row_context = RowContext(names, zone=self._zone_of(row))
                        self._emit_to(writer, row, row_context, NO_CHANGE)
