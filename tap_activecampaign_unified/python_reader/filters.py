"""Filters and sort order of a query. The reader applies the filters to each record itself.

It compares texts without case and outer white space. This module sends no request.
"""

from __future__ import annotations

import datetime as dt
import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import ActiveCampaignError
from tap_activecampaign_unified.resources.custom_field_rows import CUSTOM_VALUES
from tap_activecampaign_unified.resources.input_values.column_names import fold
from tap_activecampaign_unified.resources.resource import Attribute, Derived, Linked, empty, nothing
from tap_activecampaign_unified.resources.time_codecs import instant_or_none

if TYPE_CHECKING:
    from tap_activecampaign_unified.resources.resource import Entry, Record, Resource

Test = Callable[[Any], bool]
Schema = Mapping[str, Any]

OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
#: An id as text: a number, or the UUID of a custom object's record.
ID = re.compile(r"(?=.*[0-9])[0-9A-Fa-f-]+")
EMAIL, CUSTOM = "email", "custom_fields"
#: Resources with one of these arrays of addresses also have ``email`` as a filter and sort key.
ADDRESSES = ("email_addresses", "emails")
# If the filter of an object is a text, it applies to the first of these properties of the object.
TEXT_PROPERTIES = ("name", EMAIL, "phone", "number", "url", "id")


class InvalidQuery(ActiveCampaignError):
    """The query names a resource, a filter or a page that does not exist."""


@dataclass(frozen=True)
class Filter:
    """One filter. ``field`` is the record's property, ``given`` the value that the caller passed.

    ``relation`` names the related rows that the filter needs, empty for none. ``bounds`` are the
    bounds of a time, by operator.
    """

    field: str
    given: Any
    matches: Test
    relation: str
    bounds: Mapping[str, dt.datetime]


@dataclass(frozen=True)
class Order:
    """A sort order of records."""

    field: str
    is_descending: bool

    def rank(self, record: Record) -> list[Any]:
        """Return a record's sort key. Null comes first."""
        value = record.get(self.field)
        if self.field == EMAIL and EMAIL not in record:
            value = _first_address(record)
        if isinstance(value, str):
            value = fold(value)
        return [0] if value is None else [1, value]


def _first_address(record: Record) -> str | None:
    entries = (entry for column in ADDRESSES for entry in record.get(column) or ())
    return next((str(entry[EMAIL]) for entry in entries if entry.get(EMAIL)), None)


# --- available filters ---------------------------------------------------------------------------


def _has_values(entry: Entry) -> bool:
    return not (isinstance(entry, Derived) and entry.read in {nothing, empty})


def filters_of(resource: Resource) -> list[str]:
    """Return the available filters: every property with a value in ActiveCampaign."""
    names = [entry.unified for entry in resource.entries if _has_values(entry)]
    if EMAIL not in names and set(ADDRESSES) & set(names):
        names.append(EMAIL)
    return sorted([*names, CUSTOM] if resource.custom_fields else names)


def sort_keys_of(resource: Resource) -> list[str]:
    """Return the sort keys: properties with a single value from the row itself."""
    if resource.relation is not None:
        return []
    joined = {name for _, names in resource.joins for name in names}
    schema = resource.schema()["properties"]
    names = [
        entry.unified
        for entry in resource.entries
        if _has_values(entry)
        and not isinstance(entry, (Linked, Attribute))
        and entry.unified not in joined
        and _kind_of(schema[entry.unified]) not in {"object", "array"}
    ]
    has_addresses = bool(set(ADDRESSES) & schema.keys())
    return sorted([*names, EMAIL] if has_addresses and EMAIL not in names else names)


def order_of(resource: Resource, sort_by: Any) -> Order | None:
    """Read ``sort_by``: ``{"created_at": "desc"}``, or only the name for ascending order."""
    if not sort_by:
        return None
    if isinstance(sort_by, str):
        sort_by = {sort_by: "asc"}
    if not isinstance(sort_by, Mapping) or len(sort_by) != 1:
        raise InvalidQuery('sort_by: must be one field and its direction: {"created_at": "desc"}')
    ((name, direction),) = sort_by.items()
    sort_keys = sort_keys_of(resource)
    if name not in sort_keys:
        hint = f"there are {', '.join(sort_keys)}" if sort_keys else "its order is fixed"
        raise InvalidQuery(f"{resource.name}: cannot be sorted by {name}; {hint}")
    if str(direction).lower() not in {"asc", "desc"}:
        raise InvalidQuery(f"sort_by: {name} must be asc or desc")
    return Order(name, str(direction).lower() == "desc")


def read_filters(
    resource: Resource, given: Mapping[str, Any], properties: Mapping[str, Schema]
) -> list[Filter]:
    """Read the filters of a query. ``properties`` is the schema with the custom fields."""
    names = filters_of(resource)
    unknown = sorted(set(given) - set(names))
    if unknown:
        raise InvalidQuery(
            f"{resource.name}: no such filter: {', '.join(unknown)}; there are {', '.join(names)}"
        )
    relations = {
        entry.unified: entry.relation if isinstance(entry, Linked) else CUSTOM_VALUES
        for entry in resource.entries
        if isinstance(entry, (Linked, Attribute))
    } | {CUSTOM: CUSTOM_VALUES}
    filters = []
    for name, value in given.items():
        field, wanted = name, value
        if name not in properties:  # an address in an array of addresses
            field = next(column for column in ADDRESSES if column in properties)
            wanted = None if value is None else {EMAIL: value}
        schema = properties[field]
        bounds = _bounds(name, value) if _kind_of(schema) == "date-time" else {}
        test = _test(name, schema, wanted)
        filters.append(Filter(field, wanted, test, relations.get(field, ""), bounds))
    return filters


# --- tests ---------------------------------------------------------------------------------------


def _kind_of(schema: Schema) -> str:
    if schema.get("format") in {"date-time", "date"}:
        return str(schema["format"])
    types = schema.get("type", "string")
    types = [types] if isinstance(types, str) else types
    return next((kind for kind in types if kind != "null"), "string")


def _test(name: str, schema: Schema, given: Any) -> Test:
    """Return the test of one value. If ``given`` is None, the value must be null or empty."""
    if given is None:
        return lambda value: value is None or value in ([], {}, "")
    kind = _kind_of(schema)
    if kind == "array":
        return _array_test(name, schema.get("items", {}), given)
    if kind == "object":
        return _object_test(name, schema.get("properties") or {}, given)
    if kind == "date-time":
        return _bounded(_bounds(name, given), instant_or_none)
    if kind == "date":
        days = {
            operation: _day(name, value) for operation, value in _operations(name, given).items()
        }
        return _bounded(days, lambda value: value)
    if kind in {"number", "integer"}:
        numbers = {
            operation: _number(name, value) for operation, value in _operations(name, given).items()
        }
        return _bounded(numbers, lambda value: value)
    if kind == "boolean":
        if not isinstance(given, bool):
            raise InvalidQuery(f"{name}: must be true or false")
        return lambda value: value is given
    if isinstance(given, bool) or not isinstance(given, (str, int)):
        raise InvalidQuery(f"{name}: must be text")
    wanted = fold(str(given))
    return lambda value: value is not None and fold(str(value)) == wanted


def _array_test(name: str, items: Schema, given: Any) -> Test:
    """Return the test of an array: it contains all values of the filter, in any order."""
    elements = given if isinstance(given, (list, tuple)) else [given]
    if not elements:
        return lambda value: not value
    tests = [
        _test(name, items, element if element is not None else {})
        for element in map(_active(name), elements)
    ]

    def matches(value: Any) -> bool:
        items_of_record = value if isinstance(value, list) else []
        return all(any(test(item) for item in items_of_record) for test in tests)

    return matches


def _active(name: str) -> Callable[[Any], Any]:
    """Return a function that adds the status ``active`` to a segment without a status."""

    def complete(item: Any) -> Any:
        if name != "segments" or item is None:
            return item
        fields = item if isinstance(item, Mapping) else {"name": item}
        return {"status": "active", **fields}

    return complete


def _object_test(name: str, parts: Mapping[str, Schema], given: Any) -> Test:
    if not isinstance(given, Mapping):
        default = next((word for word in TEXT_PROPERTIES if word in parts and name != CUSTOM), None)
        if default is None:
            raise InvalidQuery(f"{name}: must be an object with the values to find")
        if parts.keys() == {"id"} and isinstance(given, str) and not ID.fullmatch(given.strip()):
            raise InvalidQuery(f'{name}: has only an id; give the id, as text or {{"id": "7"}}')
        given = {default: given}
    unknown = sorted(map(str, given.keys() - parts.keys())) if parts else []
    if unknown:
        names = ", ".join(sorted(parts))
        raise InvalidQuery(f"{name}: holds no {', '.join(unknown)}; there are {names}")
    tests = {
        inner: _test(
            name if name == inner else f"{name}.{inner}",
            parts.get(inner) or _schema_like(value),
            value,
        )
        for inner, value in given.items()
    }

    def matches(value: Any) -> bool:
        return isinstance(value, dict) and all(
            test(value.get(inner)) for inner, test in tests.items()
        )

    return matches


def _schema_like(value: Any) -> Schema:
    return {"type": "boolean" if isinstance(value, bool) else "string"}


def _operations(name: str, given: Any) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        return {"eq": given}
    if not given:
        raise InvalidQuery(f"{name}: must be a value or a bound; there are {', '.join(OPERATORS)}")
    unknown = sorted(map(str, given.keys() - OPERATORS.keys()))
    if unknown:
        raise InvalidQuery(
            f"{name}: no such operator: {', '.join(unknown)}; there are {', '.join(OPERATORS)}"
        )
    return given


def _bounded(bounds: Mapping[str, Any], read: Callable[[Any], Any]) -> Test:
    tests = [(OPERATORS[name], bound) for name, bound in bounds.items()]

    def matches(value: Any) -> bool:
        comparable = None if value is None else read(value)
        return comparable is not None and all(test(comparable, bound) for test, bound in tests)

    return matches


def _bounds(name: str, given: Any) -> dict[str, dt.datetime]:
    if given is None:
        return {}
    return {
        operation: _moment(name, value) for operation, value in _operations(name, given).items()
    }


def _moment(name: str, value: Any) -> dt.datetime:
    """Parse a time. Without an offset it is UTC. A day means midnight."""
    if isinstance(value, dt.date):
        value = value.isoformat()
    moment = instant_or_none(value)
    if moment is None:
        raise InvalidQuery(f"{name}: must be a date or a date-time like 2026-01-31T00:00:00Z")
    return moment


def _day(name: str, value: Any) -> str:
    moment = instant_or_none(value.isoformat() if isinstance(value, dt.date) else value)
    if moment is None:
        raise InvalidQuery(f"{name}: must be a date like 2026-01-31")
    return moment.date().isoformat()


def _number(name: str, value: Any) -> Any:
    try:
        number = value if isinstance(value, int) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if isinstance(value, bool) or not abs(number) < math.inf:
        raise InvalidQuery(f"{name}: must be a number")
    return number
