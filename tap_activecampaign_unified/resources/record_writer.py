"""Converts unified records to the native values that the target writes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .input_values import InvalidValue
from .resource import Attribute, Derived, Field, is_read_only

if TYPE_CHECKING:
    from .resource import Entry, Record, Resource, Row


@dataclass
class NativeWrite:
    """The native values of one record. ``native`` is the body of the row's own request.

    ``attributes`` are custom field values by personalization tag. ``links`` are unified values
    that need separate requests. ``custom_fields`` is the record's own object. ``nulls`` are the
    keys with a null: the caller decides whether to clear the value. ``ignored`` are keys that
    cannot be written. ``problems`` are (key, reason) pairs.
    """

    native: Row = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    links: dict[str, Any] = field(default_factory=dict)
    custom_fields: dict[str, Any] = field(default_factory=dict)
    nulls: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)


def write(resource: Resource, record: Record) -> NativeWrite:
    """Convert a record to native values. Absent keys are not written."""
    entries = {entry.unified: entry for entry in resource.entries}
    converted = NativeWrite()
    for key, value in record.items():
        entry = entries.get(key)
        if key == "custom_fields" and resource.custom_fields:
            if isinstance(value, dict):
                converted.custom_fields = value
            elif value is not None:
                converted.problems.append((key, "must be an object"))
        elif key in resource.keys:
            continue
        elif entry is None or isinstance(entry, Derived) or is_read_only(entry):
            converted.ignored.append(key)
        elif value is None:
            converted.nulls.append(key)
        else:
            _write_entry(entry, value, converted)
    return converted


def _write_entry(entry: Entry, value: Any, converted: NativeWrite) -> None:
    try:
        if isinstance(entry, Field):
            converted.native[entry.native] = entry.codec.encode(value)
        elif isinstance(entry, Attribute):
            converted.attributes.update(zip(entry.tags, entry.write(value), strict=True))
        else:
            converted.links[entry.unified] = value
    except InvalidValue as problem:
        converted.problems.append((entry.unified, str(problem)))
