"""Selects the columns of a GraphQL query from the table of a resource."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_activecampaign_unified.resources.resource import Field

if TYPE_CHECKING:
    from tap_activecampaign_unified.resources.resource import Resource


def selection_of(resource: Resource, without: tuple[str, ...] = ()) -> dict[str, str]:
    """Return the selection of each native column of a resource, except columns in ``without``."""
    selection: dict[str, str] = {}
    for entry in resource.entries:
        if isinstance(entry, Field) and entry.native not in without:
            inner = " ".join(entry.codec.columns)
            selection[entry.native] = f"{entry.native} {{ {inner} }}" if inner else entry.native
    return selection
