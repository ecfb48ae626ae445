"""Loads related rows, such as tags of contacts, completely and with few requests.

Related rows come with the page (sideload), from the whole collection, or from one request per
parent row. These strategies return the same rows. If ActiveCampaign refuses rows, they are missing,
and the loader is not `is_complete`.
"""

from __future__ import annotations

import enum
import logging
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import (
    FULL_PAGE,
    Client,
    NotFound,
    Page,
    PermissionDenied,
    RequestError,
    UnexpectedResponse,
    named_rows,
    prefetch_walk,
    rows_of,
    total_of,
    walk_offset,
)
from tap_activecampaign_unified.endpoints.relation import Relation, always

from .completeness import listed_ids, parents_with_gaps, pick_samples
from .order_by_id import in_order
from .row_spool import RowSpool

if TYPE_CHECKING:
    from tap_activecampaign_unified.resources.resource import Row

    from .nested_request_limit import NestedRequestLimit

logger = logging.getLogger(__name__)

# One request per row is cheapest for up to this many rows.
FEW_ROWS = 2
# With more incomplete parents on a page, or more empty ones at its end, the sideload is not used.
MAX_GAPS, MAX_EMPTY_PARENTS = 5, 3
PROBE = [("limit", 1)]


class LoadStrategy(enum.Enum):
    """The ways to load a relation's rows."""

    UNPROVEN = "with the page, not verified yet"
    UNDECIDED = "from the collection or by one request per row, not decided yet"
    SIDELOAD = "with the page"
    COLLECTION = "from the collection"
    NESTED = "one request per row"
    UNREADABLE = "not readable"


class RelationLoader:
    """Loads one relation's rows, page by page of the parent rows."""

    def __init__(
        self,
        client: Client,
        relation: Relation,
        base: str,
        *,
        sideload: bool,
        is_partial: bool = False,
        nested_limit: NestedRequestLimit | None = None,
    ) -> None:
        """Create a loader for a relation of the rows at the path ``base``.

        With ``is_partial``, the caller needs the related rows of only some parent rows. If the
        collection has no count, the loader then requests them per parent row. It reads the
        collection only after these requests have used the ``nested_limit``.
        """
        self._client, self._relation, self._base = client, relation, base
        # Up to this many parent rows, a collection without a count is not worth its requests.
        self._max_nested = FULL_PAGE if is_partial else FEW_ROWS
        self._nested_limit = nested_limit
        #: The columns in which a parent row may list the ids of its related rows.
        self._id_columns = (relation.include or relation.collection, *relation.keys)
        self._spool: RowSpool | None = None
        self._is_collection_empty = False
        self._probed: dict[str, Any] | None = None
        # The number of related rows of the fullest page that is verified as complete.
        self._verified_count = 0
        #: The refusal because of which rows are missing, None so far.
        self.problem: RequestError | None = None
        can_sideload = sideload and relation.include is not None
        self.strategy = LoadStrategy.UNPROVEN if can_sideload else LoadStrategy.UNDECIDED

    @property
    def is_complete(self) -> bool:
        """Whether the loader could read all related rows so far."""
        return self.problem is None

    @property
    def include(self) -> str | None:
        """The value for the page's ``include`` parameter, None without a sideload."""
        return self._relation.include if self._uses_sideload() else None

    @property
    def collection(self) -> str:
        """The path of the relation's own collection."""
        return self._relation.collection

    def _uses_sideload(self) -> bool:
        return self.strategy in {LoadStrategy.UNPROVEN, LoadStrategy.SIDELOAD}

    @property
    def _is_undecided(self) -> bool:
        return self.strategy is LoadStrategy.UNDECIDED

    def use_nested(self) -> None:
        """Send one request per row from now on, because the caller needs few rows."""
        self.strategy = LoadStrategy.NESTED

    def abandon_sideload(self) -> None:
        """Stop the sideload, because the server rejects it."""
        if self._uses_sideload():
            self.strategy = LoadStrategy.UNDECIDED

    def prefetch(self, page: Page) -> None:
        """Prefetch the first requests of `join` for this page."""
        if self.strategy is LoadStrategy.UNREADABLE:
            return
        ids = [str(row.get("id")) for row in page.rows]
        collection = self._relation.collection
        if self.strategy is LoadStrategy.UNPROVEN:
            for parent_id in pick_samples(ids, self._sideloaded(page, ids)):
                self._prefetch_nested(parent_id)
        elif self._is_undecided and self._relation.nested is None:
            prefetch_walk(self._client, collection)
        elif not (self._uses_sideload() or self._relation.has_collection):
            # The first request shows whether the endpoint exists.
            for parent_id in self._candidates(page, ids)[: 1 if self._is_undecided else None]:
                self._prefetch_nested(parent_id)
        elif self._is_undecided and self._probed is None:
            self._client.prefetch(collection, PROBE)

    def join(self, page: Page) -> dict[str, list[Row]]:
        """Return the relation's rows by the id of their parent row."""
        ids = [str(row.get("id")) for row in page.rows]
        if not ids or self.strategy is LoadStrategy.UNREADABLE:
            return {}
        try:
            return self._join(page, ids)
        except (NotFound, UnexpectedResponse) as problem:
            if not self._relation.has_collection:
                return self._give_up(problem)
            # The nested endpoint does not exist or has other rows, so use the collection.
            logger.info("%s: the tap reads the whole collection instead", problem)
            self._read_collection()
            return self._join(page, ids)
        except PermissionDenied as problem:
            return self._give_up(problem)

    def _give_up(self, problem: RequestError) -> dict[str, list[Row]]:
        logger.warning("%s: this run leaves its related rows empty", problem)
        self.strategy, self.problem = LoadStrategy.UNREADABLE, problem
        return {}

    def _join(self, page: Page, ids: list[str]) -> dict[str, list[Row]]:
        """Return sideloaded rows if they are complete, else rows of another strategy.

        A sideload is checked in this order: its rows have all values. `_verify_by_count` checks
        pages without id lists. `_verify_by_parents` checks other pages until it has verified the
        sideload. `_fill_gaps` requests the rows that id lists name and the page lacks.
        """
        if self._uses_sideload():
            related = self._sideloaded(page, ids)
            if not self._has_all_values(related):
                self._fall_back(page, ids)
            elif not self._has_id_lists(page) and rows_of(page.body, self._relation.keys):
                self._verify_by_count(page, ids)
            elif self.strategy is LoadStrategy.UNPROVEN:
                self._verify_by_parents(page, ids, related)
            if self._uses_sideload() and self._fill_gaps(page, ids, related):
                return related
        related = {}
        candidates = self._candidates(page, ids)
        if self._is_undecided and not self._relation.has_collection and candidates:
            related = {candidates[0]: self.nested(candidates[0])}
        if candidates or self._relation.has_collection:
            self._choose(page, ids, len(candidates))
        if self._spool is not None:
            return {parent_id: in_order(self._spool.get(parent_id)) for parent_id in ids}
        parents_to_load = [parent_id for parent_id in candidates if parent_id not in related]
        for parent_id in parents_to_load:
            self._prefetch_nested(parent_id)
        return related | {parent_id: self.nested(parent_id) for parent_id in parents_to_load}

    def _has_all_values(self, related: dict[str, list[Row]]) -> bool:
        complete = self._relation.complete
        return complete is always or all(complete(row) for rows in related.values() for row in rows)

    def _sideloaded(self, page: Page, ids: list[str]) -> dict[str, list[Row]]:
        related: dict[str, list[Row]] = defaultdict(list)
        parent_of = self._relation.parent_id_of
        for row in rows_of(page.body, self._relation.keys):
            related[parent_of(row)].append(row)
        return {
            parent_id: in_order(related[parent_id]) for parent_id in ids if parent_id in related
        }

    def _fill_gaps(self, page: Page, ids: list[str], related: dict[str, list[Row]]) -> bool:
        """Request rows that a page lacks. If it lacks many rows, fall back and return False."""
        incomplete = parents_with_gaps(ids, page.rows, related, self._id_columns)
        if len(incomplete) > MAX_GAPS:
            self._fall_back(page, ids)
            return False
        for parent_id in incomplete:
            related[parent_id] = self.nested(parent_id)
        return True

    def _has_id_lists(self, page: Page) -> bool:
        """Return whether the page's rows list their related ids, which proves missing rows."""
        return any(listed_ids(row, self._id_columns) is not None for row in self._all_rows(page))

    def _all_rows(self, page: Page) -> list[Row]:
        """Return all rows of the response. ``page.rows`` may be a part of them."""
        return rows_of(page.body, self._base) or page.rows

    def _verify_by_count(self, page: Page, ids: list[str]) -> None:
        """Verify that a page without id lists has all related rows. Otherwise fall back.

        A limit of the server cuts off the end. Then the last parent with related rows may lack some
        rows, and every parent after it may lack all. A page with fewer related rows than a verified
        page is complete.
        """
        all_ids = [str(row.get("id")) for row in self._all_rows(page)]
        included = self._sideloaded(page, all_ids)
        count = sum(map(len, included.values()))
        last = max(
            (index for index, parent_id in enumerate(all_ids) if parent_id in included), default=-1
        )
        after_last = all_ids[last + 1 :]
        if count > self._verified_count or (count == self._verified_count and after_last):
            unverified = all_ids[max(last, 0) :]
            if len(after_last) > MAX_EMPTY_PARENTS or any(
                self._has_other_rows(parent_id, included) for parent_id in unverified
            ):
                self._fall_back(page, ids)
                return
        self._verified_count = max(count, self._verified_count)
        self.strategy = LoadStrategy.SIDELOAD

    def _verify_by_parents(self, page: Page, ids: list[str], related: dict[str, list[Row]]) -> None:
        """Compare sideloads with nested rows, for the fullest and the last parent of the page."""
        lists = [listed_ids(row, self._id_columns) for row in page.rows]
        if not related:
            if self._relation.lists_related_ids and not any(lists) and None not in lists:
                return  # the parents list no related ids, so verify with a later page
            if self._is_collection_empty:
                return
            if any(lists):
                self._fall_back(page, ids)
                return
            self._verify_by_other_parent(page, ids)
            return
        for parent_id in pick_samples(ids, related):
            if self._has_other_rows(parent_id, related):
                self._fall_back(page, ids)
                return
        logger.debug("%s come with the page, as the tap has verified", self._relation.collection)
        self.strategy = LoadStrategy.SIDELOAD

    def _has_other_rows(self, parent_id: str, sideloaded: dict[str, list[Row]]) -> bool:
        """Return whether the nested rows of a parent differ from its sideloaded rows."""
        nested = {self._relation.comparable(row) for row in self.nested(parent_id)}
        return nested != {self._relation.comparable(row) for row in sideloaded.get(parent_id, [])}

    def _verify_by_other_parent(self, page: Page, ids: list[str]) -> None:
        """Find a parent with related rows, and test its sideload: this page has none."""
        if len(ids) <= FEW_ROWS:
            if any(self.nested(parent_id) for parent_id in ids):
                self._fall_back(page, ids)
            return
        try:
            rows = rows_of(self._probe(), self._relation.keys)
        except (NotFound, UnexpectedResponse):
            self._fall_back(page, ids)
            return
        sample = self._relation.parent_id_of(rows[0]) if rows else ""
        if not sample:
            self._is_collection_empty = True
            return
        if sample in ids or not sample.isdigit():
            self._fall_back(page, ids)  # the sample is on this page, but came without its rows
            return
        response = self._client.get(
            self._base,
            [
                ("limit", 1),
                ("include", self._relation.include or ""),
                ("orders[id]", "ASC"),
                ("id_greater", int(sample) - 1),
            ],
        )
        sideloaded = rows_of(response.body, self._relation.keys)
        if not any(self._relation.parent_id_of(row) == sample for row in sideloaded):
            self._fall_back(page, ids)
        else:
            self.strategy = LoadStrategy.SIDELOAD

    def _fall_back(self, page: Page, ids: list[str]) -> None:
        logger.info(
            "This account does not send %s with %s: the tap reads them separately",
            self._relation.collection,
            self._base,
        )
        self._decide(page, ids)

    def _choose(self, page: Page, ids: list[str], count: int) -> None:
        """Decide once. In each call, read the collection if ``count`` exceeds the limit."""
        if self._is_undecided:
            self._decide(page, ids)
        is_nested = self.strategy is LoadStrategy.NESTED
        if is_nested and self._nested_limit is not None and not self._nested_limit.allows(count):
            self._read_collection()

    def _decide(self, page: Page, ids: list[str]) -> None:
        """Choose the collection or one request per row, whichever needs fewer requests."""
        if not self._relation.has_collection:
            self.strategy = LoadStrategy.NESTED
            return
        if self._relation.nested is None:
            self._read_collection()
            return
        expected = max(page.total or 0, len(ids))
        try:
            total = total_of(self._probe())
        except (NotFound, UnexpectedResponse):
            self.strategy = LoadStrategy.NESTED
            return
        if expected <= (self._max_nested if total is None else total / FULL_PAGE):
            self.strategy = LoadStrategy.NESTED
            if total is not None:
                self._nested_limit = None  # the collection's size is known, so the choice is final
        else:
            self._read_collection()

    def _probe(self) -> dict[str, Any]:
        """Return the smallest page of the collection, with the total and one row."""
        if self._probed is None:
            path = self._relation.collection
            body = self._client.get(path, PROBE).body
            named_rows(body, self._relation.keys, path)
            self._probed = body
        return self._probed

    def _read_collection(self) -> None:
        self.strategy = LoadStrategy.COLLECTION
        self._spool = RowSpool()
        collection = self._relation.collection
        try:
            for part in walk_offset(self._client, collection, self._relation.keys):
                self._spool.add((self._relation.parent_id_of(row), row) for row in part.rows)
        except (NotFound, UnexpectedResponse) as problem:
            logger.warning("%s: this run leaves its related rows empty", problem)
            self.problem = problem
        self._spool.seal()

    def _candidates(self, page: Page, ids: list[str]) -> list[str]:
        """Return the ids of parents that may have related rows."""
        lists_ids, may_have = self._relation.lists_related_ids, self._relation.may_have
        return [
            parent_id
            for parent_id, row in zip(ids, page.rows, strict=True)
            if may_have(row) and not (lists_ids and listed_ids(row, self._id_columns) == set())
        ]

    def _path_of(self, parent_id: str) -> str:
        return (self._relation.nested or "").format(id=parent_id)

    def _prefetch_nested(self, parent_id: str) -> None:
        prefetch_walk(self._client, self._path_of(parent_id))

    def nested(self, parent_id: str) -> list[Row]:
        """Request all related rows of one parent."""
        path = self._path_of(parent_id)
        rows: list[Row] = []
        try:
            for page in walk_offset(self._client, path, self._relation.keys, lean=True):
                rows += page.rows
        except NotFound as problem:
            if problem.is_endpoint:
                raise
            return []  # the row was deleted during the sync
        if self._nested_limit is not None:
            self._nested_limit.note(len(rows))
        return in_order(rows)

    def close(self) -> None:
        """Delete the spool file."""
        if self._spool:
            self._spool.close()
