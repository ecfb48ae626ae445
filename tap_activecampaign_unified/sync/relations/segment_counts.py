"""How many contacts each saved segment has."""

from __future__ import annotations

import logging
from typing import Any

from tap_activecampaign_unified.client import Client, Page, RequestError, total_of
from tap_activecampaign_unified.endpoints.saved_segment_walk import contacts_of, is_honoured

logger = logging.getLogger(__name__)

Row = dict[str, Any]


class SegmentCounts:
    """Asks for the smallest page of each segment's contacts: it says how many there are."""

    def __init__(self, client: Client) -> None:
        """Ask nothing yet."""
        self._client = client

    def prefetch(self, page: Page) -> None:
        """Announce a request per segment."""
        for row in page.rows:
            self._client.prefetch("contacts", [("limit", 1), *contacts_of(str(row.get("id")))])

    def join(self, page: Page) -> dict[str, list[Row]]:
        """Return ``{total}`` by segment; none where the account does not say."""
        found: dict[str, list[Row]] = {}
        for row in page.rows:
            one = str(row.get("id"))
            try:
                answer = self._client.get("contacts", [("limit", 1), *contacts_of(one)])
            except RequestError as problem:
                logger.warning("%s: the count of a saved segment is left out", problem)
                continue
            if is_honoured(answer.body, one):
                found[one] = [{"total": total_of(answer.body)}]
        return found
