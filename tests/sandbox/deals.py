"""Reads of deals: filters, orders, sideloads and the currencies in `meta`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.sandbox.crm_rows import is_hidden, show_deal
from tests.sandbox.includes import DEAL_RELATIONS, Sideloads
from tests.sandbox.mail_reads import compares
from tests.sandbox.paging import array, filters, ordered, orders, page_of, total_meta
from tests.sandbox.relations import row_or_404
from tests.sandbox.routes import route
from tests.sandbox.wire import as_id, compact

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox.rows import Deal, ScoreValue
    from tests.sandbox.wire import Request
    from tests.sandbox.world import World

_TABLES = (
    "deals",
    "contacts",
    "contactTags",
    "accounts",
    "scoreValues",
    "dealCustomFieldData",
    "dealGroups",
)
_EXACT = {
    "stage": "stage",
    "d_stageid": "stage",
    "group": "group",
    "d_groupid": "group",
    "status": "status",
    "owner": "owner",
    "d_owner": "owner",
    "organization": "account",
}
_DATES = {
    "created_before": ("cdate", False),
    "created_after": ("cdate", True),
    "updated_before": ("mdate", False),
    "updated_after": ("mdate", True),
}
_VALUES = {"minimum_value": 1, "maximum_value": -1}


@route("GET", "/deals")
def list_deals(w: World, r: Request) -> dict[str, Any]:
    """Answer a page of deals; without an order they are in no fixed order."""
    sides = Sideloads(w, r, DEAL_RELATIONS)
    key = tuple(pair for pair in r.query if pair[0] not in ("limit", "offset", "include"))
    rows, currencies = w.kept(("deals", key), _TABLES, lambda: _chosen(w, r))
    page = page_of(w, r, rows)
    visible = [row for row in page if not is_hidden(w, row)]
    arrays = sides.arrays(visible)
    texts = []
    for row in page:
        text = compact(show_deal(w, row))
        extra = "" if is_hidden(w, row) else sides.members(row)
        texts.append("{" + extra + text[1:])
    meta = {"currencies": currencies, **(total_meta(w, len(rows), "i") or {})}
    return {**arrays, "deals": array(texts), "meta": meta}


@route("GET", "/deals/{id}")
def get_deal(w: World, r: Request, deal: int) -> dict[str, Any]:
    """Answer one deal, or a stub if its pipeline is hidden."""
    row = row_or_404(w, "deals", deal)
    sides = Sideloads(w, r, DEAL_RELATIONS)
    return {**sides.arrays([row]), "deal": show_deal(w, row)}


def _chosen(w: World, r: Request) -> tuple[list[Deal], Any]:
    rows = _ordered(w, r, _matching(w, r))
    return rows, _currencies(rows)


def _currencies(rows: list[Deal]) -> dict[str, Any] | list[Any]:
    """Return count and value by currency; an empty array without deals (§13)."""
    sums: dict[str, list[int]] = {}
    for row in rows:
        entry = sums.setdefault(row.currency.upper(), [0, 0])
        entry[0] += 1
        entry[1] += row.value
    return (
        []
        if not sums
        else {
            code: {"total": str(count), "value": str(value), "currency": code, "isDisabled": False}
            for code, (count, value) in sums.items()
        }
    )


def _ordered(w: World, r: Request, rows: list[Deal]) -> list[Deal]:
    rows.sort(key=lambda row: (row.id * 7919 % 1009, row.id))
    contacts, accounts = w.tables["contacts"], w.tables["accounts"]
    columns: dict[str, Callable[[Any], Any]] = {
        "title": lambda row: row.title.casefold(),
        "value": lambda row: row.value,
        "cdate": lambda row: row.cdate,
        "contact_name": lambda row: _name(contacts.get(row.contact)),
        "contact_orgname": lambda row: getattr(accounts.get(row.account), "name", "").casefold(),
        "next-action": lambda row: row.nextdate or 0,
    }
    if w.switches.orders_mdate:
        columns["mdate"] = lambda row: row.mdate
    if w.switches.orders_id_elsewhere:
        columns["id"] = lambda row: row.id
    rows = ordered(rows, orders(r), columns)
    if w.switches.orders_id_elsewhere and w.switches.id_greater:
        low = r.number("id_greater")
        rows = [row for row in rows if low is None or row.id > low]
    return rows


def _name(contact: Any) -> str:
    return f"{contact.firstName} {contact.lastName}".casefold() if contact else ""


def _matching(w: World, r: Request) -> list[Deal]:
    rows = list(w.tables["deals"])
    parameters = {name: value for name, op, value in filters(r) if not op}
    field = parameters.get("search_field", "all")
    for name, value in parameters.items():
        test = _test(w, name, value, field)
        if test is not None:
            rows = [row for row in rows if test(row)]
    return rows


def _test(w: World, name: str, value: str, field: str) -> Callable[[Deal], bool] | None:
    """Return the test of a filter; None for an unknown filter, which is ignored."""
    if name == "contact" and w.switches.undocumented_filters:
        return lambda row: str(row.contact) == value
    if name in _EXACT:
        column = _EXACT[name]
        return lambda row: str(getattr(row, column)) == value
    if name in _DATES:
        return _date_test(w, *_DATES[name], value)
    if name in _VALUES and value.lstrip("-").isdecimal():
        sign, bound = _VALUES[name], int(value) * 100
        return lambda row: (row.value - bound) * sign >= 0
    if name.startswith("score"):
        return _score_test(w, name, value)
    others: dict[str, Callable[[Deal], bool]] = {
        "title": lambda row: compares(row.title, "contains", value),
        "search": lambda row: any(compares(t, "contains", value) for t in _texts(w, row, field)),
        "tag": lambda row: _tagged(w, row, value),
        "nextdate_range": lambda row: _due(w, row, value),
    }
    return others.get(name)


def _date_test(w: World, column: str, after: bool, value: str) -> Callable[[Deal], bool] | None:
    s = w.switches
    bound = w.zone.bound(value, s) if s.date_filters == "honoured" else None
    if bound is None:
        return None
    daily = s.date_granularity == "day"

    def test(row: Deal) -> bool:
        instant = getattr(row, column)
        if daily:
            instant = w.zone.midnight(instant)
        return (instant >= bound) is after

    return test


def _texts(w: World, row: Deal, field: str) -> list[str]:
    contact, account = w.tables["contacts"].get(row.contact), w.tables["accounts"].get(row.account)
    texts = {
        "title": row.title,
        "contact": f"{_name(contact)} {contact.email}" if contact else "",
        "org": account.name if account else "",
    }
    return [texts[field]] if field in texts else list(texts.values())


def _tagged(w: World, row: Deal, value: str) -> bool:
    tags = {link.tag for link in w.tables["contactTags"].by("contact", row.contact)}
    return bool(tags) if value == "-1" else not tags if value == "-2" else as_id(value) in tags


def _score_test(w: World, name: str, value: str) -> Callable[[Deal], bool]:
    score, _, number = value.partition(":")

    def test(row: Deal) -> bool:
        values: list[ScoreValue] = w.tables["scoreValues"].by("deal", row.id)
        for scored in values:
            if str(scored.score) == score and number.isdecimal():
                if name == "score_greater_than":
                    return scored.scoreValue > int(number)
                if name == "score_less_than":
                    return scored.scoreValue < int(number)
                return scored.scoreValue == int(number)
        return False

    return test


def _due(w: World, row: Deal, value: str) -> bool:
    now = w.now()
    match value:
        case "no-task":
            return row.nextdate is None
        case "overdue":
            return row.nextdate is not None and row.nextdate < now
        case "upcoming" | "scheduled":
            return row.nextdate is not None and row.nextdate >= now
    return True
