"""Pages: limit and offset, keyset, order, and the `meta` of each collection."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Any

from tests.sandbox.wire import Raw, Refusal, compact

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.sandbox.wire import Request
    from tests.sandbox.world import World

MOST = 100


def window(w: World, r: Request, default: int = 20) -> tuple[int, int]:
    """Return limit and offset, capped or refused as the switch says."""
    limit = r.number("limit")
    offset = max(0, r.number("offset") or 0)
    if limit is None or limit < 0:
        limit = default
    if limit > MOST:
        if w.switches.limit_over_100 == "422":
            raise Refusal(
                422,
                {"errors": [{"title": "The limit must not exceed 100.", "code": "field_invalid"}]},
            )
        limit = MOST
    return min(limit, w.switches.most_rows), offset


def page_of(w: World, r: Request, ids: Sequence[Any], default: int = 20) -> Sequence[Any]:
    """Return the requested page of all ids."""
    limit, offset = window(w, r, default)
    return ids[offset : offset + limit]


def beyond_key(r: Request, ids: list[int]) -> tuple[int, int]:
    """Return the range of ascending ids between `id_greater` and `id_less`, both exclusive."""
    low = r.number("id_greater")
    high = r.number("id_less")
    first = bisect_right(ids, low) if low is not None else 0
    last = bisect_left(ids, high) if high is not None else len(ids)
    return first, max(first, last)


def orders(r: Request) -> list[tuple[str, bool]]:
    """Parse `orders[<column>]=ASC/DESC` in the order of the query; True means descending."""
    return [
        (key[7:-1], value.upper() == "DESC")
        for key, value in r.query
        if key.startswith("orders[") and key.endswith("]")
    ]


def filters(r: Request) -> list[tuple[str, str, str]]:
    """Parse `filters[name]=v` and `filters[name][op]=v` as (name, op or "", v)."""
    found = []
    for key, value in r.query:
        if key.startswith("filters["):
            name, _, op = key[8:].partition("]")
            found.append((name, op.strip("[]"), value))
    return found


def ordered(
    rows: list[Any], by: list[tuple[str, bool]], columns: dict[str, Callable[[Any], Any]]
) -> list[Any]:
    """Sort rows by the orders with known columns; the first order has priority."""
    for column, descending in reversed(by):
        if column in columns:
            rows.sort(key=columns[column], reverse=descending)
    return rows


def total_meta(w: World, total: int, kind: str = "s", **more: Any) -> dict[str, Any] | None:
    """Return a `meta` whose total has the endpoint's type: s, i, or - for no meta."""
    form = w.switches.meta_total
    if form == "missing" or (kind == "-" and form == "native"):
        return more or None
    if form == "wrong":
        total = max(0, total - total // 3 - 1)
    if form == "larger":
        total += total // 3 + 7
    wants_string = kind == "s" if form in ("native", "wrong", "larger") else form == "string"
    return {"total": str(total) if wants_string else total, **more}


def array(fragments: list[str]) -> Raw:
    """Join rows that are JSON text."""
    return Raw("[" + ",".join(fragments) + "]")


def collection(
    w: World,
    r: Request,
    key: str,
    rows: Sequence[Any],
    show: Callable[[World, Any], Any],
    kind: str = "s",
    default: int = 20,
    **sides: Any,
) -> dict[str, Any]:
    """Answer a page of a small collection: sideloads first, as in ActiveCampaign."""
    rows = in_id_order(w, r, rows)
    page = page_of(w, r, rows, default)
    document: dict[str, Any] = {
        name: side(page) if callable(side) else side for name, side in sides.items()
    }
    document[key] = array([compact(show(w, row)) for row in page])
    meta = total_meta(w, len(rows), kind)
    if meta is not None:
        document["meta"] = meta
    return document


def in_id_order(w: World, r: Request, found: Sequence[Any]) -> Sequence[Any]:
    """Apply `orders[id]` and the keyset if the account supports them outside /contacts."""
    if not (w.switches.orders_id_elsewhere and found and hasattr(found[0], "id")):
        return found
    rows = list(found)
    low, high = r.number("id_greater"), r.number("id_less")
    if w.switches.id_greater:
        rows = [row for row in rows if low is None or row.id > low]
        rows = [row for row in rows if high is None or row.id < high]
    return ordered(rows, orders(r), {"id": lambda row: row.id})
