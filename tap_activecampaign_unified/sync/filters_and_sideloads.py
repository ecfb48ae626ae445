"""Reads an endpoint's pages with the server's filters and sideloads.

A full read under `start_date` keeps its filters only if they exclude at least half of the rows.
Filters and sideloads that the server refuses are dropped.
"""

from __future__ import annotations

import datetime as dt
import logging
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.bookmarks import ZONE_SLACK
from tap_activecampaign_unified.client import (
    InvalidRequest,
    Page,
    ServerError,
    prefetch_walk,
    rows_of,
    total_of,
    walk_keyset,
    walk_offset,
)
from tap_activecampaign_unified.client.graphql.changed_rows import walk_changes
from tap_activecampaign_unified.client.graphql.search_walk import walk_search
from tap_activecampaign_unified.endpoints.endpoint_table import SMALL_TABLES
from tap_activecampaign_unified.sync.relations.relation_loader import RelationLoader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tap_activecampaign_unified.bookmarks import Bookmark, BookmarkPolicy
    from tap_activecampaign_unified.client import ApiResponse, Client
    from tap_activecampaign_unified.endpoints.endpoint_table import Endpoint
    from tap_activecampaign_unified.resources.resource import Row
    from tap_activecampaign_unified.sync.relations.loader import Loader

    from .lookups import Lookups

logger = logging.getLogger(__name__)

Params = list[tuple[str, Any]]
DAY = dt.timedelta(days=1)


class PageSource:
    """The pages of one endpoint, with the filters and sideloads of this run.

    ``position`` is the id after which another run can continue, once the caller has processed the
    last page of `pages`.
    """

    def __init__(
        self,
        client: Client,
        lookups: Lookups,
        endpoint: Endpoint,
        loaders: dict[str, Loader],
        *,
        bookmarks: list[Bookmark],
        policy: BookmarkPolicy,
        position: int,
        joins_all: bool,
    ) -> None:
        """``joins_all``: the sync needs the related rows of every row."""
        self._client, self._lookups, self._endpoint = client, lookups, endpoint
        self._loaders = list(loaders.values())
        self._relation_loaders = [
            loader for loader in self._loaders if isinstance(loader, RelationLoader)
        ]
        self._seen: set[Any] = set()
        self._joins_all = joins_all
        self._since = _earliest(bookmarks) if endpoint.is_filtered else None
        self._until: Params = []
        if policy.end and endpoint.is_filtered and endpoint.until:
            day = (policy.end + ZONE_SLACK).date() + DAY
            self._until = [(endpoint.until, day.isoformat())]
        if endpoint.may_lack_dates and any(bookmark.is_full_read for bookmark in bookmarks):
            self._drop_filters()
        # A full read with filters may need more requests than without: `_choose_filters` compares.
        self._may_drop_filters = bool(
            endpoint.by_id
            and (self._since or self._until)
            and any(bookmark.is_full_read for bookmark in bookmarks)
        )
        self._resumed = self.position = position
        #: Whether the pages come from the second walk, which an interrupted run had not reached.
        self.is_second_walk = False
        #: Whether the server sends account names with the account links.
        self.has_account_names = True

    @property
    def is_unfiltered(self) -> bool:
        """Whether the walk has no filter on the time of change."""
        return self._since is None and not self._may_drop_filters

    @property
    def walks_all_rows(self) -> bool:
        """Whether the walk reads every existing row."""
        return self._since is None and not self._until and not self._resumed

    def _drop_filters(self) -> None:
        """Remove the server's filters. The tap filters the rows itself."""
        self._since, self._until = None, []

    def _choose_filters(self) -> None:
        """Keep the filters of a full read if they exclude at least half of the rows.

        Without a count of the server, read all rows in one walk, which finds undated rows too.
        """
        if not self._may_drop_filters:
            return
        self._may_drop_filters = False
        count_of_all, count_of_changed = (
            self._count(params) for params in (list(self._endpoint.params), self._changed)
        )
        if count_of_all is None or count_of_changed is None or 2 * count_of_changed > count_of_all:
            self._drop_filters()
            return
        count_of_created = self._count(self._created or [])
        if count_of_created is None or 2 * (count_of_changed + count_of_created) > count_of_all:
            self._drop_filters()

    def _count(self, params: Params) -> int | None:
        return total_of(self._client.get(self._endpoint.path, _counting(params)).body)

    @property
    def _changed(self) -> Params:
        """The parameters of the first walk: rows by their last change."""
        since = self._since
        filters = [] if since is None else [(self._endpoint.since, since.isoformat())]
        return [*self._endpoint.params, *filters, *self._until]

    @property
    def _created(self) -> Params | None:
        """The parameters of the second walk, None without a second walk.

        A contact without edits may have no `udate`. A filter on `udate` does not find it.
        """
        since = self._since
        if not self._endpoint.by_id or (since is None and not self._until):
            return None
        created = [] if since is None else [("filters[created_after]", since.isoformat())]
        return [*self._endpoint.params, *created]

    def prefetch(self, then: Callable[[int | None], None]) -> None:
        """Prefetch the first page of each walk. Without filters, prefetch its related rows too.

        The client calls ``then`` with the server's count of rows, before the first page returns.
        """

        def prefetch_related(response: ApiResponse) -> None:
            if self.is_unfiltered and self._joins_all:
                page = Page(
                    rows_of(response.body, self._endpoint.rows_key), response.body, None, None
                )
                for loader in self._loaders:
                    loader.prefetch(page)
            then(total_of(response.body))

        if self._endpoint.walk is not None or self._endpoint.search is not None:
            then(None)
            return
        if self._endpoint.path in SMALL_TABLES:
            self._lookups.prefetch_table(self._endpoint.path)
            return
        if self._may_drop_filters:
            for params in (list(self._endpoint.params), self._changed):
                self._client.prefetch(self._endpoint.path, _counting(params))
            return
        for base, after in ((self._changed, self.position), (self._created, 0)):
            if base is not None:
                params = list(base)
                self._set_include(params, base, nested=True)
                by_id = after if self._endpoint.by_id else None
                prefetch_walk(
                    self._client, self._endpoint.path, params, after=by_id, then=prefetch_related
                )

    def pages(self) -> Iterator[Page]:
        """Yield, once, every row that may have changed since the bookmarks."""
        self._choose_filters()
        created, is_filter_ignored = self._created, False
        for page in self._pages(self._changed, is_first=True):
            if created is not None:
                is_filter_ignored = is_filter_ignored or _has_older_row(page.rows, self._since)
                self._seen.update(row.get("id") for row in page.rows)
            yield page
        if created is None or is_filter_ignored:
            return
        self.is_second_walk = True
        for page in self._pages(created, is_first=False):
            new_rows = [row for row in page.rows if not self._was_read(row)]
            yield Page(new_rows, page.body, page.total, page.date, page.limit)

    def _was_read(self, row: Row) -> bool:
        """Return whether the first walk read a row, in this run or in the interrupted run."""
        if row.get("id") in self._seen:
            return True
        if not self._resumed or int(row.get("id") or 0) > self._resumed or self._since is None:
            return False
        # The first walk filters by `udate`, so it did not read a row without `udate`.
        return str(row.get("udate") or "")[:10] >= (self._since + 2 * DAY).isoformat()

    def all_pages(self) -> Iterator[Page]:
        """Yield every existing row, without related rows."""
        return self._walk(list(self._endpoint.params), 0, since=None)

    def _pages(self, base: Params, *, is_first: bool) -> Iterator[Page]:
        """Walk with all sideloads. If the server rejects them, use fewer, then none."""
        params = list(base)
        self._set_include(params, base, nested=True)
        start = self.position if is_first else 0
        for attempt in (1, 2, 3):
            walk = self._walk(params, start, since=self._since)
            try:
                page: Page | None = next(walk, None)
            except (InvalidRequest, ServerError) as problem:
                if params == base:
                    raise
                logger.info("%s: the tap retries with fewer sideloads", problem)
                if attempt > 1 or not self._set_include(params, base, nested=False):
                    for loader in self._relation_loaders:
                        loader.abandon_sideload()
                    params[:] = base
                continue
            break
        while page is not None:
            yield page
            # The caller has processed the page now. Before, the position must not move past it.
            if is_first and page.position is not None:
                self.position = page.position
            # The loaders have processed the page, and may have abandoned some sideloads. The walk
            # reads `params` again for each page.
            self._set_include(params, base, nested=self.has_account_names)
            page = next(walk, None)

    def _set_include(self, params: Params, base: Params, *, nested: bool) -> bool:
        """Set ``include`` to the present sideloads. Return False if this changes nothing."""
        names = [loader.include for loader in self._relation_loaders if loader.include]
        if nested and "accountContacts" in names:
            names.append("accountContacts.account")
        with_include = [*base, ("include", ",".join(names))] if names else base
        changed = params != with_include
        params[:] = with_include
        return changed

    def _walk(self, params: Params, after: int, *, since: dt.date | None) -> Iterator[Page]:
        client, path, key = self._client, self._endpoint.path, self._endpoint.rows_key
        if self._endpoint.search is not None:
            search = self._endpoint.search
            return walk_changes(client, search, since) if since else walk_search(client, search)
        if self._endpoint.walk is not None:
            return self._endpoint.walk(client)
        if path in SMALL_TABLES:
            return iter(self._lookups.table(path))
        if self._endpoint.by_id:
            return walk_keyset(client, path, key, params, after=after, is_eager=True)
        return walk_offset(client, path, key, params, is_eager=True)


def _counting(params: Params) -> Params:
    return [("limit", 1), *params]


def _earliest(bookmarks: list[Bookmark]) -> dt.date | None:
    """Return the earliest day that a stream needs, None if a stream needs all rows."""
    bounds = [bookmark.filter_since for bookmark in bookmarks]
    known_bounds = [bound for bound in bounds if bound is not None]
    return min(known_bounds) if known_bounds and len(known_bounds) == len(bounds) else None


def _has_older_row(rows: list[Row], since: dt.date | None) -> bool:
    """Return whether a row shows that the server ignored the filter."""
    if since is None:
        return False
    bound = (since - 2 * DAY).isoformat()
    columns = ("udate", "updated_timestamp", "cdate")
    return any(all(str(row.get(name) or "")[:10] < bound for name in columns) for row in rows)
