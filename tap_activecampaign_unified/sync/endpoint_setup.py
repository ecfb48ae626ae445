"""What a crawl asks for first, prepared and announced before its turn comes."""

from __future__ import annotations

import contextlib
import itertools
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from tap_activecampaign_unified.client import RequestError
from tap_activecampaign_unified.endpoints.engagement_walk import POSITIONS
from tap_activecampaign_unified.endpoints.table import NAMES_OF, SMALL_TABLES, endpoint_of
from tap_activecampaign_unified.raw import RawResource
from tap_activecampaign_unified.resources import contact_fields as people
from tap_activecampaign_unified.resources.commerce.orders import STORE_ORDERS
from tap_activecampaign_unified.resources.crm.stages import DEAL_STAGES
from tap_activecampaign_unified.resources.custom_fields import ENTITIES
from tap_activecampaign_unified.resources.directory.users import USER_GROUPS
from tap_activecampaign_unified.resources.marketing.saved_segments import SEGMENT_COUNTS
from tap_activecampaign_unified.state import Bookmark
from tap_activecampaign_unified.sync.relations.loader import RelationLoader
from tap_activecampaign_unified.sync.relations.segment_counts import SegmentCounts
from tap_activecampaign_unified.sync.relations.special_loaders import (
    GroupMembers,
    IncludedRows,
    PipelineStages,
    SiblingRows,
)
from tap_activecampaign_unified.sync.relations.store_orders import StoreOrders

from .lookups import FIELD_TABLES, NAME_COLUMNS
from .page_source import PageSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tap_activecampaign_unified.resources.resource import Resource
    from tap_activecampaign_unified.state import Entry

    from .context import SyncContext

logger = logging.getLogger(__name__)

FULL_PAGE = 100
# Most collections that pass through unmapped are a page or less: so many are asked for at once.
RAW_AHEAD = 3
#: In a stream's state: what could not be read, so that its records lack what it tells.
LEFT_OUT = "left_out"


class SelectedStream(Protocol):
    """A stream that is wanted, as far as it takes to know what to ask for."""

    @property
    def resource(self) -> Resource:
        """What its records are."""

    @property
    def entry(self) -> Entry:
        """The stream's state entry."""

    @property
    def is_full_table(self) -> bool:
        """Whether every record is wanted, whatever the bookmark says."""

    def wanted(self, name: str) -> bool:
        """Say whether a property is selected."""


class EndpointSetup:
    """One walk over one endpoint for all the streams that live on it, up to its first answers."""

    def __init__(self, run: SyncContext, name: str, selections: Sequence[SelectedStream]) -> None:
        """Prepare bookmarks and what hangs on the rows.

        Nothing is asked yet, but whether what was closed to the last run is open.
        """
        self.run, self.plan, self.selections = run, endpoint_of(name), selections
        self._walk: Any = None
        if self.plan.make_walk is not None:
            first = selections[0]
            entry = {} if first.is_full_table else first.entry
            self._walk = self.plan.make_walk(run.walk_options, entry)
            self.plan = replace(self.plan, walk=self._walk)
        needed = set().union(
            *(selection.resource.relations(selection.wanted) for selection in selections)
        )
        #: Which kinds of names the records quote.
        self.kinds = {kind for need in needed for kind in NAMES_OF.get(need, ())}
        self.loaders = self._make_loaders(needed)
        #: Bookmarks by stream, None where everything is emitted.
        self.marks = {selection.resource.name: self._mark(selection) for selection in selections}
        if None in self.marks.values():
            self.plan = replace(self.plan, is_filtered=False)  # somebody wants all there is
        self.page_source = self._make_page_source([mark for mark in self.marks.values() if mark])
        self._is_announced = False
        #: Called once, when nothing is left to be asked for but what was asked for already.
        self.near_the_end: Callable[[], None] = lambda: None

    def _mark(self, selection: SelectedStream) -> Bookmark | None:
        run, key = self.run, selection.resource.replication_key
        if not key or self.keeps_positions or selection.is_full_table:
            return None
        now = run.client.server_now or run.client.clock.now()
        mark = Bookmark(selection.entry, run.policy, now, key)
        if ahead := mark.moments_ahead(now):
            self._discard_future(selection.resource.name, mark, ahead)
        if any(run.lookups.may_read(path) for path in self._left_out(selection)):
            # What could not be read then may be read now: no row that lacks it is to stay so.
            mark.progress, mark.is_whole = None, True
        elif mark.progress:
            mark.resume(mark.progress)
        return mark

    def _discard_future(self, name: str, mark: Bookmark, ahead: list[str]) -> None:
        """Begin at now where a bookmark is later, by the server's clock if it can be had."""
        client = self.run.client
        if client.server_now is None:
            with contextlib.suppress(RequestError):
                client.get("users/me")  # its answer carries the server's time
        now = client.server_now or client.clock.now()
        if mark.moments_ahead(now):
            logger.warning(
                "%s: %s in the state is later than now (%s). It is discarded, and the stream is "
                "read whole",
                name,
                " and ".join(ahead),
                now.isoformat(timespec="seconds"),
            )
            mark.discard_future(now)

    def _left_out(self, selection: SelectedStream) -> list[str]:
        """Return what earlier runs could not read of what a stream's records are made of."""
        former = selection.entry.get(LEFT_OUT)
        return sorted(
            self._sources(selection).intersection(former if isinstance(former, list) else ())
        )

    def _sources(self, selection: SelectedStream) -> set[str]:
        """Return the collections that a stream's records are made of beside its own rows."""
        needed = selection.resource.relations(selection.wanted)
        found = {one.collection for one in self.plan.relations if one.name in needed}
        found |= {NAME_COLUMNS[kind][0] for need in needed for kind in NAMES_OF.get(need, ())}
        if people.LINKS in needed:
            found.add("accounts")
        if entity := entity_of(selection):
            found.add(FIELD_TABLES[entity][0])
        return found

    def closed(self, selection: SelectedStream, *, is_whole: bool) -> list[str]:
        """Return what of a stream's records could not be read.

        Unless all rows were read again (``is_whole``), it includes what earlier runs could not
        read.
        """
        closed = set(self.run.lookups.unread)
        if not is_whole:
            closed.update(self._left_out(selection))
        for loader in self.loaders.values():
            if isinstance(loader, RelationLoader) and not loader.is_whole:
                closed.add(loader.collection)
        return sorted(closed & self._sources(selection))

    def _make_page_source(self, marks: list[Bookmark]) -> PageSource:
        run, position = self.run, 0
        goes_on = len(marks) == len(self.marks) and all(mark.progress for mark in marks)
        if self.plan.by_id and goes_on:
            position = min(mark.progress["after"] for mark in marks if mark.progress)
        return PageSource(
            run.client,
            run.lookups,
            self.plan,
            self.loaders,
            marks=marks,
            policy=run.policy,
            position=position,
        )

    def _make_loaders(self, needed: set[str]) -> dict[str, Any]:
        run = self.run
        found: dict[str, Any] = {}
        for relation in self.plan.relations:
            if relation.name in needed:
                found[relation.name] = RelationLoader(
                    run.client, relation, self.plan.path, sideload=run.sideload
                )
        for selection in self.selections:
            resource = selection.resource
            if isinstance(resource, RawResource) and resource.beside and resource.relation:
                found[resource.relation] = SiblingRows(resource.key)
        if people.SCORE_VALUES in needed:
            found[people.SCORE_VALUES] = IncludedRows("scoreValues", "contact")
        if USER_GROUPS in needed:
            found[USER_GROUPS] = GroupMembers(run.client, run.lookups)
        if STORE_ORDERS in needed:
            found[STORE_ORDERS] = StoreOrders(run.client)
        if SEGMENT_COUNTS in needed:
            found[SEGMENT_COUNTS] = SegmentCounts(run.client)
        if DEAL_STAGES in needed:
            found[DEAL_STAGES] = PipelineStages(run.lookups)
        return found

    @property
    def keeps_positions(self) -> bool:
        """Whether its walk itself knows how far it came, in place of a bookmark."""
        return hasattr(self._walk, POSITIONS)

    @property
    def positions(self) -> Entry:
        """What the state is to hold of how far the walk came, empty where it keeps nothing."""
        return {POSITIONS: self._walk.document()} if self.keeps_positions else {}

    @property
    def is_small(self) -> bool:
        """Whether everything it asks for is a table or two of a page."""
        mapped = self.plan.is_definitions or self.plan.path == "users"
        return mapped or self.plan.path in SMALL_TABLES

    @property
    def is_raw(self) -> bool:
        """Whether its rows pass through unmapped, for no other stream."""
        return all(selection.resource.is_open for selection in self.selections)

    def prefetch(self) -> None:
        """Announce what the crawl asks for first, once."""
        if self._is_announced:
            return
        self._is_announced = True
        is_fields = self.plan.is_definitions
        entities = [entity for selection in self.selections if (entity := entity_of(selection))]
        self.run.lookups.prefetch_fields(ENTITIES if is_fields else entities)
        if not is_fields:
            self.page_source.prefetch(self.pass_on_before)
        if self.page_source.reads_whole:
            self.run.lookups.prefetch_names(self.kinds)

    def pass_on_before(self, left: int | None) -> None:
        """Let the next crawl ask, once all that is left of this one may be asked for at once."""
        if left is None or left <= FULL_PAGE * self.run.client.look_ahead:
            near_the_end, self.near_the_end = self.near_the_end, lambda: None
            near_the_end()


def entity_of(selection: SelectedStream) -> str | None:
    """Return whose custom fields a stream's records hold, None where they hold none."""
    needed = people.VALUES in selection.resource.relations(selection.wanted)
    return selection.resource.custom_fields if needed else None


def _prefetch_all(setups: list[EndpointSetup]) -> Callable[[], None]:
    """Return what announces the first of these, and those behind it that pass through unmapped."""

    def prefetch() -> None:
        for setup in itertools.chain(
            setups[:1],
            itertools.takewhile(lambda one: one.is_raw, setups[1:]),
        ):
            setup.prefetch()

    return prefetch


def prepare_endpoints(
    run: SyncContext, selections: Iterable[SelectedStream]
) -> dict[str, EndpointSetup]:
    """Return the openings of a run by crawl, in the order of the streams' names.

    Small ones ask at once, and the first of the others; each of these when the last is ending.
    """
    chosen: dict[str, list[SelectedStream]] = {}
    selections = sorted(selections, key=lambda selection: selection.resource.name)
    run.progress.expect_streams(selection.resource.name for selection in selections)
    for selection in selections:
        chosen.setdefault(selection.resource.endpoint_name, []).append(selection)
    found = {name: EndpointSetup(run, name, mine) for name, mine in chosen.items()}
    large = [setup for setup in found.values() if not setup.is_small]
    for at, before in enumerate(large):
        before.near_the_end = _prefetch_all(large[at + 1 : at + 1 + RAW_AHEAD])
    for setup in (*(one for one in found.values() if one.is_small), *large[:1]):
        setup.prefetch()
    return found
