"""Reads unified records page by page for scripts and notebooks, without Singer.

For one thread. Names of tags, segments, stages and the like and the definitions of custom fields
are read once and kept; `ActiveCampaignReader.refresh` forgets them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from tap_activecampaign_unified.client import (
    ActiveCampaignError,
    AuthenticationError,
    ConnectionFailed,
    InvalidRequest,
    NotFound,
    PaymentRequired,
    PermissionDenied,
    ServerError,
    SystemClock,
    UnconfirmedWrite,
)
from tap_activecampaign_unified.config.settings import Settings, SettingsError
from tap_activecampaign_unified.config.shared_settings import SHARED
from tap_activecampaign_unified.resources import by_name
from tap_activecampaign_unified.resources.parsing.ids import id_number

from .cursor import Cursor, opened, question_of
from .filters import InvalidQuery
from .planner import Query, QueryPlanner, SortNotSupported
from .record_loader import RecordLoader
from .traversal import AFTER, BEFORE, MOST, MOVED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_activecampaign_unified.client import Clock
    from tap_activecampaign_unified.resources.resource import Record, Resource, Row

    from .traversal import Traversal

__all__ = [
    "RESOURCES",
    "ActiveCampaignError",
    "ActiveCampaignReader",
    "AuthenticationError",
    "ConnectionFailed",
    "InvalidQuery",
    "InvalidRequest",
    "NotFound",
    "PaymentRequired",
    "PermissionDenied",
    "ServerError",
    "SettingsError",
    "UnconfirmedWrite",
]

# Resources that have no page of their own to list: GraphQL, several collections, or other rows.
_NOT_LISTED = {
    *("commerce_order_lines", "commerce_products", "commerce_subscriptions"),
    *("marketing_engagements", "marketing_saved_segments", "marketing_saved_segment_members"),
}
#: The resources that can be listed.
RESOURCES = tuple(name for name in by_name if name not in _NOT_LISTED)
# A run's affairs, which a call has not.
OF_RUNS = {"run_report_path", "run_report_html_path"}
# The reader loads the related rows of so many rows at once if a filter needs them.
AT_ONCE = 20

Records = list[dict[str, Any]]
Candidates = list[tuple[dict[str, Any], dict[str, Any]]]


@dataclass(frozen=True)
class _Hit:
    """A record and its row. ``part`` is the record's position among the records of the row."""

    row: Row
    record: Record | None = None
    part: int | None = None


Hits = list[_Hit]


class ActiveCampaignReader:
    """Reads unified records of one account.

    ``settings`` are those that tap and target share. Every error is an `ActiveCampaignError` or,
    for wrong settings, a `SettingsError`.
    """

    #: The settings of the reader.
    known: ClassVar[frozenset[str]] = frozenset(one.name for one in SHARED) - OF_RUNS

    def __init__(
        self,
        api_url: str,
        api_key: str,
        *,
        clock: Clock | None = None,
        session: Any = None,
        **settings: Any,
    ) -> None:
        """Check the settings. Raises `SettingsError` or `InvalidQuery`. Sends no request."""
        unknown = sorted(set(settings) - type(self).known)
        if unknown:
            raise InvalidQuery(f"no such setting here: {', '.join(unknown)}")
        given = {"api_url": api_url, "api_key": api_key, **settings}
        checked = Settings(SHARED, given, "TAP_ACTIVECAMPAIGN_UNIFIED_")
        if checked.connection is None:
            raise InvalidQuery("api_url and api_key must be given")
        self.client = checked.connection.open(
            "tap-activecampaign-unified", clock or SystemClock(), session
        )
        self._joining = RecordLoader(self.client, checked["custom_field_keys"])
        self._questions = QueryPlanner(self.client, self._joining)

    def __repr__(self) -> str:
        """Return the account's URL without the key."""
        return f"<{type(self).__name__} of {self.client.address.origin}>"

    def __enter__(self) -> Self:
        """Return the reader. The end of the block closes it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close the connections. A later call opens new ones."""
        self.client.close()

    def refresh(self) -> None:
        """Drop the cached names and custom fields: the next call reads them again."""
        self._joining.refresh()
        self._questions.forget()

    def list(
        self,
        resource: str,
        *,
        limit: int = 25,
        cursor: str | None = None,
        sort_by: Any = None,
        remote_data: bool = False,
        **filters: Any,
    ) -> dict[str, Any]:
        """Return a page: ``result``, ``next_cursor``, ``prev_cursor``, ``result_count``.

        Every field of the resource is a filter: a value, ``{"gt": …}`` and the like for times and
        numbers, what an object or array must hold. ``sort_by`` is ``{"created_at": "desc"}``.
        ``limit`` is at most 100. Raises `InvalidQuery`, and the errors of calls.
        """
        found = _resource(resource)
        if type(limit) is not int or not 1 <= limit <= MOST:
            raise InvalidQuery(f"limit: must be between 1 and {MOST}")
        with self._call():
            question = self._questions.read(found, sort_by, filters)
            text = question_of(resource, str(sort_by), filters)
            start = opened(cursor, text) if cursor else Cursor()
            try:
                return self._page(question, start, limit, text, remote_data=remote_data)
            except SortNotSupported:
                if start.border is not None:
                    raise InvalidQuery(MOVED) from None
                return self._page(question, start, limit, text, remote_data=remote_data)

    def every(self, resource: str, **query: Any) -> Iterator[Record]:
        """Yield every record, page after page. ``query`` takes the arguments of `list`."""
        cursor = query.pop("cursor", None)
        while True:
            page = self.list(resource, cursor=cursor, **{"limit": MOST, **query})
            yield from page["result"]
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def get(self, resource: str, id: Any, *, remote_data: bool = False) -> Record:  # noqa: A002
        """Return one record. Raises `NotFound` if it does not exist.

        ``id`` is ActiveCampaign's; for what has several keys, an object with all of them.
        """
        found = _resource(resource)
        key = id if isinstance(id, Mapping) else {"id": id}
        if set(key) != set(found.keys):
            raise InvalidQuery(f"{resource}: must be got by {' and '.join(found.keys)}")
        for name, value in key.items():
            is_number = not isinstance(value, bool) and id_number(str(value).strip()) is not None
            if name != "entity" and not is_number:
                raise InvalidQuery(f"{name}: not an id of ActiveCampaign")
        given = {name: str(value).strip() for name, value in key.items()}
        with self._call():
            question = self._questions.read(found, None, given)
            hits = self._hits(question, Cursor(), 1, remote_data=remote_data)[0]
        if not hits or hits[0].record is None:
            where = "/".join([found.endpoint, *given.values()])
            raise NotFound("there is none with this id", method="GET", path=where)
        return hits[0].record

    @contextlib.contextmanager
    def _call(self) -> Iterator[None]:
        """Leave nothing behind of a call but what is known to hold."""
        try:
            yield
        except ServerError:
            self._joining.refresh()
            raise
        finally:
            self._joining.end_scan()
            self.client.cancel_all_prefetches()

    def _page(
        self, question: Query, start: Cursor, limit: int, text: str, *, remote_data: bool
    ) -> dict[str, Any]:
        hits, course = self._hits(question, start, limit, remote_data=remote_data)
        has_more, hits = len(hits) > limit, hits[:limit]
        if start.way == BEFORE:
            hits.reverse()
        has_next = has_more if start.way == AFTER else True
        has_prev = start.border is not None if start.way == AFTER else has_more
        has_prev = has_prev and bool(hits or start.part is None)

        def cursor_at(way: str) -> str:
            if not hits:  # from where we came, or from the beginning
                return (
                    Cursor(way, start.course, start.border) if way == BEFORE else Cursor()
                ).closed(text)
            hit = hits[-1] if way == AFTER else hits[0]
            part = None if hit.part is None else (str(hit.row.get("id")), hit.part)
            # A row with several records is read again for its other records.
            border = course.border(hit.row, behind=(way == AFTER) is (part is None))
            return Cursor(way, type(course).__name__, border, part).closed(text)

        return {
            "result": [hit.record for hit in hits],
            "next_cursor": cursor_at(AFTER) if has_next else None,
            "prev_cursor": cursor_at(BEFORE) if has_prev else None,
            "result_count": len(hits),
        }

    def _hits(
        self, question: Query, start: Cursor, limit: int, *, remote_data: bool
    ) -> tuple[Hits, Traversal]:
        """Return up to ``limit`` records, and one more row if there is one."""
        course = self._questions.course(question, is_new=start.border is None, kind=start.course)
        if start.course and start.course != type(course).__name__:
            raise InvalidQuery(MOVED)
        hits: list[_Hit] = []
        looked_through = 0
        course.size = question.most or (MOST if question.is_loose else limit + 1)
        for batch in course.walk(start.way, start.border):
            rows = self._questions.candidates(question, batch)
            course.size = MOST if len(rows) < len(batch.rows) else course.size
            while rows and len(hits) <= limit:
                left = limit + 1 - len(hits)
                # The row beyond the page only shows that there is a next page.
                count = max(left, AT_ONCE) if question.is_late else max(left - 1, 1)
                part, rows = rows[:count], rows[count:]
                if left == 1 and not question.is_late:
                    hits.append(_Hit(part[0][0]))
                else:
                    if looked_through >= MOST and question.is_late:
                        self._joining.scan()
                    looked_through += len(part)
                    found = self._read(question, part, start, remote_data=remote_data)
                    course.size = MOST if len(found) < len(part) else course.size
                    hits += found
            if len(hits) > limit:
                break
            if course.size != MOST:
                course.size = limit + 1 - len(hits)
        if not hits and question.falls_back():
            return self._hits(question, start, limit, remote_data=remote_data)
        return hits[: limit + 1], course

    def _read(
        self,
        question: Query,
        part: Candidates,
        start: Cursor,
        *,
        remote_data: bool,
    ) -> Hits:
        """Return the records of these rows that match, in the order of the walk."""
        brought = self._questions.with_sideloads(question.resource, part)
        rows, bodies = [row for _, row, _ in brought], [body for _, _, body in brought]
        found = self._joining.records(question.resource, rows, bodies, remote_data=remote_data)
        keys = question.resource.keys
        hits = []
        for (row, _, _), records in zip(brought, found, strict=True):
            mine = []
            for record in records:
                if any(record.get(key) is None for key in keys):
                    continue  # without an id it is no record
                place = int(record[keys[1]]) if question.resource.relation else None
                if question.fits(record) and not _is_given(start, row, place):
                    mine.append(_Hit(row, record, place))
            hits += mine[::-1] if start.way == BEFORE else mine
        return hits


def _is_given(start: Cursor, row: Row, place: int | None) -> bool:
    """Return whether the page before had this record of a row that is read again."""
    if start.part is None or place is None or start.part[0] != str(row.get("id")):
        return False
    return place <= start.part[1] if start.way == AFTER else place >= start.part[1]


def _resource(name: Any) -> Resource:
    if name not in RESOURCES:
        raise InvalidQuery(f"{name}: no such resource; there are {', '.join(RESOURCES)}")
    return by_name[name]
