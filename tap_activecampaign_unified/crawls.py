"""The walks of a run: each endpoint is read once and feeds every selected stream that lives on it."""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from .api import Page, Refused, ServerTrouble, walk_keyset, walk_offset
from .bookmarks import Bookmark, fingerprint
from .memberships import GroupMembers, PipelineStages, SentAlong
from .relations import Joiner, Relation
from .unified import people
from .unified.codecs import Undecodable, Zone, parse_instant
from .unified.crm.fields import row_of
from .unified.crm.opportunities import CONTACT_DEALS
from .unified.crm.stages import DEAL_STAGES
from .unified.custom_fields import ENTITIES
from .unified.directory.users import USER_GROUPS
from .unified.mapping import Joined, Names, Reader, Record, Resource, Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .api import Client
    from .bookmarks import Entry, Policy
    from .lookups import Lookups
    from .progress import Progress
    from .report import RunReport, Tally

logger = logging.getLogger(__name__)

# A STATE every so many pages lets an interrupted first load go on where it stopped.
PAGES_PER_STATE = 10


@dataclass(frozen=True)
class Plan:
    """How one endpoint is walked: by id or by offset, filtered or not, and what hangs on its rows."""

    path: str
    params: tuple[tuple[str, Any], ...] = ()
    by_id: bool = False
    is_filtered: bool = False
    relations: tuple[Relation, ...] = ()


def _contact_relation(name: str, collection: str, *, counted: bool = False) -> Relation:
    nested = f"contacts/{{id}}/{collection}"
    return Relation(name, collection, ("contact",), nested, collection, counted=counted)


PLANS = {
    "contacts": Plan(
        "contacts",
        params=(("status", -1),),
        by_id=True,
        is_filtered=True,
        relations=(
            _contact_relation(people.VALUES, "fieldValues"),
            _contact_relation(people.TAGS, "contactTags"),
            _contact_relation(people.MEMBERSHIPS, "contactLists"),
            _contact_relation(people.LINKS, "accountContacts", counted=True),
        ),
    ),
    "deals": Plan(
        "deals",
        params=(("orders[cdate]", "ASC"),),
        is_filtered=True,
        relations=(
            Relation(
                people.VALUES,
                "dealCustomFieldData",
                ("dealId", "deal_id", "deal"),
                "deals/{id}/dealCustomFieldData",
                "dealCustomFieldData",
            ),
            Relation(CONTACT_DEALS, "contactDeals", ("deal",), "deals/{id}/contactDeals"),
        ),
    ),
    "accounts": Plan(
        "accounts",
        params=(("count_deals", "true"),),
        relations=(
            Relation(
                people.VALUES,
                "accountCustomFieldData",
                ("accountId", "customerAccountId", "account_id", "account"),
                "accounts/{id}/accountCustomFieldData",
            ),
        ),
    ),
    **{path: Plan(path) for path in ("notes", "users", "groups", "tags", "lists")},
    **{path: Plan(path) for path in ("dealStages", "dealGroups", "fields")},
}

# Which names a record quotes, by the relation that brings their ids.
NAMES_OF = {
    people.TAGS: ("tags",),
    people.MEMBERSHIPS: ("segments",),
    "stages": ("stages", "pipelines"),
    "pipelines": ("pipelines",),
    USER_GROUPS: ("groups",),
}
SMALL_TABLES = {"tags", "lists", "dealStages", "dealGroups", "groups"}


class Sink(Protocol):
    """What a crawl needs of a stream: where records go and where its bookmark is kept."""

    resource: Resource
    entry: Entry
    record_limit: int | None

    def wanted(self, name: str) -> bool:
        """Say whether a property is selected."""

    def emit(self, record: Record) -> None:
        """Write one record."""

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

    @property
    def is_sated(self) -> bool:
        limit = self.sink.record_limit
        return limit is not None and self.tally.emitted >= limit


class Crawl:
    """One walk over one endpoint, for all the streams that live on it."""

    def __init__(self, run: Run, name: str, sinks: list[Sink]) -> None:
        """Prepare readers and bookmarks; nothing is asked yet."""
        self._run = run
        self._plan = PLANS[name]
        self._name = name
        self._after = 0
        self._lanes = [self._lane(sink) for sink in sinks]
        self._names = Names()
        self._joiners: dict[str, Any] = {}
        self._needed: set[str] = set()
        self._names_come_along = True

    def _lane(self, sink: Sink) -> _Lane:
        resource, run = sink.resource, self._run
        custom = None
        needs = resource.relations(sink.wanted)
        if resource.custom_fields and people.VALUES in needs:
            custom = run.lookups.custom_fields(resource.custom_fields)
        reader = Reader(resource, custom, wanted=sink.wanted, remote_data=run.remote_data)
        mark = None
        if resource.replication_key:
            now = run.client.server_now or run.client.clock.now()
            policy = run.policy if self._plan.by_id else replace(run.policy, sweep_after=None)
            mark = Bookmark(sink.entry, policy, now, resource.replication_key)
        return _Lane(sink, reader, mark, run.report.tally(resource.name))

    def sync(self) -> None:
        """Read everything the streams want, emit it, and move their bookmarks."""
        if self._name == "fields":
            self._sync_fields()
            return
        self._needed = set().union(
            *(lane.sink.resource.relations(lane.sink.wanted) for lane in self._lanes)
        )
        self._joiners = self._make_joiners()
        try:
            self._walk_all()
        finally:
            for joiner in self._joiners.values():
                if isinstance(joiner, Joiner):
                    joiner.close()

    def interim(self) -> None:
        """Keep how far the walk came, where another run can go on from there."""
        if self._plan.by_id and self._after:
            for lane in self._lanes:
                if lane.mark and lane.mark.started:
                    lane.sink.save(lane.mark.interim(self._after_of(lane)))

    def _after_of(self, lane: _Lane) -> int:
        progress = lane.mark.progress if lane.mark else None
        return max(self._after, progress["after"] if progress else 0)

    def _walk_all(self) -> None:
        marks = [lane.mark for lane in self._lanes if lane.mark]
        for mark in marks:
            if mark.progress:
                mark.resume(mark.progress)
        if self._plan.by_id and all(mark.progress for mark in marks):
            self._after = min(mark.progress["after"] for mark in marks if mark.progress)
        pages = 0
        for page in self._pages(marks):
            if pages == 0:
                started = page.date or self._run.client.clock.now()
                for mark in marks:
                    if mark.started is None:
                        mark.begin(started)
            pages += 1
            self._emit_page(page)
            if page.rows:
                self._after = (
                    max(self._after, int(page.rows[-1].get("id") or 0)) if self._plan.by_id else 0
                )
            if all(lane.is_sated for lane in self._lanes):
                return
            if self._plan.by_id and pages % PAGES_PER_STATE == 0:
                self.interim()
                self._run.write_state()
        for lane in self._lanes:
            if lane.mark:
                lane.sink.save(lane.mark.final())

    # --- asking -----------------------------------------------------------------------------

    def _pages(self, marks: list[Bookmark]) -> Iterator[Page]:
        """Walk with all sideloads; where the server takes offence, with fewer, then without."""
        base = [*self._plan.params, *self._filters(marks)]
        params = list(base)
        self._ask_for(params, base, nested=True)
        for attempt in (1, 2, 3):
            walk = self._walk(params)
            try:
                first = next(walk)
            except (Refused, ServerTrouble) as problem:
                if params == base:
                    raise
                logger.info("%s: asking for fewer sideloads", problem)
                if attempt > 1 or not self._ask_for(params, base, nested=False):
                    for joiner in self._joiners.values():
                        if isinstance(joiner, Joiner):
                            joiner.give_up_sideload()
                    params[:] = base
                continue
            yield first
            while True:
                # The page was worked on meanwhile: some sideloads may not be worth asking for now.
                self._ask_for(params, base, nested=self._names_come_along)
                page = next(walk, None)
                if page is None:
                    return
                yield page

    def _ask_for(self, params: list[Any], base: list[Any], *, nested: bool) -> bool:
        """Set ``include`` to what is still worth asking for; False when that changes nothing."""
        names = [j.include for j in self._joiners.values() if isinstance(j, Joiner) and j.include]
        if nested and "accountContacts" in names:
            names.append("accountContacts.account")
        asked = [*base, ("include", ",".join(names))] if names else base
        changed = params != asked
        params[:] = asked
        return changed

    def _walk(self, params: list[Any]) -> Iterator[Page]:
        client, path = self._run.client, self._plan.path
        if path in SMALL_TABLES:
            return iter(self._run.lookups.table(path))
        if self._plan.by_id:
            return walk_keyset(client, path, path, params, after=self._after)
        return walk_offset(client, path, path, params)

    def _filters(self, marks: list[Bookmark]) -> list[tuple[str, Any]]:
        if not self._plan.is_filtered:
            return []
        found: list[tuple[str, Any]] = []
        bounds = [mark.filter_since for mark in marks]
        known = [bound for bound in bounds if bound is not None]
        if known and len(known) == len(bounds):
            found.append(("filters[updated_after]", min(known).isoformat()))
        end = self._run.policy.end
        if end:
            last = (end + dt.timedelta(hours=14)).date() + dt.timedelta(days=1)
            found.append(("filters[updated_before]", last.isoformat()))
        return found

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
        kept = [row for row in rows if self._may_be_wanted(row)]
        for lane in self._lanes:
            if lane.sink.resource.relation is None:
                lane.tally.read += len(rows)
                lane.tally.suppressed += len(rows) - len(kept)
        if not kept:
            return
        kept_page = Page(kept, page.body, page.total, page.date)
        related = {name: joiner.join(kept_page) for name, joiner in self._joiners.items()}
        self._load_names(page, related)
        for row in kept:
            self._emit_row(row, related)

    def _may_be_wanted(self, row: Row) -> bool:
        """Spare the joins for rows that every stream would hold back anyway."""
        if not self._plan.is_filtered:
            return True
        changed = self._changed(row, self._lanes[0].sink.resource.zone_of(row), [])
        if changed is None:
            return True
        for lane in self._lanes:
            since = lane.mark.since if lane.mark else None
            if since is None or changed >= since:
                return True
        return False

    def _load_names(self, page: Page, related: dict[str, Any]) -> None:
        lookups = self._run.lookups
        kinds = {kind for need in self._needed for kind in NAMES_OF.get(need, ())}
        self._names = lookups.load_names(kinds)
        links = related.get(people.LINKS)
        if links:
            ids = {str(link.get("account")) for rows in links.values() for link in rows}
            sideloaded = page.body.get("accounts")
            self._names_come_along = self._names_come_along and isinstance(sideloaded, list)
            lookups.load_accounts(ids, sideloaded if isinstance(sideloaded, list) else ())

    def _changed(self, row: Row, zone: Zone, values: list[Row]) -> dt.datetime | None:
        """Return when a row last changed, by any of the columns that tell."""
        columns = self._lanes[0].sink.resource.changed
        times = [row.get(column) for column in columns]
        times += [value.get("updatedTimestamp") for value in values]
        latest = None
        for text in times:
            try:
                moment = parse_instant(text, zone)
            except Undecodable:
                continue
            if moment is not None and (latest is None or moment > latest):
                latest = moment
        return latest

    def _emit_row(self, row: Row, related: dict[str, dict[str, list[Row]]]) -> None:
        one = str(row.get("id"))
        zone = self._lanes[0].sink.resource.zone_of(row)
        joined = Joined(
            self._names, {name: rows.get(one, []) for name, rows in related.items()}, zone
        )
        values = [] if self._plan.is_filtered else joined.rows(people.VALUES)
        changed = self._changed(row, zone, values)
        for lane in self._lanes:
            if not lane.is_sated:
                self._emit_to(lane, row, joined, changed)

    def _emit_to(self, lane: _Lane, row: Row, joined: Joined, changed: dt.datetime | None) -> None:
        resource, tally, mark = lane.sink.resource, lane.tally, lane.mark
        if mark and mark.progress and int(row.get("id") or 0) <= mark.progress["after"]:
            tally.suppressed += resource.relation is None
            return  # emitted before the run was interrupted
        records = [lane.reader.read(part, joined) for part in resource.expand(row, joined)]
        if resource.relation is not None:
            tally.read += len(records)
        reason = resource.skip(row)
        if reason is None and any(
            record[key] is None for record in records for key in resource.keys
        ):
            reason = "without an id"
        if reason is not None:
            tally.skipped[reason] += len(records)
            return
        if mark is not None and not mark.wants(changed, lambda: fingerprint(records)):
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
                    if lane.is_sated:
                        continue
                    row = row_of(one, fields)
                    joined = Joined(names, zone=lane.sink.resource.zone_of(row))
                    record = lane.reader.read(row, joined)
                    if record["_errors"]:
                        lane.tally.note_faults(record["_errors"])
                    lane.sink.emit(record)
                    lane.tally.emitted += 1
