"""The walks of a run: each endpoint is read once and feeds every stream that lives on it."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from .api import Page
from .asking import Asking
from .bookmarks import Bookmark, Change, fingerprint
from .memberships import GroupMembers, PipelineStages, SentAlong
from .plans import NAMES_OF, PLANS, SMALL_TABLES
from .relations import Joiner
from .unified import people
from .unified.codecs import Undecodable, Zone, parse_instant
from .unified.crm.fields import row_of
from .unified.crm.stages import DEAL_STAGES
from .unified.custom_fields import ENTITIES
from .unified.directory.users import USER_GROUPS
from .unified.mapping import Joined, Names, Reader, Record, Resource, Row

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable

    from .api import Client
    from .bookmarks import Entry, Policy
    from .lookups import Lookups
    from .progress import Progress
    from .report import RunReport, Tally
    from .unified.custom_fields import CustomFields

logger = logging.getLogger(__name__)

# A STATE every so many pages lets an interrupted first load go on where it stopped.
PAGES_PER_STATE = 10
FULL_PAGE = 100
FIELD_KEYS = "custom_field_keys"
NO_CHANGE = Change(None, None)


class Sink(Protocol):
    """What a crawl needs of a stream: where records go and where its bookmark is kept."""

    resource: Resource

    @property
    def entry(self) -> Entry:
        """The stream's state entry."""

    @property
    def record_limit(self) -> int | None:
        """How many records are enough, None for all."""

    def wanted(self, name: str) -> bool:
        """Say whether a property is selected."""

    def emit(self, record: Record) -> None:
        """Write one record."""

    def hand_over(self) -> None:
        """Let go what was written."""

    def save(self, entry: Entry) -> None:
        """Replace the stream's state entry."""


@dataclass
class Run:
    """What the crawls of one run share."""

    client: Client
    lookups: Lookups
    report: RunReport
    progress: Progress
    policy: Policy
    sideload: bool
    remote_data: bool
    write_state: Any


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

    def __init__(self, run: Run, name: str, sinks: list[Sink]) -> None:
        """Prepare readers and bookmarks; nothing is asked yet."""
        self._run = run
        self._plan = PLANS[name]
        self._name = name
        self._asking: Asking | None = None
        self._sinks = sinks
        self._marks: list[Bookmark | None] = []
        self._lanes: list[_Lane] = []
        self._names = Names()
        self._needed = set().union(*(sink.resource.relations(sink.wanted) for sink in sinks))
        self._kinds = {kind for need in self._needed for kind in NAMES_OF.get(need, ())}
        self._joiners = self._make_joiners()
        #: Called once, when nothing is left to be asked for but what was asked for already.
        self.near_the_end: Callable[[], None] = lambda: None

    def _entity(self, sink: Sink) -> str | None:
        """Return whose custom fields a stream's records hold, None where they hold none."""
        needed = people.VALUES in sink.resource.relations(sink.wanted)
        return sink.resource.custom_fields if needed else None

    def _mark(self, sink: Sink) -> Bookmark | None:
        run, key = self._run, sink.resource.replication_key
        if not key:
            return None
        now = run.client.server_now or run.client.clock.now()
        policy = run.policy if self._plan.by_id else replace(run.policy, sweep_after=None)
        mark = Bookmark(sink.entry, policy, now, key)
        if mark.progress:
            mark.resume(mark.progress)
        return mark

    def _lane(self, sink: Sink, mark: Bookmark | None) -> _Lane:
        resource, run, entity = sink.resource, self._run, self._entity(sink)
        custom = run.lookups.custom_fields(entity) if entity else None
        reader = Reader(resource, custom, wanted=sink.wanted, remote_data=run.remote_data)
        return _Lane(sink, reader, mark, run.report.tally(resource.name), custom)

    @property
    def is_small(self) -> bool:
        """Whether everything it asks for is a table or two of a page."""
        return self._plan.path in {*SMALL_TABLES, "users", "fields"}

    def expect(self) -> None:
        """Announce what this crawl asks for first."""
        if self._asking is not None:
            return
        run, self._marks = self._run, [self._mark(sink) for sink in self._sinks]
        entities = [entity for sink in self._sinks if (entity := self._entity(sink))]
        run.lookups.expect_fields(ENTITIES if self._name == "fields" else entities)
        marks, position = [mark for mark in self._marks if mark], 0
        if self._plan.by_id and all(mark.progress for mark in marks):
            position = min(mark.progress["after"] for mark in marks if mark.progress)
        self._asking = Asking(
            run.client,
            run.lookups,
            self._plan,
            self._joiners,
            marks=marks,
            policy=run.policy,
            position=position,
        )
        if self._name != "fields":
            self._asking.expect(self._pass_on_before)

    def sync(self) -> None:
        """Read everything the streams want, emit it, and move their bookmarks."""
        self.expect()
        self._lanes = [self._lane(*pair) for pair in zip(self._sinks, self._marks, strict=True)]
        if self._name == "fields":
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
        if self._plan.by_id and self._asking is not None and self._asking.position:
            for lane in self._lanes:
                if lane.mark and lane.mark.started:
                    kept = {k: v for k, v in lane.sink.entry.items() if k == FIELD_KEYS}
                    lane.sink.save(lane.mark.interim(_after_of(lane, self._asking.position)) | kept)

    def _walk_all(self) -> None:
        asking, run, came, total = self._asking, self._run, 0, None
        if asking is None:
            return
        for count, page in enumerate(asking.pages()):
            if count == 0:
                total = page.total
                marks = [lane.mark for lane in self._lanes if lane.mark]
                begin(marks, page.date or run.client.clock.now())
            elif self._plan.by_id and count % PAGES_PER_STATE == 0:
                self.interim()
                run.write_state()
            came += len(page.rows)
            self._pass_on_before(None if total is None else total - came)
            self._emit_page(page)
            if all(lane.is_sated for lane in self._lanes):
                return
        for lane in self._lanes:
            lane.finish()

    def _pass_on_before(self, left: int | None) -> None:
        """Let the next crawl ask, once all that is left of this one may be asked for at once."""
        if left is None or left <= FULL_PAGE * self._run.client.look_ahead:
            near_the_end, self.near_the_end = self.near_the_end, lambda: None
            near_the_end()

    def _make_joiners(self) -> dict[str, Any]:
        run = self._run
        found: dict[str, Any] = {}
        for relation in self._plan.relations:
            if relation.name in self._needed:
                found[relation.name] = Joiner(
                    run.client, relation, self._plan.path, sideload=run.sideload
                )
        if people.SCORE_VALUES in self._needed:
            found[people.SCORE_VALUES] = SentAlong("scoreValues", "contact")
        if USER_GROUPS in self._needed:
            found[USER_GROUPS] = GroupMembers(run.client, run.lookups)
        if DEAL_STAGES in self._needed:
            found[DEAL_STAGES] = PipelineStages(run.lookups)
        return found

    # --- emitting ---------------------------------------------------------------------------

    def _emit_page(self, page: Page) -> None:
        rows = page.rows
        self._run.progress.advance(len(rows), page.total)
        if self._name == "accounts":
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
        self._run.lookups.expect_names(self._kinds)
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
        self._names = lookups.load_names(self._kinds)
        links = related.get(people.LINKS)
        if links:
            ids = {str(link.get("account")) for rows in links.values() for link in rows}
            sideloaded = page.body.get("accounts")
            if self._asking is not None and not isinstance(sideloaded, list):
                self._asking.names_come_along = False
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
