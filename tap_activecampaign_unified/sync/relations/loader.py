"""The interface of all loaders of related rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tap_activecampaign_unified.client import Page
    from tap_activecampaign_unified.resources.resource import Row


class Loader(Protocol):
    """Loads the rows of one relation, page by page of the parent rows."""

    def prefetch(self, page: Page) -> None:
        """Prefetch the first requests of `join` for a page."""

    def join(self, page: Page) -> dict[str, list[Row]]:
        """Return the related rows by the id of their parent row."""
