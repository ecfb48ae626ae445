"""Reads of tags, lists, contact fields and values, and of the two tables without fixed order."""

from __future__ import annotations

import operator
import random
from typing import TYPE_CHECKING, Any

from tests.sandbox import mail_rows
from tests.sandbox.contact_rows import contact_list, contact_tag
from tests.sandbox.paging import (
    array,
    collection,
    filters,
    ordered,
    orders,
    page_of,
    total_meta,
    window,
)
from tests.sandbox.routes import route
from tests.sandbox.shown import fragment

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox.wire import Request
    from tests.sandbox.world import World


_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "": operator.contains,
    "contains": operator.contains,
    "eq": operator.eq,
    "neq": operator.ne,
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
    "starts_with": str.startswith,
}


def compares(value: str, op: str, filter_value: str) -> bool:
    """Apply an operator of `filters[name][op]` to a text, without case."""
    compare = _OPERATORS.get(op)
    return compare is None or compare(value.casefold(), filter_value.casefold())


@route("GET", "/tags")
def list_tags(w: World, r: Request) -> dict[str, Any]:
    """Answer tags, searched by parts of their name."""
    rows = list(w.tables["tags"])
    if search := r.params.get("search"):
        rows = [row for row in rows if compares(row.tag, "contains", search)]
    for name, op, value in filters(r):
        if name == "search":
            rows = [row for row in rows if compares(row.tag, op, value)]
    ordered(rows, orders(r), {"search": lambda row: row.tag.casefold()})
    return collection(w, r, "tags", rows, mail_rows.show_tag)


@route("GET", "/lists")
def list_lists(w: World, r: Request) -> dict[str, Any]:
    """Answer lists with their two counts."""
    rows = list(w.tables["lists"])
    for name, op, value in filters(r):
        if name == "name":
            rows = [row for row in rows if compares(row.name, op, value)]
    ordered(rows, orders(r), {"name": lambda row: row.name.casefold()})
    return collection(w, r, "lists", rows, mail_rows.show_counted_list)


@route("GET", "/segments")
def list_segments(w: World, r: Request) -> dict[str, Any]:
    """Answer the legacy segments."""
    rows = list(w.tables["segments"])
    for name, op, value in filters(r):
        if name == "name":
            rows = [row for row in rows if compares(row.name, op, value)]
    return collection(w, r, "segments", rows, mail_rows.show_segment)


@route("GET", "/fields")
def list_fields(w: World, r: Request) -> dict[str, Any]:
    """Answer contact fields with all options and relations of the page."""
    t = w.tables
    rows = list(t["fields"])
    for name, _, value in filters(r):
        if name == "perstag":
            rows = [row for row in rows if row.perstag == value.strip("%").upper()]
    page = page_of(w, r, rows, w.switches.fields_default_limit)
    options = [
        fragment(w, "fieldOptions", o) for f in page for o in t["fieldOptions"].by("field", f.id)
    ]
    relations = [
        fragment(w, "fieldRels", o) for f in page for o in t["fieldRels"].by("field", f.id)
    ]
    document: dict[str, Any] = {
        "fieldOptions": array(options),
        "fieldRels": array(relations),
        "fields": array([fragment(w, "fields", row) for row in page]),
    }
    meta = total_meta(w, len(rows), "s") or {}
    return {**document, "meta": {**meta, "selected": None}}


@route("GET", "/fieldValues")
def list_field_values(w: World, r: Request) -> dict[str, Any]:
    """Answer the values of all contacts; only `fieldid` and `val` filter."""
    table = w.tables["fieldValues"]
    known: dict[str, Callable[[Any], str | None]] = {
        "fieldid": lambda row: str(row.field),
        "val": lambda row: row.value,
    }
    if w.switches.undocumented_filters:
        known |= {"contact": lambda row: str(row.contact), "field": lambda row: str(row.field)}
    parameters = [(known[name], value) for name, _, value in filters(r) if name in known]
    ids = table.ids()
    if parameters:
        ids = [row.id for row in table if all(column(row) == value for column, value in parameters)]
    page = [table.rows[row_id] for row_id in page_of(w, r, ids)]
    document: dict[str, Any] = {
        "fieldValues": array([fragment(w, "fieldValues", row) for row in page])
    }
    meta = total_meta(w, len(ids), "s")
    return {**document, "meta": meta} if meta is not None else document


@route("GET", "/contactTags")
def list_contact_tags(w: World, r: Request) -> dict[str, Any]:
    """Answer all tag associations: no filter works, and the order varies."""
    return _drifting(w, r, "contactTags", contact_tag)


@route("GET", "/contactLists")
def list_contact_lists(w: World, r: Request) -> dict[str, Any]:
    """Answer all memberships: no filter works, and the order varies."""
    return _drifting(w, r, "contactLists", contact_list)


_BLOCK = 7  # does not divide 100, so blocks straddle the borders of pages


def _drifting(
    w: World, r: Request, name: str, write: Callable[[World, Any], str]
) -> dict[str, Any]:
    table = w.tables[name]
    ids = table.ids()
    limit, offset = window(w, r)
    if w.switches.drifting_order:
        first = offset // _BLOCK
        last = (offset + limit) // _BLOCK + 1
        drifted = [row_id for block in range(first, last) for row_id in _block(w, ids, block)]
        start = offset - first * _BLOCK
        chosen = drifted[start : start + limit]
    else:
        chosen = ids[offset : offset + limit]
    document: dict[str, Any] = {name: array([write(w, table.rows[row_id]) for row_id in chosen])}
    if "contact" in r.params.get("include", "").split(",") and w.switches.include != "none":
        contacts = sorted({table.rows[row_id].contact for row_id in chosen})
        rows = w.tables["contacts"]
        document["contacts"] = array([fragment(w, "contacts", rows[n]) for n in contacts])
    meta = total_meta(w, len(ids), "s")
    return {**document, "meta": meta} if meta is not None else document


def _block(w: World, ids: list[int], block: int) -> list[int]:
    """Shuffle one block: always the same way, except for one in ten per request."""
    rows = ids[block * _BLOCK : (block + 1) * _BLOCK]
    request = len(w.log) if random.Random(block * 7919 + len(w.log)).random() < 0.1 else 0
    random.Random(w.seed * 1_000_003 + block * 31 + request).shuffle(rows)
    return rows
