"""Translates a query's filters to the server's filters, to read fewer rows.

The server gets a filter only if it cannot exclude a wanted row: times by day, with a margin for
unknown time zones, and a name only if it is unique.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client.graphql import PATH as GRAPHQL
from tap_activecampaign_unified.resources.custom_objects import CustomObject
from tap_activecampaign_unified.resources.marketing.saved_segments import SEGMENT_MEMBERS
from tap_activecampaign_unified.resources.parsing.ids import id_number
from tap_activecampaign_unified.resources.parsing.names import fold

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tap_activecampaign_unified.resources.resource import Resource

    from .filters import Filter

    Names = Callable[[str], Mapping[str, str | None]]

# Time zones reach from 14 hours ahead of UTC to 12 hours behind it.
ZONE_SLACK = dt.timedelta(hours=14)
DAY = dt.timedelta(days=1)
CONTACTS, DEALS = "contacts", "deals"
ENGAGEMENTS = "marketing_engagements"
STATUSES = {"open": 0, "won": 1, "lost": 2}
# Not every search finds shorter words.
MIN_WORD_LENGTH = 4
NOTES_OF = {"contact": "contacts", "account": "accounts", "opportunity": "deals"}


@dataclass
class ServerFilter:
    """The filters of the requests that a query needs.

    ``requests`` has the parameters of each request; their rows are merged. ``fallback_params`` are
    used if no row came. ``row_id`` is set if only one row can match, ``part_id`` if only one of
    the related rows that have ids of their own can. ``path`` replaces the collection's path.
    ``segments`` names the saved segments whose members can match, if not all can. ``is_empty``:
    nothing can match, so that no request is sent.
    """

    requests: list[list[tuple[str, Any]]] = field(default_factory=lambda: [[]])
    fallback_params: list[tuple[str, Any]] | None = None
    row_id: int | None = None
    part_id: int | None = None
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
    found = ServerFilter()
    given = {filter_.field: filter_ for filter_ in filters}
    _filter_by_id(found, resource, given)
    if resource.endpoint_name == CONTACTS:
        _filter_contacts(found, given, names, is_part=resource.relation is not None)
    elif resource.endpoint_name == DEALS and resource.relation is not None:
        found.add(*_between("updated", given.get("opportunity_updated_at")))
    elif resource.endpoint_name == DEALS:
        _filter_opportunities(found, given, names)
    elif resource.endpoint_name == SEGMENT_MEMBERS:
        asked = (given[name].given for name in ("segment_id", "segment_name") if name in given)
        found.segments = tuple(str(each).strip() for each in asked if each is not None)[:1]
    elif resource.name == "crm_accounts" and _is_text(given.get("name")):
        found.add(("search", given["name"].given.strip()))
    elif resource.name == "crm_opportunity_changes" and (deal := _id_in(given.get("opportunity"))):
        found.add(("deal", deal))
    elif resource.name == "crm_notes":
        for parent, path in NOTES_OF.items():
            if native := _id_in(given.get(parent)):
                found.path = f"{path}/{native}/notes"
    return found


def _filter_by_id(found: ServerFilter, resource: Resource, given: Mapping[str, Filter]) -> None:
    key = {CONTACTS: "contact_id", DEALS: "opportunity_id"}.get(resource.endpoint_name, "id")
    id_filter = given.get(key if key in resource.keys else "id")
    if id_filter is not None and id_filter.given is not None and has_numbers(resource):
        number = id_number(str(id_filter.given).strip())
        found.is_empty = number is None
        if resource.relation is not None and resource.keys == ("id",):
            found.part_id = number
        else:
            found.row_id = number


def _filter_contacts(
    found: ServerFilter, given: Mapping[str, Filter], names: Names, *, is_part: bool
) -> None:
    for column in ("email", "email_addresses"):
        asked = given[column].given if column in given else None
        email = asked.get("email") if isinstance(asked, Mapping) else asked
        if text := _text(email):
            # On some accounts the exact filter is case-sensitive: use the similarity search.
            found.fallback_params = [("email_like", text)]
            found.add(("email", text))
    if word := _word_in(*(given.get(name) for name in ("name", "last_name", "first_name"))):
        found.add(("search", word))
    for column, param, kind in (
        ("tags", "tagid", "tags"),
        ("tag_id", "tagid", "tags"),
        ("tag_name", "tagid", "tags"),
        ("segments", "listid", "segments"),
        ("segment_id", "listid", "segments"),
        ("segment_name", "listid", "segments"),
    ):
        if column in given and given[column].given:
            _filter_by_name(found, given[column].given, column, param, partial(names, kind))
    found.add(*_between("created", None if is_part else given.get("created_at")))
    changed = given.get("contact_updated_at" if is_part else "updated_at")
    updated = _between("updated", changed)
    if updated:
        # A contact that was never edited may have no `udate`, so that no filter on it finds it.
        others = _between("created", changed)
        rest = found.requests[0]
        found.requests = [[*rest, *updated], [*rest, *others]]


def _filter_by_name(
    found: ServerFilter,
    given: Any,
    column: str,
    param: str,
    names: Callable[[], Mapping[str, str | None]],
) -> None:
    """Filter by the first of these that has exactly one id. An unknown one matches no row."""
    ids: list[str] = []
    for item in given if isinstance(given, (list, tuple)) else [given]:
        by_id = column.endswith("_id")
        named = item if isinstance(item, Mapping) else {"id" if by_id else "name": item}
        if named.get("id") is not None:
            ids.append(str(named["id"]).strip())
        elif text := _text(named.get("name")):
            wanted = fold(text)
            same = [
                native_id for native_id, name in names().items() if name and fold(name) == wanted
            ]
            found.is_empty = found.is_empty or not same
            ids += same if len(same) == 1 else []
    if ids and ids[0].isdigit():
        found.add((param, ids[0]))


def _filter_opportunities(found: ServerFilter, given: Mapping[str, Filter], names: Names) -> None:
    for column, kind, param in (("stage", "stages", "stage"), ("pipeline", "pipelines", "group")):
        asked = given[column].given if column in given else None
        if asked:
            ids = _ids_named(asked, partial(names, kind))
            found.is_empty = found.is_empty or ids == []
            if ids and len(ids) == 1:
                found.add((f"filters[{param}]", ids[0]))
    if owner := _id_in(given.get("owner")):
        found.add(("filters[owner]", owner))
    status = given["status"].given if "status" in given else None
    if isinstance(status, str) and fold(status) in STATUSES:
        found.add(("filters[status]", STATUSES[fold(status)]))
    if _is_text(given.get("name")):
        found.add(("filters[title]", given["name"].given.strip()))
    found.add(*_between("created", given.get("created_at")))
    found.add(*_between("updated", given.get("updated_at")))


def _ids_named(asked: Any, names: Callable[[], Mapping[str, str | None]]) -> list[str] | None:
    """Return the ids that a filter on one object can match, None if only the rows show it."""
    if isinstance(asked, Mapping) and asked.get("id") is not None:
        return [str(asked["id"]).strip()]
    name = _text(asked.get("name") if isinstance(asked, Mapping) else asked)
    if not name:
        return None
    return [native_id for native_id, text in names().items() if text and fold(text) == fold(name)]


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
    """Return the longest word that no search can split, of the first name that has one."""
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
    """Return date filters that exclude no wanted row, whatever the server's time zone and unit."""
    bounds = filter_.bounds if filter_ is not None else {}
    found: list[tuple[str, Any]] = []
    lows = [bounds[name] for name in ("gt", "gte", "eq") if name in bounds]
    highs = [bounds[name] for name in ("lt", "lte", "eq") if name in bounds]
    try:
        if lows:
            day = (max(lows) - ZONE_SLACK).astimezone(dt.UTC).date() - DAY
            found.append((f"filters[{column}_after]", day.isoformat()))
        if highs:
            day = (min(highs) + ZONE_SLACK).astimezone(dt.UTC).date() + DAY
            found.append((f"filters[{column}_before]", day.isoformat()))
    except OverflowError:  # beyond the calendar: everything is
        return []
    return found
