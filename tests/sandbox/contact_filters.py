"""Filters and orders of GET /contacts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.sandbox.paging import beyond_key, filters, orders, window
from tests.sandbox.store import fold

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox.rows import Contact
    from tests.sandbox.wire import Request
    from tests.sandbox.world import World

    Test = Callable[[Contact], bool]

_NOT_FILTERS = ("limit", "offset", "include", "id_greater", "id_less", "forceQuery")
_TABLES = ("contacts", "contactTags", "contactLists", "accountContacts", "contactAutomations")
ORDERS: dict[str, Callable[[Any], Any]] = {
    "id": lambda row: row.id,
    "cdate": lambda row: row.cdate,
    "email": lambda row: fold(row.email),
    "first_name": lambda row: fold(row.firstName),
    "last_name": lambda row: fold(row.lastName),
    "name": lambda row: (fold(row.firstName), fold(row.lastName)),
}


def wanted(w: World, r: Request) -> tuple[list[int], int]:
    """Return the ids of the requested page in order, and the total for `meta`."""
    key = tuple(
        (name, value)
        for name, value in r.query
        if name not in _NOT_FILTERS and not name.startswith("orders[")
    )
    requested = orders(r) if w.switches.contact_orders == "honoured" else []
    by = [(name, down) for name, down in requested if name in ORDERS or name == "score"]
    ids = w.kept(("contacts", key, tuple(by)), _TABLES, lambda: _sorted(w, _matching(w, r), by))
    limit, offset = window(w, r)
    first, last = 0, len(ids)
    everyone = last
    if w.switches.id_greater and ("id_greater" in r.params or "id_less" in r.params):
        if by[:1] == [("id", False)]:
            first, last = beyond_key(r, ids)
        else:
            ascending = sorted(ids)
            kept = set(ascending[slice(*beyond_key(r, ascending))])
            ids = [contact for contact in ids if contact in kept]
            last = len(ids)
    total = last - first if w.switches.id_greater_total == "beyond" else everyone
    # Only the page is sliced: a copy of all ids beyond the key would cost more than the page.
    return ids[first + offset : min(last, first + offset + limit)], total


def _sorted(w: World, ids: list[int], by: list[tuple[str, bool]]) -> list[int]:
    if by == [("id", False)]:
        return ids
    rows = w.tables["contacts"].rows
    found = [rows[row_id] for row_id in ids]
    for column, down in reversed(by or [("email", False)]):
        if column in ORDERS:
            found.sort(key=ORDERS[column], reverse=down)
        else:
            found.sort(key=lambda row: _score(w, row), reverse=down)
    return [row.id for row in found]


def _score(w: World, row: Contact) -> int:
    return max((v.scoreValue for v in w.tables["scoreValues"].by("contact", row.id)), default=0)


def _matching(w: World, r: Request) -> list[int]:
    table = w.tables["contacts"]
    ids = _narrowed(w, r)
    tests = _tests(w, r)
    if not tests:
        return table.ids() if ids is None else ids
    rows = table.rows
    return [
        row_id
        for row_id in (table.ids() if ids is None else ids)
        if all(test(rows[row_id]) for test in tests)
    ]


def _narrowed(w: World, r: Request) -> list[int] | None:
    """Use an index for the ids if a parameter has an index; None means every contact."""
    t = w.tables
    chosen: set[int] | None = None

    def keep(ids: set[int]) -> None:
        nonlocal chosen
        chosen = ids if chosen is None else chosen & ids

    if "ids[]" in r.params:
        keep(
            {int(value) for value in r.every("ids[]") if value.isdecimal()}
            & t["contacts"].rows.keys()
        )
    if email := r.params.get("email"):
        keep(set(t["contacts"].ids_by("email", fold(email))))
    if tag := r.number("tagid"):
        keep({row.contact for row in t["contactTags"].by("tag", tag)})
    if segment := t["segments"].get(r.number("segmentid")):
        keep({row.contact for row in t["contactTags"].by("tag", segment.tag)})
    if series := r.number("seriesid"):
        keep({row.contact for row in t["contactAutomations"].by("automation", series)})
    listid, status = r.number("listid"), r.number("status")
    if listid:
        members = t["contactLists"].by("list", listid)
        keep({m.contact for m in members if status in (None, -1, m.status)})
    elif status not in (None, -1):
        keep({m.contact for m in t["contactLists"] if m.status == status})
    elif r.params.get("in_group_lists") == "true":
        keep({m.contact for m in t["contactLists"]})
    return None if chosen is None else sorted(chosen)


def _tests(w: World, r: Request) -> list[Test]:
    p = r.params
    tests: list[Test] = []
    if like := p.get("email_like"):
        tests.append(lambda row: fold(like) in row.email.casefold())
    if exclude := p.get("exclude"):
        tests.append(lambda row: str(row.id) != exclude)
    if phone := p.get("phone"):
        tests.append(lambda row: row.phone.startswith(phone))
    if r.number("formid") or r.number("waitid"):
        tests.append(lambda _row: False)
    if search := p.get("search"):
        tests.append(lambda row: _searched(w, row, search))
    if w.switches.date_filters == "honoured":
        tests.extend(_date_tests(w, r))
    return tests


def _searched(w: World, row: Contact, search: str) -> bool:
    links = w.tables["accountContacts"].by("contact", row.id)
    names = [w.tables["accounts"][link.account].name for link in links]
    haystack = " ".join((row.firstName, row.lastName, row.phone, row.email, row.orgname, *names))
    return search.casefold() in haystack.casefold()


def _date_tests(w: World, r: Request) -> list[Test]:
    s = w.switches
    updated = "udate" if s.date_column == "udate" else "updated"
    columns = {
        "created_after": ("cdate", True),
        "created_before": ("cdate", False),
        "updated_after": (updated, True),
        "updated_before": (updated, False),
    }
    tests = []
    for name, op, value in filters(r):
        if name not in columns or op:
            continue
        bound = w.zone.bound(value, s)
        if bound is not None:
            tests.append(_date_test(w, *columns[name], bound))
    return tests


def _date_test(w: World, column: str, after: bool, bound: int) -> Test:
    inclusive = w.switches.date_inclusive
    daily = w.switches.date_granularity == "day"

    def test(row: Contact) -> bool:
        value = getattr(row, column)
        if value is None:  # as in SQL, a null passes neither filter
            return False
        if daily:
            value = w.zone.midnight(value)
        if value == bound:
            return inclusive
        return (value > bound) is after

    return test
