"""What the server is asked for, page by page: filters, sideloads, and less when it objects."""

from __future__ import annotations

import datetime as dt
import logging
from typing import TYPE_CHECKING, Any

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
from tap_activecampaign_unified.client.pagination.graphql_walk import walk_search
from tap_activecampaign_unified.endpoints.table import SMALL_TABLES
from tap_activecampaign_unified.state import ZONE_SLACK
from tap_activecampaign_unified.sync.relations.loader import RelationLoader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tap_activecampaign_unified.client import ApiResponse, Client
    from tap_activecampaign_unified.endpoints.table import Endpoint
    from tap_activecampaign_unified.resources.resource import Row
    from tap_activecampaign_unified.state import Bookmark, BookmarkPolicy

    from .lookups import Lookups

logger = logging.getLogger(__name__)

Params = list[tuple[str, Any]]
DAY = dt.timedelta(days=1)


class PageSource:
    """One endpoint's pages under the filters and sideloads of this run.

    ``position`` is the id behind which another run can go on once the last page given out was
    worked on.
    """

    def __init__(
        self,
        client: Client,
        lookups: Lookups,
        plan: Endpoint,
        loaders: dict[str, Any],
        *,
        marks: list[Bookmark],
        policy: BookmarkPolicy,
        position: int = 0,
    ) -> None:
        """Ask nothing yet."""
        self._client, self._lookups, self._plan = client, lookups, plan
        self._everything = list(loaders.values())
        self._joiners = [one for one in self._everything if isinstance(one, RelationLoader)]
        self._seen: set[Any] = set()
        self._since = _earliest(marks) if plan.is_filtered else None
        self._until: Params = []
        if policy.end and plan.is_filtered and plan.until:
            day = (policy.end + ZONE_SLACK).date() + DAY
            self._until = [(plan.until, day.isoformat())]
        if plan.may_lack_dates and any(mark.is_whole for mark in marks):
            self._read_all()
        # A first load and a sweep read as much as the filters leave: they may leave nearly all.
        self._is_open = bool(
            plan.by_id and (self._since or self._until) and any(mark.is_whole for mark in marks)
        )
        self._resumed = self.position = position
        #: Whether the pages come from a second walk, which an interrupted run had not ended.
        self.is_second_walk = False
        #: Whether account names come with the account links.
        self.names_come_along = True

    @property
    def reads_whole(self) -> bool:
        """Whether all rows are asked for, whenever they changed."""
        return self._since is None and not self._is_open

    @property
    def sees_all(self) -> bool:
        """Whether the walk comes by every row there is."""
        return self._since is None and not self._until and not self._resumed

    def _read_all(self) -> None:
        """Filter nothing: the rows are filtered here."""
        self._since, self._until = None, []

    def _decide(self) -> None:
        """Keep the filters of a first load where they spare at least half of the rows.

        What the server does not count is read whole: one walk, and no row without a date is missed.
        """
        if not self._is_open:
            return
        self._is_open = False
        whole, changed = (
            self._count(params) for params in (list(self._plan.params), self._changed)
        )
        if whole is None or changed is None or 2 * changed > whole:
            self._read_all()
            return
        created = self._count(self._created or [])
        if created is None or 2 * (changed + created) > whole:
            self._read_all()

    def _count(self, params: Params) -> int | None:
        return total_of(self._client.get(self._plan.path, _counting(params)).body)

    @property
    def _changed(self) -> Params:
        """What to ask for first: rows by their last change."""
        since = self._since
        filters = [] if since is None else [(self._plan.since, since.isoformat())]
        return [*self._plan.params, *filters, *self._until]

    @property
    def _created(self) -> Params | None:
        """What to ask for then, None for nothing.

        A contact that was never edited may have no `udate`, which no filter on it can find.
        """
        since = self._since
        if not self._plan.by_id or (since is None and not self._until):
            return None
        created = [] if since is None else [("filters[created_after]", since.isoformat())]
        return [*self._plan.params, *created]

    def prefetch(self, then: Callable[[int | None], None]) -> None:
        """Announce the first page of each walk, and what it leads to where all of it is wanted.

        ``then`` is told how many rows the server counts, before anybody gets the first page.
        """

        def lead_on(answer: ApiResponse) -> None:
            if self.reads_whole:
                page = Page(rows_of(answer.body, self._plan.rows_key), answer.body, None, None)
                for loader in self._everything:
                    loader.prefetch(page)
            then(total_of(answer.body))

        if self._plan.walk is not None or self._plan.search is not None:
            then(None)
            return
        if self._plan.path in SMALL_TABLES:
            self._lookups.prefetch_table(self._plan.path)
            return
        if self._is_open:
            for params in (list(self._plan.params), self._changed):
                self._client.prefetch(self._plan.path, _counting(params))
            return
        for base, after in ((self._changed, self.position), (self._created, 0)):
            if base is not None:
                params = list(base)
                self._ask_for(params, base, nested=True)
                by_id = after if self._plan.by_id else None
                prefetch_walk(self._client, self._plan.path, params, after=by_id, then=lead_on)

    def pages(self) -> Iterator[Page]:
        """Give every row that may have changed since the bookmarks, once."""
        self._decide()
        created, ignored = self._created, False
        for page in self._pages(self._changed, is_first=True):
            if created is not None:
                ignored = ignored or _is_older(page.rows, self._since)
                self._seen.update(row.get("id") for row in page.rows)
            yield page
        if created is None or ignored:
            return
        self.is_second_walk = True
        for page in self._pages(created, is_first=False):
            fresh = [row for row in page.rows if not self._came(row)]
            yield Page(fresh, page.body, page.total, page.date, page.limit)

    def _came(self, row: Row) -> bool:
        """Say whether the first walk brought a row, in this run or before it was interrupted."""
        if row.get("id") in self._seen:
            return True
        if not self._resumed or int(row.get("id") or 0) > self._resumed or self._since is None:
            return False
        # The filter is on this column: a row without it came by no walk of an earlier run.
        return str(row.get("udate") or "")[:10] >= (self._since + 2 * DAY).isoformat()

    def everything(self) -> Iterator[Page]:
        """Give every row there is, with nothing that hangs on it."""
        return self._walk(list(self._plan.params), 0, since=None)

    def _pages(self, base: Params, *, is_first: bool) -> Iterator[Page]:
        """Walk with all sideloads; where the server takes offence, with fewer, then without."""
        params = list(base)
        self._ask_for(params, base, nested=True)
        start = self.position if is_first else 0
        for attempt in (1, 2, 3):
            walk = self._walk(params, start, since=self._since)
            try:
                page: Page | None = next(walk, None)
            except (InvalidRequest, ServerError) as problem:
                if params == base:
                    raise
                logger.info("%s: asking for fewer sideloads", problem)
                if attempt > 1 or not self._ask_for(params, base, nested=False):
                    for loader in self._joiners:
                        loader.abandon_sideload()
                    params[:] = base
                continue
            break
        while page is not None:
            yield page
            if is_first and self._plan.by_id and page.rows:
                self.position = max(self.position, int(page.rows[-1].get("id") or 0))
            # The page was worked on meanwhile: some sideloads may not be worth asking for now.
            self._ask_for(params, base, nested=self.names_come_along)
            page = next(walk, None)

    def _ask_for(self, params: Params, base: Params, *, nested: bool) -> bool:
        """Set ``include`` to what is still worth asking for; False when that changes nothing."""
        names = [one.include for one in self._joiners if one.include]
        if nested and "accountContacts" in names:
            names.append("accountContacts.account")
        asked = [*base, ("include", ",".join(names))] if names else base
        changed = params != asked
        params[:] = asked
        return changed

    def _walk(self, params: Params, after: int, *, since: dt.date | None) -> Iterator[Page]:
        client, path, key = self._client, self._plan.path, self._plan.rows_key
        if self._plan.search is not None:
            return walk_search(client, self._plan.search, since)
        if self._plan.walk is not None:
            return self._plan.walk(client)
        if path in SMALL_TABLES:
            return iter(self._lookups.table(path))
        if self._plan.by_id:
            return walk_keyset(client, path, key, params, after=after, is_eager=True)
        return walk_offset(client, path, key, params, is_eager=True)


def _counting(params: Params) -> Params:
    return [("limit", 1), *params]


def _earliest(marks: list[Bookmark]) -> dt.date | None:
    """Return the day all streams want to be asked from; None when one wants everything."""
    bounds = [mark.filter_since for mark in marks]
    known = [bound for bound in bounds if bound is not None]
    return min(known) if known and len(known) == len(bounds) else None


def _is_older(rows: list[Row], since: dt.date | None) -> bool:
    """Say whether a row shows that the filter was ignored."""
    if since is None:
        return False
    bound = (since - 2 * DAY).isoformat()
    columns = ("udate", "updated_timestamp", "cdate")
    return any(all(str(row.get(name) or "")[:10] < bound for name in columns) for row in rows)
