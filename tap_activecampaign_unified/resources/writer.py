"""The way back: what a record asks to be written, by the table it was read with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .parsing import InvalidValue
from .resource import Attribute, Derived, Field, is_read_only

if TYPE_CHECKING:
    from .resource import Entry, Record, Resource, Row


@dataclass
class NativeWrite:
    """What a record asks to be written: ``native`` for the row's own call, the rest by name.

    ``attributes`` are custom-field values by personalization tag, ``links`` unified values that
    need calls of their own, ``custom_fields`` as the record gave them. ``nulls`` names keys that
    were present and null: whether they clear is the caller's policy. ``ignored`` names keys that
    cannot be written, ``problems`` (key, reason) pairs.
    """

    native: Row = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    links: dict[str, Any] = field(default_factory=dict)
    custom_fields: dict[str, Any] = field(default_factory=dict)
    nulls: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)


def write(resource: Resource, record: Record) -> NativeWrite:
    """Turn a record into what ActiveCampaign is to be told; absent keys are not mentioned."""
    entries = {entry.unified: entry for entry in resource.entries}
    fragment = NativeWrite()
    for key, value in record.items():
        entry = entries.get(key)
        if key == "custom_fields" and resource.custom_fields:
            if isinstance(value, dict):
                fragment.custom_fields = value
            elif value is not None:
                fragment.problems.append((key, "must be an object"))
        elif key in resource.keys:
            continue
        elif entry is None or isinstance(entry, Derived) or is_read_only(entry):
            fragment.ignored.append(key)
        elif value is None:
            fragment.nulls.append(key)
        else:
            _write_entry(entry, value, fragment)
    return fragment


def _write_entry(entry: Entry, value: Any, fragment: NativeWrite) -> None:
    try:
        if isinstance(entry, Field):
            fragment.native[entry.native] = entry.codec.encode(value)
        elif isinstance(entry, Attribute):
            fragment.attributes.update(zip(entry.tags, entry.write(value), strict=True))
        else:
            fragment.links[entry.unified] = value
    except InvalidValue as problem:
        fragment.problems.append((entry.unified, str(problem)))
