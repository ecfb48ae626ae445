"""Filters, orders and pages of the GraphQL searches, with each type's documented operators."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from graphql import GraphQLError

if TYPE_CHECKING:
    from tests.sandbox.world import World

_NUMBERS = {"EQ", "LT", "LTE", "GT", "GTE"}
_RANGES = {"LT", "LTE", "GT", "GTE"}
_COMPARES = {
    "EQ": lambda a, b: a == b,
    "LT": lambda a, b: a < b,
    "LTE": lambda a, b: a <= b,
    "GT": lambda a, b: a > b,
    "GTE": lambda a, b: a >= b,
}


def search(w: World, table: str, conditions: dict[str, Any] | None) -> list[dict[str, Any] | None]:
    """Return a page of the documents that match a filter: a plain list without a total."""
    conditions = dict(conditions or {})
    pagination = {"offset": 0, "limit": 20, **(conditions.pop("pagination", None) or {})}
    offset, limit = pagination["offset"], pagination["limit"]
    if offset < 0 or not 1 <= limit <= 100:
        raise GraphQLError("Pagination: offset must be >= 0 and limit between 1 and 100")
    found = [row.document for row in w.tables[table]]
    sorts = []
    for name, entry in conditions.items():
        for condition in entry if isinstance(entry, list) else [entry]:
            if condition is None:
                continue
            if condition.get("value") is not None:
                found = _keep(w, found, name, condition)
            if condition.get("sort"):
                sorts.append((name, condition["sort"] == "DESC"))
    if w.switches.ecommerce_sort == "honoured":
        for name, descending in reversed(sorts):
            found = _sorted(w, found, name, descending=descending)
    every = w.switches.search_nulls
    return [
        None if every and place % every == every - 1 else document
        for place, document in enumerate(found)
    ][offset : offset + limit]


def _keep(
    w: World, found: list[dict[str, Any]], name: str, condition: dict[str, Any]
) -> list[dict[str, Any]]:
    operator, value = condition.get("filterOperator"), condition["value"]
    if operator is None:
        raise GraphQLError(f"Filter {name}: value needs filterOperator")
    is_number = name.endswith("Amount") or type(value) is int
    if is_number:
        if operator not in _NUMBERS:
            raise GraphQLError(f"Filter {name}: operator {operator} is not supported")
        return [
            row
            for row in found
            if row.get(name) is not None
            and _COMPARES[operator](Decimal(str(row[name])), Decimal(str(value)))
        ]
    if operator == "CONTAINS" and isinstance(value, str):
        if w.switches.text_filters == "ignored":
            return found
        return [row for row in found if value in _text(row.get(name))]
    if operator in _RANGES and isinstance(value, str) and w.switches.date_ranges != "refused":
        if w.switches.date_ranges == "ignored":
            return found
        return [row for row in found if row.get(name) and _COMPARES[operator](row[name], value)]
    if operator != "EQ":
        raise GraphQLError(f"Filter {name}: operator {operator} is not supported for this type")
    return [row for row in found if row.get(name) == value]


def _text(value: Any) -> str:
    return "\n".join(value) if isinstance(value, list) else str(value or "")


def _sorted(
    w: World, found: list[dict[str, Any]], name: str, *, descending: bool
) -> list[dict[str, Any]]:
    present = [row for row in found if row.get(name) is not None]
    absent = [row for row in found if row.get(name) is None]
    present.sort(key=lambda row: row[name], reverse=descending)
    return absent + present if w.switches.missing_dates_sort == "first" else present + absent
