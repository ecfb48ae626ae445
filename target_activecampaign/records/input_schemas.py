"""Facts of the input's SCHEMA messages that the sinks need."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class InputSchemas:
    """Keys and types of the input's streams. The parser adds entries while it reads."""

    #: The key of each stream of which a row was read.
    key_properties: dict[str, list[str]] = field(default_factory=dict)
    #: JSON schemas of custom fields, by entity and folded name.
    field_hints: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
