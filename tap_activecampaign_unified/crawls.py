"""The walks of a run: each endpoint is read once and feeds every stream that lives on it."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from .api import Page
from .bookmarks import Change, fingerprint
from .deletes import Sweep
from .lanes import COLUMNS, Lane, after_of, begin, missing_key
from .opening import LEFT_OUT, Opening, entity_of
from .plans import WITNESSES
from .raw import Collection, RowReader
from .relations import Joiner
from .unified import people
from .unified.codecs import Undecodable, Zone, parse_instant
from .unified.crm.fields import row_of
from .unified.custom_fields import ENTITIES
from .unified.mapping import Joined, Names, Reader, Record, Resource, Row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .bookmarks import Bookmark
    from .lanes import Sink

# A STATE every so many pages lets an interrupted first load go on where it stopped.
PAGES_PER_STATE = 10
NO_CHANGE = Change(None, None)


class Crawl:
    """One walk over one endpoint, for all the streams that live on it."""

    def __init__(self, opening: Opening, sinks: Sequence[Sink]) -> None:
        """Take what was prepared for the sinks; nothing more is asked yet."""
        self._opening, self._run, self._plan = opening, opening.run, opening.plan
        self._sinks = sinks
        self._joiners = opening.joiners
        self._lanes: list[Lane] = []
        self._names = Names()
        self._sweep: Sweep | None = None
        #: Streams made of rows that the plan or the key's user may not read.
        self.closed: set[str] = set()
        #: Rows of the page that were told to be gone and are there again.
        self._returned: set[str] = set()

    def _lane(self, sink: Sink, mark: Bookmark | None) -> Lane:
        resource, run, entity = sink.resource, self._run, entity_of(sink)
        custom = run.lookups.custom_fields(entity) if entity else None
        if isinstance(resource, Collection):
            reader: Reader | RowReader = RowReader(resource, sink.wanted)
            return Lane(sink, reader, mark, run.report.tally(resource.name), None)
        reader = Reader(
            resource,
            custom,
            wanted=sink.wanted,
            remote_data=run.remote_data,
            deletes=run.deletes is not None,
        )
        return Lane(sink, reader, mark, run.report.tally(resource.name), custom)

    def open(self) -> None:
        """Ask for the custom fields, without which no record can be read."""
        self._opening.expect()
        marks = self._opening.marks
        self._lanes = [self._lane(sink, marks[sink.resource.name]) for sink in self._sinks]

    def sync(self) -> None:
        """Read everything the streams want, emit it, and move their bookmarks."""
        is_whole_run = all(sink.record_limit is None for sink in self._sinks)
        if self._run.deletes is not None and is_whole_run:
            graves = [lane for lane in self._lanes if lane.tells_deletes]
            self._sweep = Sweep(self._run.deletes, self._plan, graves) if graves else None
        if self._plan.is_definitions:
            self._sync_fields()
            self._finish()
            return
        try:
            self._walk_all()
        finally:
            for joiner in self._joiners.values():
                if isinstance(joiner, Joiner):
                    joiner.close()

    def interim(self) -> None:
        """Keep how far the walk came, where another run can go on from there."""
        position = self._opening.asking.position
        if self._plan.by_id and position:
            for lane in self._lanes:
                if lane.mark and lane.mark.started:
                    after = None if self._is_closed(lane) else after_of(lane, position)
                    lane.stay(after, self._opening.closed(lane.sink, is_whole=False))

    @property
    def is_confirmed(self) -> bool:
        """Whether every account must have what is read here."""
        resources = [sink.resource for sink in self._sinks]
        rows = [one for one in resources if one.relation is None]
        return all(one.is_confirmed for one in rows or resources)

    def _is_closed(self, lane: Lane) -> bool:
        """Say whether rows that a stream is made of could not be read."""
        joiner = self._joiners.get(lane.resource.relation or "")
        return isinstance(joiner, Joiner) and not joiner.is_whole

    def _walk_all(self) -> None:
        run, opening, came, total = self._run, self._opening, 0, None
        for count, page in enumerate(opening.asking.pages()):
            if count == 0:
                total = page.total
                marks = [lane.mark for lane in self._lanes if lane.mark]
                begin(marks, page.date or run.client.clock.now())
            elif self._plan.by_id and count % PAGES_PER_STATE == 0:
                self.interim()
                run.write_state()
            came += len(page.rows)
            opening.pass_on_before(None if total is None else total - came)
            self.emit_page(page)
            if all(lane.is_sated for lane in self._lanes):
                return
        if self._sweep is not None and not opening.asking.sees_all:
            self._look_for_deletes(self._sweep)
        self._finish()

    def _look_for_deletes(self, sweep: Sweep) -> None:
        """Walk over the ids of all rows: the crawl came by those alone that changed."""
        for page in self._opening.asking.everything():
            sweep.saw(page.rows, self._sinks[0].resource.skip)
            back = sweep.returned(page.rows)
            if back:
                rows = [row for row in page.rows if str(row.get("id")) in back]
                self.emit_page(Page(rows, {}, page.total, page.date))

    def _finish(self) -> None:
        """Tell what has gone, then move the bookmarks."""
        if self._sweep is not None:
            self._sweep.finish()
        for lane in self._lanes:
            if self._is_closed(lane):
                self.closed.add(lane.resource.name)
                lane.stay()
                continue
            if lane.resource.is_open:
                lane.sink.cover(())
                lane.sink.activate()
                learned = lane.sink.learned
                lane.finish({COLUMNS: learned} if learned else {})
                continue
            told = self._sweep.tell(lane) if self._sweep is not None else {}
            if self._sweep is not None and self._sweep.is_certain(lane.resource):
                lane.sink.activate()
            if lane.mark is not None:
                closed = self._opening.closed(lane.sink, is_whole=lane.mark.is_whole)
                told |= {LEFT_OUT: closed} if closed else {}
            lane.finish(told)

    # --- emitting ---------------------------------------------------------------------------

    def emit_page(self, page: Page) -> None:
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
        for lane in self._lanes:
            if lane.sink.resource.relation is None:
                lane.tally.read += len(rows) - len(kept)
                lane.tally.suppressed += len(rows) - len(kept)
        if not kept:
            return
        kept_page = Page(kept, page.body, page.total, page.date)
        for joiner in self._joiners.values():
            joiner.expect(kept_page)
        self._run.lookups.expect_names(self._opening.kinds)
        related = {name: joiner.join(kept_page) for name, joiner in self._joiners.items()}
        self._load_names(page, related)
        self._cover(kept, related)
        for row in kept:
            self._emit_row(row, related)
        for lane in self._lanes:
            lane.sink.hand_over()

    def _zone_of(self, row: Row) -> Zone:
        return self._run.lookups.account_zone.zone_of(self._lanes[0].resource, row)

    def _cover(self, kept: list[Row], related: dict[str, dict[str, list[Row]]]) -> None:
        """Let open schemas know what a page brings before its first record is written."""
        for lane in self._lanes:
            if lane.resource.is_open:
                hanging = related.get(lane.resource.relation or "", {}).values()
                lane.sink.cover(itertools.chain(*hanging) if lane.resource.relation else kept)

    def _worth_joining(self, rows: list[Row]) -> list[Row]:
        """Spare the joins for rows that every stream would hold back anyway."""
        bounds = [lane.mark.since for lane in self._lanes if lane.mark]
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
                self._opening.asking.names_come_along = False
            lookups.load_accounts(ids, sideloaded if isinstance(sideloaded, list) else ())

    def _change(self, row: Row, zone: Zone, values: list[Row]) -> Change:
        """Return when a row last changed, by any of the columns that tell."""
        times = [row.get(column) for column in self._lanes[0].sink.resource.changed]
        if values:
            times += [value.get(name) for value in values for name in people.VALUE_STAMPS]
        known = []
        for text in times:
            try:
                moment = parse_instant(text, zone)
            except Undecodable:
                continue
            if moment is not None:
                known.append(moment)
        return Change(known[0], max(known)) if known else NO_CHANGE

    def _emit_row(self, row: Row, related: dict[str, dict[str, list[Row]]]) -> None:
        one = str(row.get("id"))
        zone = self._zone_of(row)
        joined = Joined(
            self._names, {name: rows.get(one, []) for name, rows in related.items()}, zone
        )
        values = [] if self._plan.is_filtered else joined.rows(people.VALUES)
        change = self._change(row, self._lanes[0].resource.zone_of(row), values)
        for lane in self._lanes:
            if not lane.is_sated:
                self._emit_to(lane, row, joined, change)

    def _emit_to(self, lane: Lane, row: Row, joined: Joined, change: Change) -> None:
        resource, tally, mark = lane.sink.resource, lane.tally, lane.mark
        tally.read += resource.relation is None
        if mark and mark.progress and int(row.get("id") or 0) <= mark.progress["after"]:
            tally.suppressed += resource.relation is None
            return  # emitted before the run was interrupted
        records = [lane.reader.read(part, joined) for part in resource.expand(row, joined)]
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
            lane.sink.emit(record)
        tally.emitted += len(records)

    def _note_parts(self, resource: Resource, row: Row, records: list[Record]) -> None:
        """Let the sweep know what hangs on a row, if all of it could be read."""
        if self._sweep is None or resource.relation is None or resource.is_open:
            return
        joiner = self._joiners[resource.relation]
        if isinstance(joiner, Joiner) and not joiner.is_whole:
            self._sweep.leave_open(resource)
        else:
            self._sweep.saw_parts(resource, str(row.get("id")), records)

    def _sync_fields(self) -> None:
        names, lookups = Names(), self._run.lookups
        for lane in self._lanes:
            for entity in ENTITIES:
                fields = lookups.custom_fields(entity)
                if self._sweep is not None and lookups.could_read_fields(entity):
                    keys = [{"entity": entity, "id": one.id} for one in fields.definitions]
                    self._sweep.saw_parts(lane.resource, entity, keys)
                elif self._sweep is not None:
                    self._sweep.leave_open(lane.resource)
                for one in fields.definitions:
                    if not lane.is_sated:
                        row = row_of(one, fields)
                        joined = Joined(names, zone=self._zone_of(row))
                        self._emit_to(lane, row, joined, NO_CHANGE)
