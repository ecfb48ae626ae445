"""Decides when requests per row have cost as much as a collection of unknown size would."""

from __future__ import annotations

from tap_activecampaign_unified.client import FULL_PAGE

LEAST = 20


class NestedBudget:
    """Estimates the pages of the collection from the related rows per parent row so far.

    So many requests per row may be sent, and at least `LEAST`.
    """

    def __init__(self) -> None:
        #: How many parent rows exist, as far as they were read.
        self.parents = 0
        self._sent = self._rows = 0

    def note(self, rows: int) -> None:
        """Note a request per row that returned so many related rows."""
        self._sent += 1
        self._rows += rows

    def allows(self, count: int) -> bool:
        """Return whether so many requests more cost less than the collection."""
        pages = self.parents * self._rows / max(1, self._sent) / FULL_PAGE
        return self._sent + count <= max(LEAST, pages)
