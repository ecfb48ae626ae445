"""What a GraphQL query selects of a resource: the columns of its table only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_activecampaign_unified.resources.resource import Field

if TYPE_CHECKING:
    from tap_activecampaign_unified.resources.resource import Resource


def selection_of(resource: Resource, without: tuple[str, ...] = ()) -> dict[str, str]:
    """Return what a query selects of a resource's rows, by native column."""
    found: dict[str, str] = {}
    for entry in resource.entries:
        if isinstance(entry, Field) and entry.native not in without:
            inner = " ".join(entry.codec.columns)
            found[entry.native] = f"{entry.native} {{ {inner} }}" if inner else entry.native
    return found
