"""Decides when the tap stops requesting related rows per parent row.

Then it reads the whole collection. `NestedRequestLimit` estimates the size of the collection.
"""

from __future__ import annotations

from tap_activecampaign_unified.client import FULL_PAGE

MIN_REQUESTS = 20


class NestedRequestLimit:
    """Estimates the pages of a collection from the related rows per parent row so far.

    It allows as many requests per row as the collection has pages, and at least `MIN_REQUESTS`.
    """

    def __init__(self) -> None:
        #: The number of parent rows so far.
        self.parents = 0
        self._sent = self._rows = 0

    def note(self, rows: int) -> None:
        """Note a request for one parent row, which returned so many related rows."""
        self._sent += 1
        self._rows += rows

    def allows(self, count: int) -> bool:
        """Return whether ``count`` more requests cost less than the collection."""
        pages = self.parents * self._rows / max(1, self._sent) / FULL_PAGE
        return self._sent + count <= max(MIN_REQUESTS, pages)
