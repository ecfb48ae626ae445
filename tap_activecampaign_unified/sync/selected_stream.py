"""The part of a selected stream that decides its requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tap_activecampaign_unified.bookmarks import Entry
    from tap_activecampaign_unified.resources.resource import Resource


class SelectedStream(Protocol):
    """The part of `UnifiedStream` that decides the requests of a selected stream."""

    @property
    def resource(self) -> Resource:
        """The stream's resource."""

    @property
    def entry(self) -> Entry:
        """The stream's state entry."""

    @property
    def is_full_table(self) -> bool:
        """Whether the stream emits every record and ignores its bookmark."""

    def wanted(self, name: str) -> bool:
        """Return whether a property is selected."""
