"""Prepares the sync of one endpoint: bookmarks, loaders, and prefetched first requests."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.bookmarks import Bookmark
from tap_activecampaign_unified.client import FULL_PAGE
from tap_activecampaign_unified.endpoints.endpoint_table import NAMES_OF, SMALL_TABLES, endpoint_of
from tap_activecampaign_unified.endpoints.engagement_walk import POSITIONS
from tap_activecampaign_unified.raw import RawResource
from tap_activecampaign_unified.resources.custom_field_rows import CUSTOM_VALUES
from tap_activecampaign_unified.resources.custom_fields import ENTITIES
from tap_activecampaign_unified.sync.relations.nested_request_limit import NestedRequestLimit
from tap_activecampaign_unified.sync.relations.relation_loader import RelationLoader
from tap_activecampaign_unified.sync.relations.sideloaded_rows import SiblingRows
from tap_activecampaign_unified.sync.relations.special_loaders import special_loaders

from .filters_and_sideloads import PageSource
from .unreadable_collections import UnreadableCollections, entity_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tap_activecampaign_unified.bookmarks import Entry
    from tap_activecampaign_unified.sync.relations.loader import Loader

    from .stream_interface import SelectedStream
    from .sync_context import SyncContext

logger = logging.getLogger(__name__)


class EndpointSetup:
    """Prepares the sync of one endpoint for all its streams."""

    def __init__(
        self, context: SyncContext, name: str, selections: Sequence[SelectedStream]
    ) -> None:
        """Create bookmarks and loaders.

        It sends a request for each collection that the key could not read in earlier runs, and one
        if the state has a time in the future.
        """
        self.context, self.endpoint, self.selections = context, endpoint_of(name), selections
        self._walk: Any = None
        if self.endpoint.make_walk is not None:
            first = selections[0]
            entry = {} if first.is_full_table else first.entry
            self._walk = self.endpoint.make_walk(context.walk_options, entry)
            self.endpoint = replace(self.endpoint, walk=self._walk)
        self._collections = UnreadableCollections(self.endpoint, context.lookups)
        needed = set().union(
            *(selection.resource.relations(selection.wanted) for selection in selections)
        )
        #: The kinds of names that the records contain.
        self.kinds = {kind for relation in needed for kind in NAMES_OF.get(relation, ())}
        #: Bookmarks by stream, None for a stream that emits every record.
        self.bookmarks = {
            selection.resource.name: self._bookmark_of(selection) for selection in selections
        }
        #: Limits the requests per row, if the run emits only some of the rows.
        self.nested_limit = NestedRequestLimit()
        #: Whether the run emits only some of the rows.
        self._is_partial = all(
            bookmark and not bookmark.is_full_read for bookmark in self.bookmarks.values()
        )
        self.loaders = self._make_loaders(needed)
        if None in self.bookmarks.values():
            self.endpoint = replace(self.endpoint, is_filtered=False)  # a stream needs every row
        self.page_source = self._make_page_source(
            [bookmark for bookmark in self.bookmarks.values() if bookmark]
        )
        self._is_prefetched = False
        #: Called once, when all remaining requests of this endpoint are prefetched.
        self.prefetch_next: Callable[[], None] = lambda: None

    def _bookmark_of(self, selection: SelectedStream) -> Bookmark | None:
        context, key = self.context, selection.resource.replication_key
        if not key or self.keeps_positions or selection.is_full_table:
            return None
        now = context.client.server_now or context.client.clock.now()
        bookmark = Bookmark(selection.entry, context.policy, now, key)
        if future_names := bookmark.moments_ahead(now):
            self._discard_future(selection.resource.name, bookmark, future_names)
        if self._collections.has_become_readable(selection):
            # Emit all rows, because earlier runs left these values out.
            bookmark.saved_position, bookmark.is_full_read = None, True
        elif bookmark.saved_position:
            bookmark.resume(bookmark.saved_position)
        return bookmark

    def _discard_future(self, name: str, bookmark: Bookmark, future_names: list[str]) -> None:
        """Discard bookmark times that are later than now, by the server's clock if it answers."""
        now = self.context.client.account_time()
        if bookmark.moments_ahead(now):
            logger.warning(
                "%s: %s in the state is later than now (%s). The tap discards it and reads the "
                "stream in full",
                name,
                " and ".join(future_names),
                now.isoformat(timespec="seconds"),
            )
            bookmark.discard_future(now)

    def unreadable(self, selection: SelectedStream, *, is_full_read: bool) -> list[str]:
        """Return the collections of a stream's values that the tap could not read."""
        return self._collections.names(selection, self.loaders, is_full_read=is_full_read)

    def _make_page_source(self, bookmarks: list[Bookmark]) -> PageSource:
        context, position = self.context, 0
        progress = [bookmark.saved_position for bookmark in bookmarks if bookmark.saved_position]
        is_resumed = len(progress) == len(self.bookmarks)
        if self.endpoint.by_id and is_resumed:
            position = min(saved["after"] for saved in progress)
        return PageSource(
            context.client,
            context.lookups,
            self.endpoint,
            self.loaders,
            bookmarks=bookmarks,
            policy=context.policy,
            position=position,
            joins_all=not self._is_partial or CUSTOM_VALUES in self.loaders,
        )

    def _make_loaders(self, needed: set[str]) -> dict[str, Loader]:
        context = self.context
        loaders: dict[str, Loader] = {}
        for relation in self.endpoint.relations:
            if relation.name in needed:
                loaders[relation.name] = RelationLoader(
                    context.client,
                    relation,
                    self.endpoint.path,
                    sideload=context.sideload,
                    is_partial=self._is_partial,
                    nested_limit=self.nested_limit
                    if self._is_partial and relation.has_collection
                    else None,
                )
        for selection in self.selections:
            resource = selection.resource
            if isinstance(resource, RawResource) and resource.included_in and resource.relation:
                loaders[resource.relation] = SiblingRows(resource.key)
        return loaders | special_loaders(needed, context.client, context.lookups)

    @property
    def keeps_positions(self) -> bool:
        """Whether the walk keeps its own positions instead of a bookmark."""
        return hasattr(self._walk, POSITIONS)

    @property
    def positions(self) -> Entry:
        """The walk's positions for the state, empty if it keeps none."""
        return {POSITIONS: self._walk.document()} if self.keeps_positions else {}

    @property
    def is_small(self) -> bool:
        """Whether the endpoint has only one or two pages."""
        mapped = self.endpoint.is_definitions or self.endpoint.path == "users"
        return mapped or self.endpoint.path in SMALL_TABLES

    @property
    def is_raw(self) -> bool:
        """Whether all streams of the endpoint are raw."""
        return all(selection.resource.schema_grows for selection in self.selections)

    def prefetch(self) -> None:
        """Prefetch the first requests of the sync, once."""
        if self._is_prefetched:
            return
        self._is_prefetched = True
        is_fields = self.endpoint.is_definitions
        entities = [entity for selection in self.selections if (entity := entity_of(selection))]
        self.context.lookups.prefetch_fields(ENTITIES if is_fields else entities)
        if not is_fields:
            self.page_source.prefetch(self.prefetch_next_if_near_end)
        if self.page_source.is_unfiltered:
            self.context.lookups.prefetch_names(self.kinds)

    def prefetch_next_if_near_end(self, remaining: int | None) -> None:
        """Prefetch the next endpoint, once all of this endpoint's pages are prefetched.

        ``remaining`` is the number of rows to come, None if it is unknown.
        """
        if remaining is None or remaining <= FULL_PAGE * self.context.client.look_ahead:
            prefetch_next, self.prefetch_next = self.prefetch_next, lambda: None
            prefetch_next()
