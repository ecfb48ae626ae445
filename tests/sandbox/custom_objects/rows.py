"""Rows of the tables of custom objects; instants are whole milliseconds UTC."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class CustomSchema:
    """The definition of a custom object, as its document; `appId` marks a provider's."""

    uuid: str
    slug: str
    created: int
    updated: int
    document: dict[str, Any] = field(default_factory=dict)
    appId: str | None = None
    id: int = 0


@dataclass(slots=True)
class CustomRecord:
    """A record; `seen` is the document that reads show, which is older than `document`."""

    schema: int
    uuid: str
    externalId: str | None
    created: int
    document: dict[str, Any] = field(default_factory=dict)
    seen: dict[str, Any] | None = None
    id: int = 0
