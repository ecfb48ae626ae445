"""The content of a row in parts: the ledger compares them, and each is done or left out alone.

A part is a column, or one tag, list, automation or custom field of a row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.resources.parsing.names import fold
from tap_activecampaign_unified.resources.parsing.numbers import plain_text

from .clean import is_nothing
from .column_matching import CUSTOM_FIELDS, SEPARATOR
from .custom_field_values import MONEY_KEYS
from .record import plain_id

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from tap_activecampaign_unified.resources.resource import Record

#: What the parts of a column begin with.
PREFIXES = {
    "automations": "automation:",
    "leave_automations": "automation:",
    CUSTOM_FIELDS: f"{CUSTOM_FIELDS}.",
    "remove_tags": "tag:",
    "segments": "list:",
    "tags": "tag:",
}
#: The parts that go without the rest of their row where they alone changed.
_SEPARABLE = frozenset({"title", "owner"})
_SEPARABLE_ITEMS = (PREFIXES["segments"], PREFIXES["automations"])


def content_of(
    record: Record,
    writable: Collection[str],
    *,
    clears: bool,
    mirrors: bool,
    enrols: bool = False,
) -> list[tuple[str, Any]]:
    """Return the parts of a row with their values.

    An automation is another value once ``enrols`` allows it: what was left out is asked for then.
    """
    found: list[tuple[str, Any]] = []
    for name, value in record.items():
        is_written = name in writable or _is_bare_status(name, record, writable)
        if not is_written or (is_nothing(value) and not clears and not mirrors):
            continue
        if name == CUSTOM_FIELDS and isinstance(value, dict):
            found += [
                (value_part(key), part)
                for key, part in value.items()
                if clears or not is_nothing(part)
            ]
        elif name in {"tags", "remove_tags"} and isinstance(value, list) and not mirrors:
            found += [(item_part(name, item), name == "tags") for item in value]
        elif name == "segments" and isinstance(value, list):
            found += [(item_part(name, item), _membership(item, record)) for item in value]
        elif name in {"automations", "leave_automations"} and isinstance(value, list):
            # One path for both columns: after a leave, a new entry is a change.
            enters = name == "automations"
            found += [(item_part(name, item), [enters, enrols]) for item in value]
        else:
            found.append((name, value))
            if name == "tags" and isinstance(value, list):
                # The whole array decides what a mirror removes; each tag may be left out alone.
                found += [(item_part(name, item), True) for item in value]
    return found


def _is_bare_status(name: str, record: Record, writable: Collection[str]) -> bool:
    """Return whether a column is a contact's list status that names no list."""
    return name == "status" and "segments" in writable and "segments" not in record


def value_part(name: str) -> str:
    """Return the part that a custom field is."""
    return f"{CUSTOM_FIELDS}.{name.strip().lower()}"


def item_part(column: str, item: Any) -> str:
    """Return the part that one item of a column is: a tag, a list, an automation."""
    if isinstance(item, dict):
        item = plain_id("id", item.get("id")) or item.get("name") or ""
    return f"{PREFIXES[column]}{fold(plain_text(item))}"


def reference_part(column: str, ref: dict[str, str]) -> str:
    """Return the part that a reference read from an item of a column is."""
    return f"{PREFIXES[column]}{fold(ref.get('id') or ref.get('name') or '')}"


def paths_of(part: str, content: Iterable[str]) -> list[str]:
    """Return the parts of a row's ``content`` that a part stands for.

    A column stands for its items, and a custom field of money for its amount and its currency.
    """
    prefix = PREFIXES.get(part)
    money = {f"{part}{SEPARATOR}{key}" for key in MONEY_KEYS}
    return [
        path
        for path in content
        if path == part or path in money or (prefix is not None and path.startswith(prefix))
    ]


def has_part(record: Record, part: str) -> bool:
    """Return whether a record gives a column or a custom field."""
    column, _, name = part.partition(".")
    values = record.get(column)
    if not name or not isinstance(values, dict):
        return not is_nothing(values)
    names = [value_part(key) for key, value in values.items() if not is_nothing(value)]
    return bool(paths_of(part, names))


def is_separable(part: str) -> bool:
    """Return whether a part may go without the rest of its row."""
    return part in _SEPARABLE or part.startswith(_SEPARABLE_ITEMS)


def remainder_of(record: Record, left: Collection[str], kept: Collection[str]) -> Record:
    """Return the parts ``left`` of a record, and the columns that its row is found by."""
    found: Record = {}
    for name, value in record.items():
        if name in kept or name in left:
            found[name] = value
        elif name == CUSTOM_FIELDS and isinstance(value, dict):
            found[name] = {key: part for key, part in value.items() if value_part(key) in left}
        elif name in PREFIXES:
            # An empty column stays: a row with a status and without the column says something else.
            items = value if isinstance(value, list) else []
            found[name] = [item for item in items if item_part(name, item) in left]
    return found


def _membership(item: Any, record: Record) -> Any:
    """Return what decides about one list: its status, else what says that the status is missing."""
    given = item if isinstance(item, dict) else {}
    facts = sorted(given.keys() - {"id", "name"})
    if not facts:
        return ["beside", record["status"]] if "status" in record else None
    status = given.get("status")
    return status if not is_nothing(status) else ["no status", *facts]
