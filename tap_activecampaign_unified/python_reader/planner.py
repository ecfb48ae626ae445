"""Plans a query: the server's filters, the requests, and the traversal of the rows."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import Page, walk_keyset, walk_offset
from tap_activecampaign_unified.endpoints.endpoint_table import ENDPOINTS, endpoint_of
from tap_activecampaign_unified.resources.crm.field_definitions import row_of
from tap_activecampaign_unified.resources.custom_fields import ENTITIES
from tap_activecampaign_unified.resources.input_values.ids import id_number, id_order
from tap_activecampaign_unified.resources.marketing.engagements import SOURCE
from tap_activecampaign_unified.sync.lookups import NAME_COLUMNS
from tap_activecampaign_unified.sync.relations.sideloaded_rows import IncludedScores

from .filters import ADDRESSES, Filter, InvalidQuery, Order, order_of, read_filters
from .offset_traversal import OffsetTraversal, creation_time
from .order_check import CheckedOffsetTraversal
from .page_fetcher import PageFetcher
from .server_filters import CONTACTS, ServerFilter, translate_filters
from .single_rows import parent_row, single_row, singular_of
from .traversal import (
    MAX_LIMIT,
    KeysetTraversal,
    OrderProof,
    SortedTraversal,
    id_or_zero,
    identity_of,
)
from .walk_traversal import SearchFetcher, WalkTraversal, key_of, special_walk

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tap_activecampaign_unified.client import Client
    from tap_activecampaign_unified.endpoints.endpoint_table import Endpoint
    from tap_activecampaign_unified.resources.resource import Record, Resource, Row

    from .record_loader import RecordLoader
    from .single_rows import Ranked
    from .traversal import Body, Params, RowsAndBodies, Traversal

# The native column of each sort order that the account has.
ORDERS = {
    "contacts": {
        "created_at": "cdate",
        "email": "email",
        "first_name": "first_name",
        "last_name": "last_name",
        "name": "name",
    },
    "deals": {"created_at": "cdate", "name": "title", "amount": "value"},
}
#: The highest number of rows that the reader sorts itself.
MAX_SORTED = 10_000
FIELDS = "crm_fields"


@dataclass
class Query:
    """One list call: its resource, filters and order, and the filters of the server.

    The reader applies ``row_filters`` to the row, and ``related_filters`` after it has read the
    related rows. ``max_rows`` is the largest number of matching rows, None for any number. ``key``
    identifies the query.
    """

    resource: Resource
    order: Order | None
    row_filters: Sequence[Filter]
    related_filters: Sequence[Filter]
    server_filter: ServerFilter
    key: str = ""
    max_rows: int | None = None
    _has_fallen_back: bool = field(default=False, repr=False)

    @property
    def needs_related(self) -> bool:
        """Whether related rows decide which records of a row match."""
        return bool(self.related_filters) or self.resource.relation is not None

    @property
    def is_over_fetched(self) -> bool:
        """Whether responses include unwanted rows, because the server filters times by day."""
        return any(filter_.bounds for filter_ in self.row_filters)

    def matches(self, record: Record) -> bool:
        """Return whether a complete record matches all filters."""
        return all(
            filter_.matches(record.get(filter_.field))
            for filter_ in (*self.row_filters, *self.related_filters)
        )

    def switch_to_fallback(self) -> bool:
        """Switch to the fallback filter, once. Return False without a fallback."""
        if self._has_fallen_back or self.server_filter.fallback_params is None:
            return False
        self._has_fallen_back = True
        names = {name for name, _ in self.server_filter.fallback_params}
        strict = {name.removesuffix("_like") for name in names}
        for params in self.server_filter.requests:
            params[:] = [param for param in params if param[0] not in strict]
        self.server_filter.add(*self.server_filter.fallback_params)
        return True


class QueryPlanner:
    """Plans queries and their traversals. It remembers the sort orders that the account ignores."""

    def __init__(self, client: Client, loader: RecordLoader) -> None:
        self._client, self._loader = client, loader
        self._sorted: tuple[str, SortedTraversal] | None = None
        self._walked: tuple[str, WalkTraversal] | None = None
        #: By endpoint and field.
        self._proofs: defaultdict[tuple[str, str], OrderProof] = defaultdict(OrderProof)

    def forget(self) -> None:
        """Drop the cached rows, and the sort orders that the account ignores."""
        self._sorted = self._walked = None
        for proof in self._proofs.values():
            proof.is_ignored = False

    # --- parsing a query -------------------------------------------------------------------------

    def parse_query(self, resource: Resource, sort_by: Any, given: Mapping[str, Any]) -> Query:
        """Check a query and plan its filters. Raises `InvalidQuery`."""
        order = order_of(resource, sort_by)
        custom = self._loader.custom_fields(resource) if "custom_fields" in given else None
        filters = read_filters(resource, given, resource.schema(custom)["properties"])
        related_filters = [filter_ for filter_ in filters if self._needs_related(resource, filter_)]
        server_filter = translate_filters(resource, filters, self._names)
        if server_filter.is_empty:  # an unknown name may be a new name
            fresh_names = partial(self._names, is_fresh=True)
            server_filter = translate_filters(resource, filters, fresh_names)
        return Query(
            resource,
            order,
            [filter_ for filter_ in filters if filter_ not in related_filters],
            related_filters,
            server_filter,
            key=repr((resource.name, order, sorted(given.items(), key=repr))),
            max_rows=1 if server_filter.row_id is not None and resource.relation is None else None,
        )

    def _needs_related(self, resource: Resource, filter_: Filter) -> bool:
        if resource.relation is not None:
            return True  # each record is a related row
        joined = {relation for relation, names in resource.joins if filter_.field in names}
        relations = {filter_.relation, *joined}
        return any(self._loader.needs_rows(resource, relation) for relation in relations)

    def _names(self, kind: str, *, is_fresh: bool = False) -> Mapping[str, str | None]:
        names = self._loader.tables.names_of(kind, is_fresh=is_fresh)
        path = NAME_COLUMNS[kind][0]
        if path in self._loader.tables.unread:
            raise InvalidQuery(f"the key may not read {path}: use the id instead of the name")
        return names

    # --- traversals -----------------------------------------------------------------------------

    def traversal(self, query: Query, *, is_new: bool, previous_traversal: str) -> Traversal:
        """Return the traversal of a query. ``is_new``: do not reuse rows read for an earlier page.

        ``previous_traversal`` is the class name of the previous page's traversal. Another process
        may have read that page. It is empty for the first page.
        """
        resource, order, server_filter = query.resource, query.order, query.server_filter
        endpoint = endpoint_of(resource.endpoint_name)
        rows = self._rows_by_id(query, endpoint)
        if rows is not None:
            return SortedTraversal(rows, is_descending=False, scores={})
        is_by_id = order is None or order.field == "id"
        if resource.endpoint_name == CONTACTS and is_by_id:
            return self._keyset_traversal(query)
        is_sorted_here = order is not None and not endpoint.is_rest
        if resource.name == FIELDS or len(server_filter.requests) > 1 or is_sorted_here:
            return self._sort(query, is_new=is_new)
        if endpoint.make_walk is not None:
            return self._walk(query, is_new=is_new)
        if endpoint.search is not None:
            return OffsetTraversal(SearchFetcher(self._client, endpoint.search), [])
        fetch = PageFetcher(self._client, self._loader, resource, server_filter.path)
        params = [*endpoint.params, *server_filter.requests[0]]
        if order is None:
            ordered = any(name.startswith("orders[") for name, _ in params)
            by_id: Params = [] if ordered else [("orders[id]", "ASC")]
            return OffsetTraversal(
                fetch, [*params, *by_id], creation_time() if ordered else id_or_zero
            )
        native = ORDERS.get(resource.endpoint_name, {}).get(order.field)
        proof = self._proofs[resource.endpoint_name, order.field]
        if previous_traversal == SortedTraversal.__name__:
            proof.is_ignored = True
        if native is None or proof.is_ignored:
            return self._sort(query, is_new=is_new)
        direction = "DESC" if order.is_descending else "ASC"
        params = [param for param in params if not param[0].startswith("orders[")]
        params += [(f"orders[{native}]", direction)]
        params += [("orders[id]", direction)] if resource.endpoint_name == CONTACTS else []
        value = None
        if native == "cdate":
            value = creation_time(is_descending=order.is_descending)
        return CheckedOffsetTraversal(
            fetch,
            params,
            value,
            ranks_of=lambda rows: self.ranks(query, rows),
            is_descending=order.is_descending,
            proof=proof,
        )

    def _rows_by_id(self, query: Query, endpoint: Endpoint) -> Ranked | None:
        """Return the row of a query by id, [] if no row can match, None for any other query."""
        resource, server_filter = query.resource, query.server_filter
        if server_filter.is_empty:
            return []
        if server_filter.related_id is not None:
            return parent_row(self._client, resource, endpoint, server_filter.related_id)
        single = singular_of(resource)
        if server_filter.row_id is not None and single and resource.name != FIELDS:
            return single_row(self._client, endpoint, single, server_filter.row_id)
        return None

    def _walk(self, query: Query, *, is_new: bool) -> WalkTraversal:
        """Return a traversal of the tap's own walk. All pages of a query use the same traversal."""
        if is_new or self._walked is None or self._walked[0] != query.key:
            traversal = WalkTraversal(lambda: (page.rows for page in self._candidate_pages(query)))
            self._walked = (query.key, traversal)
        return self._walked[1]

    def _keyset_traversal(self, query: Query) -> Traversal:
        row_id = query.server_filter.row_id
        base = ENDPOINTS[CONTACTS].params
        return KeysetTraversal(
            PageFetcher(self._client, self._loader, query.resource),
            [[*base, *params] for params in query.server_filter.requests],
            lambda: self._sort(query, is_new=False),
            low=0 if row_id is None else max(0, row_id - 1),
            high=row_id,
            is_descending=query.order is not None and query.order.is_descending,
            # A single row needs no proof of its order.
            proof=self._proofs[CONTACTS, "id"] if row_id is None else OrderProof(is_proven=True),
        )

    # --- rows that the reader sorts -------------------------------------------------------------

    def _sort(self, query: Query, *, is_new: bool) -> SortedTraversal:
        """Return all rows that may match, sorted. All pages of a query use the same rows."""
        if is_new or self._sorted is None or self._sorted[0] != query.key:
            self._sorted = None
            self._sorted = (query.key, self._read_and_sort(query))
        return self._sorted[1]

    def _read_and_sort(self, query: Query) -> SortedTraversal:
        order = query.order
        rows: list[Row] = []
        scores: dict[str, list[Row]] = {}
        for page in self._candidate_pages(query):
            rows += [row for row, _ in self.candidates(query, [(row, {}) for row in page.rows])]
            if query.resource.endpoint_name == CONTACTS:
                scores |= IncludedScores().join(page)
            expected = 0 if query.row_filters else page.total or 0
            if max(len(rows), expected) > MAX_SORTED:
                raise InvalidQuery(
                    f"{query.resource.name}: more than {MAX_SORTED} rows to sort; add a filter, or "
                    "use an order in which ActiveCampaign sorts (see docs/python.md)"
                )
        ranks = [_id_rank(row) for row in rows]
        if order is not None and order.field != "id":
            by_field = zip(self.ranks(query, rows), ranks, strict=True)
            ranks = [[rank, *id_rank] for rank, id_rank in by_field]
        return SortedTraversal(
            zip(ranks, rows, strict=True),
            is_descending=order is not None and order.is_descending,
            scores=scores,
        )

    def ranks(self, query: Query, rows: Sequence[Row]) -> list[list[Any]]:
        """Return the sort keys of rows."""
        order = query.order
        if order is None:
            return [[id_or_zero(row)] for row in rows]
        fields = {order.field, *ADDRESSES}
        records = self._loader.records_of_own_columns(query.resource, rows, fields)
        return [order.rank(record) for record in records]

    def _candidate_pages(self, query: Query) -> Iterator[Page]:
        """Yield pages of rows that may match."""
        resource, server_filter = query.resource, query.server_filter
        endpoint = endpoint_of(resource.endpoint_name)
        if resource.name == FIELDS:
            for entity in ENTITIES:
                self._loader.tables.forget_fields(entity)
                fields = self._loader.tables.custom_fields(entity)
                rows = [row_of(definition, fields) for definition in fields.definitions]
                yield Page(rows, {}, None, None)
            return
        if not endpoint.is_rest:
            yield from special_walk(self._client, endpoint, resource, server_filter.segments)
            return
        walk = walk_keyset if resource.endpoint_name == CONTACTS else walk_offset
        path, row_id = server_filter.path or endpoint.path, server_filter.row_id
        seen: set[str] = set()
        for filters in server_filter.requests:
            params = [*endpoint.params, *filters]
            for page in walk(self._client, path, endpoint.rows_key, params):
                new_rows = [row for row in page.rows if identity_of(row) not in seen]
                seen.update(map(identity_of, new_rows))
                rows = [row for row in new_rows if row_id in {None, id_or_zero(row)}]
                yield replace(page, rows=rows)

    # --- rows -----------------------------------------------------------------------------------

    def candidates(self, query: Query, batch: RowsAndBodies) -> RowsAndBodies:
        """Return the rows that match the filters on their own columns."""
        resource = query.resource
        rows = [(row, body) for row, body in batch if resource.skip(row) is None]
        if not query.row_filters or not rows:
            return rows
        fields = {filter_.field for filter_ in query.row_filters}
        records = self._loader.records_of_own_columns(resource, [row for row, _ in rows], fields)
        return [
            row
            for row, record in zip(rows, records, strict=True)
            if all(filter_.matches(record.get(filter_.field)) for filter_ in query.row_filters)
        ]

    def with_sideloads(
        self, resource: Resource, rows: RowsAndBodies
    ) -> list[tuple[Row, Row, Body]]:
        """Return (row, its current version, response with its sideloads) of each row.

        Requests contacts without sideloads again, with sideloads. Omits contacts that were deleted
        meanwhile.
        """
        as_read = [(row, row, body) for row, body in rows]
        if resource.endpoint_name != CONTACTS or not self._loader.include_of(resource):
            return as_read
        endpoint = ENDPOINTS[CONTACTS]
        ids_to_read = [str(row.get("id")) for row, body in rows if endpoint.rows_key not in body]
        if not ids_to_read:
            return as_read
        fetch = PageFetcher(self._client, self._loader, resource)
        found: dict[str, tuple[Row, Body]] = {}
        missing = ids_to_read
        while missing:
            ids = [("ids[]", native_id) for native_id in missing]
            current, response = fetch([("limit", MAX_LIMIT), *endpoint.params, *ids])
            found |= {str(row.get("id")): (row, response) for row in current}
            if not found.keys() <= set(ids_to_read):
                return as_read  # the account ignores `ids[]`
            left = [native_id for native_id in missing if native_id not in found]
            # The account may send fewer rows than requested. Rows of which none comes are deleted.
            missing = left if len(left) < len(missing) else []
        return [
            (row, *found[native_id])
            for row, _, _ in as_read
            if (native_id := str(row["id"])) in found
        ]


def _id_rank(row: Row) -> list[Any]:
    """Return the rank of a row among rows with the same sort key."""
    entity = row.get("entity")
    entity_rank = [ENTITIES.index(entity)] if entity in ENTITIES else []
    if SOURCE in row or id_number(row.get("id")) is None:
        return [*entity_rank, *id_order(row.get("id")), key_of(row)]
    return [*entity_rank, id_or_zero(row)]
