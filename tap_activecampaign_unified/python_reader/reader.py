"""The reader of unified records for scripts and notebooks: pages, single records, cursors."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from tap_activecampaign_unified.client import NotFound, ServerError, SystemClock
from tap_activecampaign_unified.config.connection import DISTRIBUTION
from tap_activecampaign_unified.config.read_settings import Settings, SettingsError
from tap_activecampaign_unified.config.shared_settings import SHARED
from tap_activecampaign_unified.resources import by_name
from tap_activecampaign_unified.resources.custom_objects import PREFIX
from tap_activecampaign_unified.resources.input_values.ids import id_number

from .filters import InvalidQuery
from .order_check import SortNotSupported
from .page_cursor import Cursor, parse_cursor, query_fingerprint
from .planner import Query, QueryPlanner
from .record_loader import RecordLoader
from .server_filters import has_numbers
from .traversal import AFTER, BEFORE, MAX_LIMIT, POSITION_GONE, identity_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_activecampaign_unified.client import Clock
    from tap_activecampaign_unified.resources.resource import Record, Resource, Row

    from .traversal import RowsAndBodies, Traversal

# Settings of a run, which the reader rejects.
RUN_SETTINGS = {"run_report_path", "run_report_html_path"}
# If a filter needs related rows, the reader loads them for this many rows at once.
ROWS_PER_BATCH = 20


@dataclass(frozen=True)
class _Hit:
    """A record and its row.

    ``related_id`` is the id of the related row that the record was made of. None if each row has
    one record.
    """

    row: Row
    record: Record | None = None
    related_id: int | None = None


Hits = list[_Hit]


class ActiveCampaignReader:
    """Reads unified records of one account, in one thread.

    It reads names (of tags, segments, stages, …) and the definitions of custom fields once, and
    caches them until `refresh`.

    ``settings`` are the settings that tap and target share. Wrong settings raise `SettingsError`.
    Every other error is an `ActiveCampaignError`.
    """

    #: The settings of the reader.
    setting_names: ClassVar[frozenset[str]] = (
        frozenset(setting.name for setting in SHARED) - RUN_SETTINGS
    )

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
        unknown = sorted(set(settings) - type(self).setting_names)
        if unknown:
            raise InvalidQuery(f"no such setting: {', '.join(unknown)}")
        key = api_key or os.environ.get("ACTIVECAMPAIGN_API_KEY")
        if not api_url or not key:
            raise SettingsError.no_connection()
        config = {"api_url": api_url, "api_key": api_key, **settings}
        checked = Settings(SHARED, config, "TAP_ACTIVECAMPAIGN_UNIFIED_")
        if checked.connection is None:
            raise SettingsError.no_connection()
        self.client = checked.connection.open(DISTRIBUTION, clock or SystemClock(), session)
        self._loader = RecordLoader(self.client, checked["custom_field_keys"])
        self._planner = QueryPlanner(self.client, self._loader)

    def __repr__(self) -> str:
        """Return the account's URL without the key."""
        return f"<{type(self).__name__} of {self.client.address.origin}>"

    def __enter__(self) -> Self:
        """Return the reader. The end of the block closes its connections."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections. A later call opens new connections."""
        self.client.close()

    def refresh(self) -> None:
        """Drop the cached names and custom fields. The next call reads them again."""
        self._loader.refresh()
        self._planner.forget()

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

        Every field of the resource is a filter. Its value is a value, bounds like ``{"gt": …}`` for
        times and numbers, or the required content of an object or array. ``sort_by`` is like
        ``{"created_at": "desc"}``. ``limit`` is at most 100. Raises `InvalidQuery`, and the errors
        of the client.
        """
        checked = self._resource(resource)
        if type(limit) is not int or not 1 <= limit <= MAX_LIMIT:
            raise InvalidQuery(f"limit: must be between 1 and {MAX_LIMIT}")
        with self._call():
            query = self._planner.parse_query(checked, sort_by, filters)
            fingerprint = query_fingerprint(resource, str(sort_by), filters)
            start = parse_cursor(cursor, fingerprint) if cursor else Cursor()
            try:
                return self._page(query, start, limit, fingerprint, remote_data=remote_data)
            except SortNotSupported:
                if start.position is not None:
                    raise InvalidQuery(POSITION_GONE) from None
                return self._page(query, start, limit, fingerprint, remote_data=remote_data)

    def every(self, resource: str, **query: Any) -> Iterator[Record]:
        """Yield every record, page by page. ``query`` has the arguments of `list`."""
        cursor = query.pop("cursor", None)
        while True:
            page = self.list(resource, cursor=cursor, **{"limit": MAX_LIMIT, **query})
            yield from page["result"]
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def get(self, resource: str, id: Any, *, remote_data: bool = False) -> Record:  # noqa: A002
        """Return one record. Raises `NotFound` if it does not exist.

        ``id`` is ActiveCampaign's id. For several keys, it is an object with all keys.
        """
        checked = self._resource(resource)
        key = id if isinstance(id, Mapping) else {"id": id}
        if set(key) != set(checked.keys):
            raise InvalidQuery(f"{resource}: the id must hold {' and '.join(checked.keys)}")
        for name, value in key.items():
            is_number = not isinstance(value, bool) and id_number(str(value).strip()) is not None
            if name != "entity" and not is_number and has_numbers(checked):
                raise InvalidQuery(f"{name}: not an id of ActiveCampaign")
        filters = {name: str(value).strip() for name, value in key.items()}
        with self._call():
            query = self._planner.parse_query(checked, None, filters)
            hits = self._hits(query, Cursor(), 1, remote_data=remote_data)[0]
        if not hits or hits[0].record is None:
            path = "/".join([checked.endpoint, *filters.values()])
            raise NotFound("there is no record with this id", method="GET", path=path)
        return hits[0].record

    def _resource(self, name: Any) -> Resource:
        if isinstance(name, str) and name.startswith(PREFIX):
            with self._call():
                resources: Mapping[str, Resource] = self._loader.custom_objects()
        else:
            resources = by_name
        if name not in resources:
            names = ", ".join(resources) or "no custom objects"
            raise InvalidQuery(f"{name}: no such resource; there are {names}")
        return resources[name]

    @contextlib.contextmanager
    def _call(self) -> Iterator[None]:
        """Cancel prefetched requests and drop related rows at the end of a call."""
        try:
            yield
        except ServerError:
            self._loader.refresh()
            raise
        finally:
            self._loader.end_scan()
            self.client.cancel_all_prefetches()

    def _page(
        self, query: Query, start: Cursor, limit: int, fingerprint: str, *, remote_data: bool
    ) -> dict[str, Any]:
        hits, traversal = self._hits(query, start, limit, remote_data=remote_data)
        has_more, hits = len(hits) > limit, hits[:limit]
        if start.direction == BEFORE:
            hits.reverse()
        has_next = has_more if start.direction == AFTER else True
        has_prev = start.position is not None if start.direction == AFTER else has_more
        has_prev = has_prev and bool(hits or start.related is None)

        def cursor_at(direction: str) -> str:
            if not hits:  # to the start of this page, or to the first page
                is_back = direction == BEFORE
                cursor = Cursor(direction, start.traversal, start.position) if is_back else Cursor()
                return cursor.encode(fingerprint)
            hit = hits[-1] if direction == AFTER else hits[0]
            related = None if hit.related_id is None else (identity_of(hit.row), hit.related_id)
            # The next page reads a row with several records again, for the row's other records.
            is_after_row = (direction == AFTER) is (related is None)
            position = traversal.position(hit.row, after_row=is_after_row)
            cursor = Cursor(direction, type(traversal).__name__, position, related)
            return cursor.encode(fingerprint)

        return {
            "result": [hit.record for hit in hits],
            "next_cursor": cursor_at(AFTER) if has_next else None,
            "prev_cursor": cursor_at(BEFORE) if has_prev else None,
            "result_count": len(hits),
        }

    def _hits(
        self, query: Query, start: Cursor, limit: int, *, remote_data: bool
    ) -> tuple[Hits, Traversal]:
        """Return up to ``limit`` records, one more row if it exists, and the traversal."""
        traversal = self._planner.traversal(
            query, is_new=start.position is None, previous_traversal=start.traversal
        )
        if start.traversal and start.traversal != type(traversal).__name__:
            raise InvalidQuery(POSITION_GONE)
        hits: list[_Hit] = []
        rows_read = 0
        traversal.size = query.max_rows or (MAX_LIMIT if query.is_over_fetched else limit + 1)
        for batch in traversal.walk(start.direction, start.position):
            rows = self._planner.candidates(query, batch)
            traversal.size = MAX_LIMIT if len(rows) < len(batch) else traversal.size
            while rows and len(hits) <= limit:
                missing = limit + 1 - len(hits)
                # The row beyond the page only proves that there is a next page.
                count = max(missing, ROWS_PER_BATCH) if query.needs_related else max(missing - 1, 1)
                chunk, rows = rows[:count], rows[count:]
                if missing == 1 and not query.needs_related:
                    hits.append(_Hit(chunk[0][0]))
                else:
                    if rows_read >= MAX_LIMIT and query.needs_related:
                        self._loader.begin_scan()
                    rows_read += len(chunk)
                    matching = self._read(query, chunk, start, remote_data=remote_data)
                    traversal.size = MAX_LIMIT if len(matching) < len(chunk) else traversal.size
                    hits += matching
            if len(hits) > limit:
                break
            if traversal.size != MAX_LIMIT:
                traversal.size = limit + 1 - len(hits)
        if not hits and query.switch_to_fallback():
            return self._hits(query, start, limit, remote_data=remote_data)
        return hits[: limit + 1], traversal

    def _read(
        self,
        query: Query,
        candidates: RowsAndBodies,
        start: Cursor,
        *,
        remote_data: bool,
    ) -> Hits:
        """Return the matching records of candidates, in the order of the traversal."""
        current = self._planner.with_sideloads(query.resource, candidates)
        rows = [(row, body) for _, row, body in current]
        records_by_row = self._loader.records(query.resource, rows, remote_data=remote_data)
        keys = query.resource.keys
        hits = []
        for (row, _, _), records in zip(current, records_by_row, strict=True):
            matching = []
            for record in records:
                if any(record.get(key) is None for key in keys):
                    continue  # a value without an id is no record
                related_id = int(record[keys[-1]]) if query.resource.relation else None
                if query.matches(record) and not _is_on_page_before(start, row, related_id):
                    matching.append(_Hit(row, record, related_id))
            hits += matching[::-1] if start.direction == BEFORE else matching
        return hits


def _is_on_page_before(start: Cursor, row: Row, related_id: int | None) -> bool:
    """Return whether the previous page had this record of a row that is read again."""
    if start.related is None or related_id is None or start.related[0] != identity_of(row):
        return False
    last_id = start.related[1]
    return related_id <= last_id if start.direction == AFTER else related_id >= last_id
