"""Unified records for scripts and notebooks, page by page: the tap's client and mapping, no Singer.

For one thread. Every call reads definitions and names anew, so that nothing old is shown.
"""

from __future__ import annotations

import base64
import json
from hashlib import blake2b
from itertools import islice
from typing import TYPE_CHECKING, Any

from .api import ActiveCampaignError, Missing, Page, SystemClock, rows_of, walk_keyset, walk_offset
from .bookmarks import Policy
from .crawls import Crawl
from .lookups import Lookups
from .opening import Opening, Run
from .plans import PLANS
from .progress import Progress
from .relations import Joiner
from .report import RunReport
from .settings import SHARED, Settings
from .unified import by_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from .api import Clock
    from .unified.mapping import Record, Resource, Row

MOST = 100
VERSION = 1
RESOURCES = tuple(
    name
    for name, one in by_name.items()
    if one.relation is None and one.singular is not None and name != "crm_fields"
)


Rows = list[dict[str, Any]]
Records = list[dict[str, Any]]


class BadQuery(ActiveCampaignError):
    """The call asks for what is not here or not in this account: a resource, a filter, a page."""


class _Gathering:
    """Takes the records of one call, where a run of the tap would write them."""

    entry: dict[str, Any] = {}  # noqa: RUF012 - never changed
    record_limit = None

    def __init__(self, resource: Resource) -> None:
        self.resource = resource
        self.records: list[Record] = []

    def wanted(self, _: str) -> bool:
        return True

    def emit(self, record: Record) -> None:
        self.records.append(record)

    def hand_over(self) -> None:
        pass

    def save(self, _: Any) -> None:
        pass

    def bury(self, _: Record) -> None:
        pass

    def activate(self) -> None:
        pass

    def cover(self, _: Any) -> None:
        pass

    @property
    def learned(self) -> dict[str, Any]:
        return {}


class Reading:
    """Lists and gets unified records of one account; ``settings`` are those of the tap."""

    def __init__(
        self,
        api_url: str,
        api_key: str,
        *,
        clock: Clock | None = None,
        session: Any = None,
        **settings: Any,
    ) -> None:
        """Check the settings (`SettingsError`); nothing is asked yet."""
        given = {"api_url": api_url, "api_key": api_key, **settings}
        self._settings = Settings(SHARED, given, "TAP_ACTIVECAMPAIGN_UNIFIED_")
        self._clock = clock or SystemClock()
        connection = self._settings.connection
        if connection is None:
            raise BadQuery("api_url and api_key must be given")
        self.client = connection.open("tap-activecampaign-unified", self._clock, session)

    def list(
        self,
        resource: str,
        *,
        limit: int = 25,
        cursor: str | None = None,
        remote_data: bool = False,
        **filters: Any,
    ) -> dict[str, Any]:
        """Return a page: ``result``, ``next_cursor``, ``prev_cursor``, ``result_count``.

        A filter is a field of the resource and the value it must have. All are checked here, on
        each row read; rows are read until the page is full. Contacts go on behind an id; of other
        resources a later page reads the rows before it again. Raises `BadQuery`.
        """
        found = _resource(resource)
        unknown = sorted(set(filters) - {entry.unified for entry in found.entries})
        if unknown:
            raise BadQuery(f"{resource}: no such filter: {', '.join(unknown)}")
        if not 1 <= limit <= MOST:
            raise BadQuery(f"limit must be between 1 and {MOST}")
        print_ = json.dumps([resource, filters], sort_keys=True, default=str)
        way, at = _opened(cursor, print_) if cursor else ("after", 0)
        matches = self._matches(found, way, at, filters, remote_data=remote_data)
        records = list(islice(matches, limit + 1))
        has_more = len(records) > limit
        records = records[:limit]
        if way == "before":
            records.reverse()
        first, last = (int(records[0]["id"]), int(records[-1]["id"])) if records else (at, at)
        if way == "before" and not records:
            last = 0  # nothing stands before: on from the beginning
        has_next = has_more if way == "after" else True
        has_prev = (at > 0) if way == "after" else has_more
        return {
            "result": records,
            "next_cursor": _closed("after", last, print_) if has_next else None,
            "prev_cursor": _closed("before", first, print_) if has_prev else None,
            "result_count": len(records),
        }

    def get(self, resource: str, id: str, *, remote_data: bool = False) -> Record:  # noqa: A002
        """Return one record; raises `Missing` where there is none."""
        found = _resource(resource)
        path = f"{found.endpoint}/{_number(id)}"
        row = self.client.get(path).body.get(found.singular or "")
        if not isinstance(row, dict):
            raise Missing("no such row", method="GET", path=path)
        records = self._records(found, [row], remote_data=remote_data)
        if not records:
            raise Missing("the row is no record", method="GET", path=path)
        return records[0]

    def _matches(
        self, resource: Resource, way: str, at: int, filters: Mapping[str, Any], **how: bool
    ) -> Iterator[Record]:
        for rows in self._rows(resource, way, at):
            for record in self._records(resource, rows, **how):
                if all(record[name] == value for name, value in filters.items()):
                    yield record

    def _rows(self, resource: Resource, way: str, at: int) -> Iterator[Rows]:
        """Give rows behind an id in its order, or those before it backwards."""
        plan = PLANS[resource.crawl]
        if not plan.by_id:
            everything = walk_offset(self.client, plan.path, plan.path, plan.params)
            rows = sorted((row for page in everything for row in page.rows), key=_id)
            rows = [row for row in rows if (_id(row) > at if way == "after" else _id(row) < at)]
            rows = rows if way == "after" else rows[::-1]
            yield from (rows[start : start + MOST] for start in range(0, len(rows), MOST))
        elif way == "after":
            pages = walk_keyset(self.client, plan.path, plan.path, plan.params, after=at)
            yield from (page.rows for page in pages)
        else:
            yield from self._backwards(plan.path, plan.params, at)

    def _backwards(self, path: str, params: Iterable[tuple[str, Any]], at: int) -> Iterator[Rows]:
        while True:
            asked = [("limit", MOST), *params, ("orders[id]", "DESC"), ("id_less", at)]
            rows = rows_of(self.client.get(path, asked).body, path)
            if not rows:
                return
            ids = [_id(row) for row in rows]
            if ids[0] >= at or ids != sorted(ids, reverse=True):
                raise BadQuery("this account does not read backwards: begin without a cursor")
            yield rows
            at = ids[-1]

    def _records(self, resource: Resource, rows: Rows, *, remote_data: bool) -> Records:
        run = Run(
            client=self.client,
            lookups=Lookups(self.client, self._settings["custom_field_keys"]),
            report=RunReport(),
            progress=Progress(self._clock),
            policy=Policy(),
            sideload=False,
            remote_data=remote_data,
            write_state=lambda: None,
        )
        sink = _Gathering(resource)
        opening = Opening(run, resource.crawl, [sink])
        opening.marks[resource.name] = None  # every row is wanted, whenever it changed
        crawl = Crawl(opening, [sink])
        crawl.open()
        try:
            crawl.emit_page(Page(rows, {}, len(rows), None))
        finally:
            for joiner in opening.joiners.values():
                if isinstance(joiner, Joiner):
                    joiner.close()
        return sink.records


def _resource(name: str) -> Resource:
    if name not in RESOURCES:
        raise BadQuery(f"no such resource; there are {', '.join(RESOURCES)}")
    return by_name[name]


def _number(given: object) -> int:
    text = str(given).strip()
    if not (text.isascii() and text.isdigit()):
        raise BadQuery("id: not an id of ActiveCampaign")
    return int(text)


def _id(row: Row) -> int:
    return _number(row.get("id"))


def _closed(way: str, at: int, print_: str) -> str:
    text = json.dumps([VERSION, way, at, _short(print_)])
    return base64.urlsafe_b64encode(text.encode()).decode()


def _opened(cursor: str, print_: str) -> tuple[str, int]:
    try:
        version, way, at, known = json.loads(base64.urlsafe_b64decode(cursor.encode()))
    except (ValueError, TypeError):
        raise BadQuery("the cursor is none of ours: take it from a page as it stands") from None
    is_ours = version == VERSION and way in {"after", "before"} and type(at) is int
    if not is_ours or known != _short(print_):
        raise BadQuery("the cursor belongs to another question: begin without one")
    return way, at


def _short(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
