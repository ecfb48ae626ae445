"""The walks of a run: each endpoint is read once and feeds every stream that lives on it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from .api import Page
from .bookmarks import Bookmark, Change, fingerprint
from .opening import Opening, Wish, entity_of
from .relations import Joiner
from .unified import people
from .unified.codecs import Undecodable, Zone, parse_instant
from .unified.crm.fields import row_of
from .unified.custom_fields import ENTITIES
from .unified.mapping import Joined, Names, Reader, Record, Resource, Row

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from .bookmarks import Entry
    from .report import Tally
    from .unified.custom_fields import CustomFields

logger = logging.getLogger(__name__)

# A STATE every so many pages lets an interrupted first load go on where it stopped.
PAGES_PER_STATE = 10
FIELD_KEYS = "custom_field_keys"
NO_CHANGE = Change(None, None)


class Sink(Wish, Protocol):
    """What a crawl needs of a stream: where records go and where its bookmark is kept."""

    @property
    def record_limit(self) -> int | None:
        """How many records are enough, None for all."""

    def emit(self, record: Record) -> None:
        """Write one record."""

    def hand_over(self) -> None:
        """Let go what was written."""

    def save(self, entry: Entry) -> None:
        """Replace the stream's state entry."""


@dataclass
class _Lane:
    """One stream on a crawl: its reader, its bookmark (None: everything goes), its numbers."""

    sink: Sink
    reader: Reader
    mark: Bookmark | None
    tally: Tally
    custom: CustomFields | None

    def finish(self) -> None:
        """Move the bookmark, and keep the keys of fields that a new title would rename."""
        if self.mark is None:
            return
        entry = self.mark.final()
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
    def is_sated(self) -> bool:
        limit = self.sink.record_limit
        return limit is not None and self.tally.emitted >= limit


def begin(marks: list[Bookmark], started: dt.datetime) -> None:
    """Fix the run's start for all bookmarks that do not go on with an interrupted run's."""
    for mark in marks:
        if mark.started is None:
            mark.begin(started)


def _missing_key(resource: Resource, records: list[Record]) -> str | None:
    for record in records:
        for key in resource.keys:
            if record[key] is None:
                return "without an id"
    return None


def _after_of(lane: _Lane, position: int) -> int:
    progress = lane.mark.progress if lane.mark else None
    return max(position, progress["after"] if progress else 0)


class Crawl:
    """One walk over one endpoint, for all the streams that live on it."""

    def __init__(self, opening: Opening, sinks: Sequence[Sink]) -> None:
        """Take what was prepared for the sinks; nothing more is asked yet."""
        self._opening, self._run, self._plan = opening, opening.run, opening.plan
        self._sinks = sinks
        self._joiners = opening.joiners
        self._lanes: list[_Lane] = []
        self._names = Names()

    def _lane(self, sink: Sink, mark: Bookmark | None) -> _Lane:
        resource, run, entity = sink.resource, self._run, entity_of(sink)
        custom = run.lookups.custom_fields(entity) if entity else None
        reader = Reader(resource, custom, wanted=sink.wanted, remote_data=run.remote_data)
        return _Lane(sink, reader, mark, run.report.tally(resource.name), custom)

    def sync(self) -> None:
        """Read everything the streams want, emit it, and move their bookmarks."""
        self._opening.expect()
        marks = self._opening.marks
        self._lanes = [self._lane(sink, marks[sink.resource.name]) for sink in self._sinks]
        if self._plan.path == "fields":
            self._sync_fields()
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
                    kept = {k: v for k, v in lane.sink.entry.items() if k == FIELD_KEYS}
                    lane.sink.save(lane.mark.interim(_after_of(lane, position)) | kept)

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
            self._emit_page(page)
            if all(lane.is_sated for lane in self._lanes):
                return
        for lane in self._lanes:
            lane.finish()

    # --- emitting ---------------------------------------------------------------------------

    def _emit_page(self, page: Page) -> None:
        rows = page.rows
        self._run.progress.advance(len(rows), page.total)
        if self._plan.path == "accounts":
            self._run.lookups.note_accounts(rows)
        kept = self._worth_joining(rows)
        for lane in self._lanes:
            if lane.sink.resource.relation is None:
                lane.tally.read += len(rows)
                lane.tally.suppressed += len(rows) - len(kept)
        if not kept:
            return
        kept_page = Page(kept, page.body, page.total, page.date)
        for joiner in self._joiners.values():
            joiner.expect(kept_page)
        self._run.lookups.expect_names(self._opening.kinds)
        related = {name: joiner.join(kept_page) for name, joiner in self._joiners.items()}
        self._load_names(page, related)
        for row in kept:
            self._emit_row(row, related)
        for lane in self._lanes:
            lane.sink.hand_over()

    def _worth_joining(self, rows: list[Row]) -> list[Row]:
        """Spare the joins for rows that every stream would hold back anyway."""
        bounds = [lane.mark.since for lane in self._lanes if lane.mark]
        known = [bound for bound in bounds if bound is not None]
        if not self._plan.is_filtered or len(known) < len(self._lanes):
            return rows
        since, zone_of = min(known), self._lanes[0].sink.resource.zone_of
        changes = [self._change(row, zone_of(row), []).latest for row in rows]
        return [
            row
            for row, changed in zip(rows, changes, strict=True)
            if changed is None or changed >= since
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
            times += [value.get("updatedTimestamp") for value in values]
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
        zone = self._lanes[0].sink.resource.zone_of(row)
        joined = Joined(
            self._names, {name: rows.get(one, []) for name, rows in related.items()}, zone
        )
        values = [] if self._plan.is_filtered else joined.rows(people.VALUES)
        change = self._change(row, zone, values)
        for lane in self._lanes:
            if not lane.is_sated:
                self._emit_to(lane, row, joined, change)

    def _emit_to(self, lane: _Lane, row: Row, joined: Joined, change: Change) -> None:
        resource, tally, mark = lane.sink.resource, lane.tally, lane.mark
        if mark and mark.progress and int(row.get("id") or 0) <= mark.progress["after"]:
            tally.suppressed += resource.relation is None
            return  # emitted before the run was interrupted
        records = [lane.reader.read(part, joined) for part in resource.expand(row, joined)]
        if resource.relation is not None:
            tally.read += len(records)
        reason = resource.skip(row) or _missing_key(resource, records)
        if reason is not None:
            tally.skipped[reason] += len(records)
            return
        if mark is not None and not mark.wants(change, lambda: fingerprint(records)):
            tally.suppressed += len(records)
            return
        for record in records:
            if record["_errors"]:
                tally.note_faults(record["_errors"])
            lane.sink.emit(record)
        tally.emitted += len(records)

    def _sync_fields(self) -> None:
        names = Names()
        for lane in self._lanes:
            for entity in ENTITIES:
                fields = self._run.lookups.custom_fields(entity)
                for one in fields.definitions:
                    lane.tally.read += 1
                    if not lane.is_sated:
                        row = row_of(one, fields)
                        joined = Joined(names, zone=lane.sink.resource.zone_of(row))
                        self._emit_to(lane, row, joined, NO_CHANGE)
