"""Nests a record: columns get our names, flat columns become objects, text becomes arrays."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.resources.input_values import InvalidValue
from tap_activecampaign_unified.resources.input_values.arrays import parse_structure
from target_activecampaign.outcome import RowRejected
from target_activecampaign.records.clean_values import is_nothing, without_nulls

from .conflicts import columns_conflict, keys_conflict
from .matching import CUSTOM_FIELDS, UnknownColumn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .matching import ColumnTable, RecordColumn

Record = dict[str, Any]

ABSENT = "ActiveCampaign has no such field"


@dataclass(slots=True)
class NestedRecord:
    """A record under our names. Unknown columns stay in it, and ``unknown`` lists them.

    ``source`` is the record of the input. ``fields`` maps each of its columns to its field, and
    ``sources`` each field to its column.
    """

    record: Record
    source: Record
    fields: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    unknown: list[UnknownColumn] = field(default_factory=list)

    def source_value(self, name: str) -> Any:
        """Return the unchanged value of a field's column, else the value under our name."""
        column = self.sources.get(name)
        return self.record.get(name) if column is None else self.source[column]


def nest(table: ColumnTable, record: Record, delimiter: str | None = None) -> NestedRecord:
    """Return a record with its columns under our names and its objects and arrays read.

    Raises `RowRejected` if two columns name the same field, or if text begins like an array or an
    object and is neither.
    """
    layout = table.layout_of(tuple(record))
    nested: Record = {}
    unknown = list(layout.unknown)
    parts: dict[str, Record] = {}
    for name, column, key, structure, is_lost in layout.places:
        if structure is None:
            value = without_nulls(record[name])
        else:
            value = _read(table, structure, record[name], delimiter, unknown)
        if key is None:
            nested[column] = value
        else:
            parts.setdefault(column, {})[key] = value
        if is_lost and not is_nothing(value):
            unknown.append(UnknownColumn(name, problem=ABSENT))
    for head, keys in parts.items():
        nested[head] = _joined(head, nested.get(head), keys)
    return NestedRecord(nested, record, layout.fields, layout.sources, unknown)


def _joined(head: str, beside: Any, keys: Record) -> Any:
    """Return the object of the flat columns ``keys`` and of the column ``beside`` them."""
    is_empty = all(value is None for value in keys.values())
    if isinstance(beside, dict):
        doubles = sorted(
            key for key in keys if keys[key] is not None and beside.get(key) is not None
        )
        if doubles:
            raise columns_conflict(f"{head}.{doubles[0]}", head, f"{head}__{doubles[0]}")
        return beside | {key: value for key, value in keys.items() if key not in beside or value}
    if head == CUSTOM_FIELDS:
        return keys
    if is_empty:
        return beside
    if beside is not None:
        raise columns_conflict(head, head, f"{head}__{min(keys)}")
    return keys


def _read(
    table: ColumnTable,
    column: RecordColumn,
    value: Any,
    delimiter: str | None,
    unknown: list[UnknownColumn],
) -> Any:
    """Return an array or an object, also from text, with the keys of objects under our names."""
    if isinstance(value, str):
        try:
            value = parse_structure(value, delimiter if column.is_array else None)
        except InvalidValue as problem:
            raise RowRejected(f"{column.name}: {problem}") from None
    value = without_nulls(value)
    if not column.keys:
        return value
    if isinstance(value, list):
        has_objects = any(isinstance(item, dict) for item in value)
        return [_renamed(table, column, item, unknown) for item in value] if has_objects else value
    return _renamed(table, column, value, unknown)


def _renamed(
    table: ColumnTable, column: RecordColumn, value: Any, unknown: list[UnknownColumn]
) -> Any:
    """Return an object with its keys under our names; unknown keys stay."""
    if not isinstance(value, dict):
        return value
    renamed: Record = {}
    for name, part in value.items():
        key = table.key_of(column.name, name)
        if key is None:
            mark = "[]" if column.is_array else ""
            near = table.nearest_key(column.name, name)
            unknown.append(UnknownColumn(f"{column.name}{mark}.{name}", near))
            renamed.setdefault(name, part)
        elif renamed.get(key) is None:
            renamed[key] = part
        elif part is not None and part != renamed[key]:
            raise keys_conflict(f"{column.name}.{key}")
    return renamed
