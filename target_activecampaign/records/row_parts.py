"""The parts of a row: the ledger compares each part, and a sink writes or leaves out each part.

A part is a column, or a single tag, list, automation or custom field of a row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.resources.input_values.column_names import fold
from tap_activecampaign_unified.resources.input_values.numbers import plain_text

from .clean_values import is_nothing
from .columns.matching import CUSTOM_FIELDS, SEPARATOR
from .custom_field_values import MONEY_KEYS
from .ledger_key import plain_id
from .null_policy import is_written, written_values

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from tap_activecampaign_unified.resources.resource import Record

#: The prefix of the parts of a column.
PREFIXES = {
    "automations": "automation:",
    "leave_automations": "automation:",
    CUSTOM_FIELDS: f"{CUSTOM_FIELDS}.",
    "remove_tags": "tag:",
    "segments": "list:",
    "tags": "tag:",
}
#: The parts that the target may send without the other parts of their row.
_SEPARABLE = frozenset({"title", "owner"})
_SEPARABLE_ITEMS = (PREFIXES["segments"], PREFIXES["automations"])


def parts_of(
    record: Record,
    writable: Collection[str],
    *,
    clears: bool,
    mirrors: bool,
    enrols: bool = False,
) -> list[tuple[str, Any]]:
    """Return the parts of a row with their values.

    The value of an automation also depends on ``enrols``: when the setting begins to allow
    enrolments, automations that were left out count as changed.
    """
    parts: list[tuple[str, Any]] = []
    for name, value in record.items():
        is_part = name in writable or _is_bare_status(name, record, writable)
        if not is_part or not (mirrors or is_written(value, clears=clears)):
            continue
        if name == CUSTOM_FIELDS and isinstance(value, dict):
            written = written_values(value, clears=clears)
            parts += [(value_part(key), part) for key, part in written.items()]
        elif name in {"tags", "remove_tags"} and isinstance(value, list) and not mirrors:
            parts += [(item_part(name, item), name == "tags") for item in value]
        elif name == "segments" and isinstance(value, list):
            parts += [(item_part(name, item), _membership(item, record)) for item in value]
        elif name in {"automations", "leave_automations"} and isinstance(value, list):
            # Both columns have the same part: after a leave, a new entry is a change.
            enters = name == "automations"
            parts += [(item_part(name, item), [enters, enrols]) for item in value]
        else:
            parts.append((name, value))
            if name == "tags" and isinstance(value, list):
                # A mirror needs the whole array to remove tags. A sink may leave out a single tag.
                parts += [(item_part(name, item), True) for item in value]
    return parts


def _is_bare_status(name: str, record: Record, writable: Collection[str]) -> bool:
    """Return whether a column is a contact's list status that names no list."""
    return name == "status" and "segments" in writable and "segments" not in record


def value_part(name: str) -> str:
    """Return the part of a custom field."""
    return f"{CUSTOM_FIELDS}.{name.strip().lower()}"


def item_part(column: str, item: Any) -> str:
    """Return the part of an item in a column: of a tag, a list or an automation."""
    if isinstance(item, dict):
        item = plain_id("id", item.get("id")) or item.get("name") or ""
    return f"{PREFIXES[column]}{fold(plain_text(item))}"


def reference_part(column: str, ref: dict[str, str]) -> str:
    """Return the part of a reference that was read from an item of a column."""
    return f"{PREFIXES[column]}{fold(ref.get('id') or ref.get('name') or '')}"


def parts_within(part: str, parts: Iterable[str]) -> list[str]:
    """Return those of a row's ``parts`` that belong to a part.

    The items of a column belong to the column. Amount and currency belong to a custom field of
    money.
    """
    prefix = PREFIXES.get(part)
    money = {f"{part}{SEPARATOR}{key}" for key in MONEY_KEYS}
    return [
        other
        for other in parts
        if other == part or other in money or (prefix is not None and other.startswith(prefix))
    ]


def has_part(record: Record, part: str) -> bool:
    """Return whether a record has a value for a column or a custom field."""
    column, _, name = part.partition(".")
    values = record.get(column)
    if not name or not isinstance(values, dict):
        return not is_nothing(values)
    names = [value_part(key) for key, value in values.items() if not is_nothing(value)]
    return bool(parts_within(part, names))


def is_separable(part: str) -> bool:
    """Return whether the target may send a part without the other parts of its row."""
    return part in _SEPARABLE or part.startswith(_SEPARABLE_ITEMS)


def remainder_of(record: Record, parts: Collection[str], kept: Collection[str]) -> Record:
    """Return the ``parts`` of a record and its columns ``kept``, which identify its row."""
    remainder: Record = {}
    for name, value in record.items():
        if name in kept or name in parts:
            remainder[name] = value
        elif name == CUSTOM_FIELDS and isinstance(value, dict):
            remainder[name] = {key: part for key, part in value.items() if value_part(key) in parts}
        elif name in PREFIXES:
            # Keep an empty column: a status in a row without the column has another meaning.
            items = value if isinstance(value, list) else []
            remainder[name] = [item for item in items if item_part(name, item) in parts]
    return remainder


def _membership(item: Any, record: Record) -> Any:
    """Return a value that changes whenever the meaning of an item of `segments` changes.

    The status decides. Without a status, the names of the other facts in the item decide.
    """
    membership = item if isinstance(item, dict) else {}
    facts = sorted(membership.keys() - {"id", "name"})
    if not facts:
        return ["beside", record["status"]] if "status" in record else None
    status = membership.get("status")
    return status if not is_nothing(status) else ["no status", *facts]
