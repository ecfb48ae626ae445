"""Translates a query's filters to the server's filters, to read fewer rows.

The server gets a filter only if the filter cannot exclude a wanted row. Times are filtered by day,
with a margin for unknown time zones. Names are filtered only if they are unique.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.bookmarks import ZONE_SLACK
from tap_activecampaign_unified.client.graphql.request import PATH as GRAPHQL
from tap_activecampaign_unified.resources.crm.opportunities import STATUSES
from tap_activecampaign_unified.resources.custom_objects import CustomObject
from tap_activecampaign_unified.resources.input_values.column_names import fold
from tap_activecampaign_unified.resources.input_values.ids import id_number
from tap_activecampaign_unified.resources.marketing.saved_segments import SEGMENT_MEMBERS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tap_activecampaign_unified.resources.resource import Resource

    from .filters import Filter

    Names = Callable[[str], Mapping[str, str | None]]

DAY = dt.timedelta(days=1)
CONTACTS, DEALS = "contacts", "deals"
ENGAGEMENTS = "marketing_engagements"
STATUS_CODES = {word: int(code) for code, word in STATUSES.items()}
# Some searches do not find shorter words.
MIN_WORD_LENGTH = 4
NOTES_OF = {"contact": "contacts", "account": "accounts", "opportunity": "deals"}


@dataclass
class ServerFilter:
    """The filters of the requests that a query needs.

    ``requests`` has the parameters of each request, and the reader merges their rows.
    ``fallback_params`` replace the filters if no row matched. ``row_id`` is set if only one row can
    match, ``related_id`` if only one related row with its own id can match. ``path`` replaces the
    collection's path. ``segments`` are the saved segments whose members can match. Empty means all.
    ``is_empty``: no row can match, so the reader sends no request.
    """

    requests: list[list[tuple[str, Any]]] = field(default_factory=lambda: [[]])
    fallback_params: list[tuple[str, Any]] | None = None
    row_id: int | None = None
    related_id: int | None = None
    path: str | None = None
    segments: tuple[str, ...] = ()
    is_empty: bool = False

    def add(self, *params: tuple[str, Any]) -> None:
        """Add filters to every request."""
        for request in self.requests:
            request.extend(params)


def has_numbers(resource: Resource) -> bool:
    """Return whether the ids of a resource are numbers."""
    is_graphql = resource.endpoint == GRAPHQL
    return not (is_graphql or isinstance(resource, CustomObject) or resource.name == ENGAGEMENTS)


def translate_filters(resource: Resource, filters: Sequence[Filter], names: Names) -> ServerFilter:
    """Return the server's filters. ``names`` returns the names of a kind by id."""
    server_filter = ServerFilter()
    by_field = {filter_.field: filter_ for filter_ in filters}
    _filter_by_id(server_filter, resource, by_field)
    if resource.endpoint_name == CONTACTS:
        _filter_contacts(server_filter, by_field, names, is_related=resource.relation is not None)
    elif resource.endpoint_name == DEALS and resource.relation is not None:
        server_filter.add(*_between("updated", by_field.get("opportunity_updated_at")))
    elif resource.endpoint_name == DEALS:
        _filter_opportunities(server_filter, by_field, names)
    elif resource.endpoint_name == SEGMENT_MEMBERS:
        values = (
            by_field[name].given for name in ("segment_id", "segment_name") if name in by_field
        )
        names_or_ids = [str(value).strip() for value in values if value is not None]
        server_filter.segments = tuple(names_or_ids[:1])
    elif resource.name == "crm_accounts" and _is_text(by_field.get("name")):
        server_filter.add(("search", by_field["name"].given.strip()))
    elif resource.name == "crm_opportunity_changes" and (
        deal := _id_in(by_field.get("opportunity"))
    ):
        server_filter.add(("deal", deal))
    elif resource.name == "crm_notes":
        for parent, path in NOTES_OF.items():
            if parent_id := _id_in(by_field.get(parent)):
                server_filter.path = f"{path}/{parent_id}/notes"
    return server_filter


def _filter_by_id(
    server_filter: ServerFilter, resource: Resource, by_field: Mapping[str, Filter]
) -> None:
    key = {CONTACTS: "contact_id", DEALS: "opportunity_id"}.get(resource.endpoint_name, "id")
    id_filter = by_field.get(key if key in resource.keys else "id")
    if id_filter is not None and id_filter.given is not None and has_numbers(resource):
        number = id_number(str(id_filter.given).strip())
        server_filter.is_empty = number is None
        if resource.relation is not None and resource.keys == ("id",):
            server_filter.related_id = number
        else:
            server_filter.row_id = number


def _filter_contacts(
    server_filter: ServerFilter, by_field: Mapping[str, Filter], names: Names, *, is_related: bool
) -> None:
    for column in ("email", "email_addresses"):
        value = by_field[column].given if column in by_field else None
        email = value.get("email") if isinstance(value, Mapping) else value
        if text := _text(email):
            # Some accounts compare the exact filter with case. The fallback ignores case.
            server_filter.fallback_params = [("email_like", text)]
            server_filter.add(("email", text))
    if word := _word_in(*(by_field.get(name) for name in ("name", "last_name", "first_name"))):
        server_filter.add(("search", word))
    for column, param, kind in (
        ("tags", "tagid", "tags"),
        ("tag_id", "tagid", "tags"),
        ("tag_name", "tagid", "tags"),
        ("segments", "listid", "segments"),
        ("segment_id", "listid", "segments"),
        ("segment_name", "listid", "segments"),
    ):
        _filter_by_name(server_filter, by_field.get(column), param, partial(names, kind))
    server_filter.add(*_between("created", None if is_related else by_field.get("created_at")))
    changed = by_field.get("contact_updated_at" if is_related else "updated_at")
    updated = _between("updated", changed)
    if updated:
        # A contact without edits may have no `udate`. A filter on `udate` does not find it.
        created = _between("created", changed)
        params = server_filter.requests[0]
        server_filter.requests = [[*params, *updated], [*params, *created]]


def _filter_by_name(
    server_filter: ServerFilter,
    filter_: Filter | None,
    param: str,
    names: Callable[[], Mapping[str, str | None]],
) -> None:
    """Filter by the first value with exactly one id. An unknown name matches no row."""
    if filter_ is None or not filter_.given:
        return
    given, ids = filter_.given, list[str]()
    for item in given if isinstance(given, (list, tuple)) else [given]:
        by_id = filter_.field.endswith("_id")
        reference = item if isinstance(item, Mapping) else {"id" if by_id else "name": item}
        if reference.get("id") is not None:
            ids.append(str(reference["id"]).strip())
        elif text := _text(reference.get("name")):
            wanted = fold(text)
            matching_ids = [
                native_id for native_id, name in names().items() if name and fold(name) == wanted
            ]
            server_filter.is_empty = server_filter.is_empty or not matching_ids
            ids += matching_ids if len(matching_ids) == 1 else []
    if ids and ids[0].isdigit():
        server_filter.add((param, ids[0]))


def _filter_opportunities(
    server_filter: ServerFilter, by_field: Mapping[str, Filter], names: Names
) -> None:
    for column, param, kind in (
        ("stage", "filters[stage]", "stages"),
        ("pipeline", "filters[group]", "pipelines"),
    ):
        _filter_by_name(server_filter, by_field.get(column), param, partial(names, kind))
    if owner := _id_in(by_field.get("owner")):
        server_filter.add(("filters[owner]", owner))
    status = by_field["status"].given if "status" in by_field else None
    if isinstance(status, str) and fold(status) in STATUS_CODES:
        server_filter.add(("filters[status]", STATUS_CODES[fold(status)]))
    if _is_text(by_field.get("name")):
        server_filter.add(("filters[title]", by_field["name"].given.strip()))
    server_filter.add(*_between("created", by_field.get("created_at")))
    server_filter.add(*_between("updated", by_field.get("updated_at")))


def _id_in(filter_: Filter | None) -> str | None:
    """Return the id in a filter on an object, or on an array of one object."""
    given = filter_.given if filter_ is not None else None
    if isinstance(given, (list, tuple)):
        given = given[0] if len(given) == 1 else None
    if isinstance(given, Mapping):
        given = given.get("id")
    number = id_number(str(given).strip())
    return None if number is None else str(number)


def _word_in(*filters: Filter | None) -> str | None:
    """Return the longest word of the first filter that has a long plain word."""
    for filter_ in filters:
        text = str(filter_.given) if filter_ is not None and _is_text(filter_) else ""
        words = [word for word in text.split() if word.isascii() and word.isalnum()]
        longest = max(words, key=len, default="")
        if len(longest) >= MIN_WORD_LENGTH:
            return longest
    return None


def _text(given: Any) -> str:
    """Return a filter value as text, empty if it is not text."""
    return str(given).strip() if isinstance(given, (str, int)) else ""


def _is_text(filter_: Filter | None) -> bool:
    return filter_ is not None and isinstance(filter_.given, str) and bool(filter_.given.strip())


def _between(column: str, filter_: Filter | None) -> list[tuple[str, Any]]:
    """Return date filters that exclude no wanted row in any time zone of the server."""
    bounds = filter_.bounds if filter_ is not None else {}
    params: list[tuple[str, Any]] = []
    lows = [bounds[name] for name in ("gt", "gte", "eq") if name in bounds]
    highs = [bounds[name] for name in ("lt", "lte", "eq") if name in bounds]
    try:
        if lows:
            day = (max(lows) - ZONE_SLACK).astimezone(dt.UTC).date() - DAY
            params.append((f"filters[{column}_after]", day.isoformat()))
        if highs:
            day = (min(highs) + ZONE_SLACK).astimezone(dt.UTC).date() + DAY
            params.append((f"filters[{column}_before]", day.isoformat()))
    except OverflowError:  # a bound outside the calendar excludes no row
        return []
    return params
