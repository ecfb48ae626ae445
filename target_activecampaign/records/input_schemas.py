"""What the SCHEMA messages of the input say, for the code that writes its rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class InputSchemas:
    """What the parser learns of the input's streams; it adds to this while it reads."""

    #: The key of each stream that has had a row.
    key_properties: dict[str, list[str]] = field(default_factory=dict)
    #: JSON schemas of custom fields, by entity and folded name.
    field_hints: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
