"""Plans a query: what to request, and the traversal that needs the fewest requests."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import NotFound, rows_of, walk_keyset, walk_offset
from tap_activecampaign_unified.endpoints.table import ENDPOINTS
from tap_activecampaign_unified.resources.contact_fields import SCORE_VALUES
from tap_activecampaign_unified.resources.crm.fields import row_of
from tap_activecampaign_unified.resources.custom_fields import ENTITIES
from tap_activecampaign_unified.sync.lookups import NAME_COLUMNS
from tap_activecampaign_unified.sync.relations.special_loaders import IncludedRows

from .filters import ADDRESSES, Filter, InvalidQuery, Order, order_of, read_filters
from .offset_traversal import OffsetTraversal, seconds_of
from .server_filters import CONTACTS, ServerFilter, narrow
from .traversal import MOST, KeysetTraversal, PageFetcher, SortedTraversal, TraversalStep, number_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tap_activecampaign_unified.client import Client
    from tap_activecampaign_unified.endpoints.table import Endpoint
    from tap_activecampaign_unified.resources.resource import Record, Resource, Row

    from .record_loader import RecordLoader
    from .traversal import Border, Params, Traversal

# What the account itself sorts by: the order's name, and the time it goes by, if it is one.
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
# The key of a single row. The pages of other resources have more columns than a single row.
SINGLES = {"contacts": None, "lists": None, "tags": None, "deals": "deal"}
#: The highest number of rows that the reader sorts itself.
MOST_SORTED = 10_000
FIELDS = "crm_fields"

Candidates = list[tuple[dict[str, Any], dict[str, Any]]]
Brought = list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]]


class SortNotSupported(Exception):
    """The account ignores the sort order. The reader then sorts the rows itself."""


@dataclass
class Query:
    """One list call: which records, in which order, and what the account is asked for.

    ``early`` filters show in the row itself, ``late`` ones in what hangs on it; ``most`` is how
    many rows there can be at all, None for any number.
    """

    resource: Resource
    order: Order | None
    early: Sequence[Filter]
    late: Sequence[Filter]
    narrowing: ServerFilter
    print: str = ""
    most: int | None = None
    _has_fallen_back: bool = field(default=False, repr=False)

    @property
    def is_late(self) -> bool:
        """Whether a row must be read to know how many records of it are wanted."""
        return bool(self.late) or self.resource.relation is not None

    @property
    def is_loose(self) -> bool:
        """Whether responses include unwanted rows: the server filters times by day."""
        return any(one.bounds for one in self.early)

    def fits(self, record: Record) -> bool:
        """Return whether a complete record matches all filters."""
        return all(one.matches(record.get(one.field)) for one in (*self.early, *self.late))

    def falls_back(self) -> bool:
        """Switch to the alternative filter, once, if there is one."""
        if self._has_fallen_back or self.narrowing.otherwise is None:
            return False
        self._has_fallen_back = True
        names = {name for name, _ in self.narrowing.otherwise}
        strict = {name.removesuffix("_like") for name in names}
        for params in self.narrowing.questions:
            params[:] = [one for one in params if one[0] not in strict]
        self.narrowing.add(*self.narrowing.otherwise)
        return True


class QueryPlanner:
    """Plans queries and their traversals. It remembers which sort orders the account ignores."""

    def __init__(self, client: Client, joining: RecordLoader) -> None:
        self._client, self._joining = client, joining
        self._sorted: tuple[str, SortedTraversal] | None = None
        #: Score values of the contacts that the reader sorts itself.
        self._along: dict[str, list[Row]] = {}
        self._disordered: set[tuple[str, str]] = set()
        self._keeps_ids = False
        self.ordered: set[tuple[str, str]] = set()

    def forget(self) -> None:
        """Clear the sorted rows and the sort orders that the account ignores."""
        self._sorted = None
        self._disordered.clear()

    def note_disorder(self, question: Query) -> None:
        """Remember that the account ignores a sort order."""
        if question.order is not None:
            self._disordered.add((question.resource.endpoint_name, question.order.field))

    # --- reading a call -------------------------------------------------------------------------

    def read(self, resource: Resource, sort_by: Any, given: Mapping[str, Any]) -> Query:
        """Check a query and plan its filters. Raises `InvalidQuery`."""
        order = order_of(resource, sort_by)
        custom = self._joining.custom_fields(resource) if "custom_fields" in given else None
        filters = read_filters(resource, given, resource.schema(custom)["properties"])
        late = [one for one in filters if self._is_late(resource, one)]
        narrowing = narrow(resource, filters, self._names)
        if narrowing.is_empty:  # what is not known may be new
            narrowing = narrow(resource, filters, self._fresh_names)
        return Query(
            resource,
            order,
            [one for one in filters if one not in late],
            # The reader can distinguish the records of one row only after it has read the row.
            late,
            narrowing,
            print=repr((resource.name, order, sorted(given.items(), key=repr))),
            most=1 if narrowing.one is not None and resource.relation is None else None,
        )

    def _is_late(self, resource: Resource, one: Filter) -> bool:
        if resource.relation is not None:
            return True
        return bool(one.relation) and self._joining.needs_rows(resource, one.relation)

    def _names(self, kind: str) -> Mapping[str, str | None]:
        return self._readable(kind, self._joining.names(kind))

    def _fresh_names(self, kind: str) -> Mapping[str, str | None]:
        return self._readable(kind, self._joining.tables.fresh_names(kind))

    def _readable(self, kind: str, names: Mapping[str, str | None]) -> Mapping[str, str | None]:
        path = NAME_COLUMNS[kind][0]
        if path in self._joining.tables.unread:
            raise InvalidQuery(
                f"{path} may not be read with this key: ask by id instead of by name"
            )
        return names

    # --- the way --------------------------------------------------------------------------------

    def course(self, question: Query, *, is_new: bool, kind: str) -> Traversal:
        """Return the way through the account; ``is_new`` begins again where rows were sorted.

        ``kind`` is the way of the pages before, in another process perhaps; empty for none.
        """
        resource, order, narrowing = question.resource, question.order, question.narrowing
        plan = ENDPOINTS[resource.endpoint_name]
        if narrowing.is_empty:
            return SortedTraversal([], is_descending=False)
        single = SINGLES.get(
            resource.endpoint_name, resource.singular if resource.relation is None else None
        )
        if narrowing.one is not None and single and resource.name != FIELDS:
            return SortedTraversal(self._the_one(plan, single, narrowing.one), is_descending=False)
        is_by_id = order is None or order.field == "id"
        if resource.endpoint_name == CONTACTS and is_by_id:
            return self._by_key(question)
        if resource.name == FIELDS or len(narrowing.questions) > 1:
            return self._sort(question, is_new=is_new)
        ask = PageFetcher(
            self._client,
            narrowing.path or plan.path,
            plan.rows_key,
            self._joining.includes(resource),
            whole=plan.path if narrowing.path else None,
        )
        params = [*plan.params, *narrowing.questions[0]]
        if order is None:
            ordered = any(name.startswith("orders[") for name, _ in params)
            by_id: Params = [] if ordered else [("orders[id]", "ASC")]
            return OffsetTraversal(
                ask, [*params, *by_id], seconds_of("cdate") if ordered else number_of
            )
        native = ORDERS.get(resource.endpoint_name, {}).get(order.field)
        if kind == SortedTraversal.__name__:
            self.note_disorder(question)
        if native is None or (resource.endpoint_name, order.field) in self._disordered:
            return self._sort(question, is_new=is_new)
        way = "DESC" if order.is_descending else "ASC"
        params = [one for one in params if not one[0].startswith("orders[")]
        params += [(f"orders[{native}]", way)]
        params += [("orders[id]", way)] if resource.endpoint_name == CONTACTS else []
        value = None
        if native == "cdate":
            value = seconds_of("cdate", is_descending=order.is_descending)
        return _Checked(ask, params, value, self, question)

    def _the_one(self, plan: Endpoint, single: str, one: int) -> list[tuple[list[Any], Row]]:
        try:
            body = self._client.get(f"{plan.path}/{one}", plan.params).body
        except NotFound:
            return []
        row = body.get(single)
        if not isinstance(row, dict) or number_of(row) != one:
            return []
        if plan.path == "accounts" and row.get("name"):
            # Alone, an account does not say how many contacts and deals it has.
            params = [("limit", MOST), *plan.params, ("search", str(row["name"]).strip())]
            rows = rows_of(self._client.get(plan.path, params).body, plan.rows_key)
            row = next((each for each in rows if number_of(each) == one), row)
        return [([one], row)]

    def _by_key(self, question: Query) -> Traversal:
        resource, one = question.resource, question.narrowing.one
        plan = ENDPOINTS[CONTACTS]
        ask = PageFetcher(self._client, plan.path, plan.rows_key, self._joining.includes(resource))
        return KeysetTraversal(
            ask,
            [[*plan.params, *params] for params in question.narrowing.questions],
            lambda: self._sort(question, is_new=False),
            low=0 if one is None else max(0, one - 1),
            high=one,
            is_descending=question.order is not None and question.order.is_descending,
            note_order=None if one is not None or self._keeps_ids else self._note_ids,
        )

    def _note_ids(self) -> None:
        self._keeps_ids = True

    # --- sorted here ----------------------------------------------------------------------------

    def _sort(self, question: Query, *, is_new: bool) -> SortedTraversal:
        """Return all rows that may match, sorted. They are read once for all pages of a query."""
        if is_new or self._sorted is None or self._sorted[0] != question.print:
            order = question.order
            self._sorted = None
            self._along = {}
            items = self._ranked(question)
            is_descending = order is not None and order.is_descending
            found = SortedTraversal(
                items, is_descending=is_descending, key=SCORE_VALUES, along=self._along
            )
            self._sorted = (question.print, found)
        return self._sorted[1]

    def _ranked(self, question: Query) -> list[tuple[list[Any], Row]]:
        order, rows = question.order, []
        for found, total in self._everything(question):
            batch = TraversalStep(found, [{}] * len(found))
            rows += [row for row, _ in self.candidates(question, batch)]
            expected = 0 if question.early else total or 0
            if max(len(rows), expected) > MOST_SORTED:
                raise InvalidQuery(
                    f"{question.resource.name}: more than {MOST_SORTED} rows to be sorted here; "
                    "ask for fewer, or sort by what ActiveCampaign sorts by (see docs/python.md)"
                )
        last = [_place_of(row) for row in rows]
        if order is None or order.field == "id":
            return list(zip(last, rows, strict=True))
        ranks = self.ranks(question, rows)
        return [([rank, *own], row) for rank, own, row in zip(ranks, last, rows, strict=True)]

    def ranks(self, question: Query, rows: Sequence[Row]) -> list[list[Any]]:
        """Return the sort key of rows."""
        order = question.order
        if order is None:
            return [[number_of(row)] for row in rows]
        fields = {order.field, *ADDRESSES}
        records = self._joining.plain(question.resource, rows, fields)
        return [order.rank(record) for record in records]

    def _everything(self, question: Query) -> Iterator[tuple[list[Row], int | None]]:
        """Yield the rows that may match, with the account's count."""
        resource, narrowing = question.resource, question.narrowing
        plan = ENDPOINTS[resource.endpoint_name]
        if resource.name == FIELDS:
            for entity in ENTITIES:
                self._joining.tables.forget_fields(entity)
                fields = self._joining.tables.custom_fields(entity)
                yield [row_of(one, fields) for one in fields.definitions], None
            return
        walk = walk_keyset if resource.endpoint_name == CONTACTS else walk_offset
        seen: set[int] = set()
        for question_ in narrowing.questions:
            params = [*plan.params, *question_]
            for page in walk(self._client, narrowing.path or plan.path, plan.rows_key, params):
                fresh = [row for row in page.rows if number_of(row) not in seen]
                seen.update(map(number_of, fresh))
                if resource.endpoint_name == CONTACTS:
                    self._along |= IncludedRows(SCORE_VALUES, "contact").join(page)
                one = narrowing.one
                yield [row for row in fresh if one is None or number_of(row) == one], page.total

    # --- rows -----------------------------------------------------------------------------------

    def candidates(self, question: Query, batch: TraversalStep) -> Candidates:
        """Return the rows that match the filters on their own columns."""
        resource = question.resource
        rows = [
            (row, body)
            for row, body in zip(batch.rows, batch.bodies, strict=True)
            if resource.skip(row) is None
        ]
        if not question.early or not rows:
            return rows
        fields = {one.field for one in question.early}
        records = self._joining.plain(resource, [row for row, _ in rows], fields)
        return [
            one
            for one, record in zip(rows, records, strict=True)
            if all(each.matches(record.get(each.field)) for each in question.early)
        ]

    def with_sideloads(self, resource: Resource, rows: Candidates) -> Brought:
        """Return each row's current version, and the response with its related rows.

        Contacts that came alone are asked for again, together with all that; who went away
        meanwhile is left out.
        """
        found = [(row, row, body) for row, body in rows]
        includes = self._joining.includes(resource)
        plan = ENDPOINTS[CONTACTS]
        alone = [str(row.get("id")) for row, body in rows if plan.rows_key not in body]
        if resource.endpoint_name != CONTACTS or not alone or not includes.params:
            return found
        ask = PageFetcher(self._client, plan.path, plan.rows_key, includes)
        ids = [("ids[]", one) for one in alone]
        there, answer = ask([("limit", MOST), *plan.params, *ids])
        fresh = {str(row.get("id")): row for row in there}
        if not fresh.keys() <= set(alone):
            return found  # it knows no `ids[]`
        return [
            (row, now, answer)
            for row, _, body in found
            if (now := fresh.get(str(row.get("id")))) is not None
        ]


class _Checked(OffsetTraversal):
    """Checks whether rows come in the requested sort order."""

    def __init__(
        self, ask: PageFetcher, params: Params, value: Any, questions: QueryPlanner, question: Query
    ) -> None:
        super().__init__(ask, params, value)
        self._questions, self._question = questions, question

    def walk(self, way: str, border: Border | None) -> Iterator[TraversalStep]:
        """Go on as long as the order is kept."""
        order = self._question.order
        name = (self._question.resource.endpoint_name, order.field if order else "")
        if name not in self._questions.ordered:
            self.size = MOST  # enough rows to verify the order
        for batch in super().walk(way, border):
            ranks = self._questions.ranks(self._question, batch.rows)
            goes_up = (way == "after") is not (order is not None and order.is_descending)
            for one, other in itertools.pairwise(ranks):
                low, high = (one, other) if goes_up else (other, one)
                if _stand_wrongly(low, high):
                    self._questions.note_disorder(self._question)
                    raise SortNotSupported
            self._questions.ordered.add(name)
            yield batch


def _stand_wrongly(low: list[Any], high: list[Any]) -> bool:
    """Return whether two ranks are in the wrong order in every alphabet."""
    if low <= high:
        return False
    if len(low) < 2 or len(high) < 2 or not isinstance(low[1], str):
        return True
    one, other = next(((a, b) for a, b in zip(low[1], high[1], strict=False) if a != b), (" ", " "))
    return all(each.isascii() and each.isalnum() for each in (one, other))


def _place_of(row: Row) -> list[Any]:
    """Return the rank of a row among rows with the same sort key."""
    entity = row.get("entity")
    place = [ENTITIES.index(entity)] if entity in ENTITIES else []
    return [*place, number_of(row)]
