"""Loads the number of members of each saved segment, with one request per segment."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from tap_activecampaign_unified.client import Client, Page, RequestError, total_of
from tap_activecampaign_unified.endpoints.saved_segment_walk import FilterProof, contacts_of

if TYPE_CHECKING:
    from tap_activecampaign_unified.resources.resource import Row

logger = logging.getLogger(__name__)


class SegmentCounts:
    """Counts each segment's contacts by the total of the smallest page."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._proof = FilterProof(client)

    def prefetch(self, page: Page) -> None:
        """Prefetch one request per segment."""
        for row in page.rows:
            self._client.prefetch("contacts", [("limit", 1), *contacts_of(str(row.get("id")))])

    def join(self, page: Page) -> dict[str, list[Row]]:
        """Return ``[{"total": …}]`` by segment id. Omit segments without a total."""
        related: dict[str, list[Row]] = {}
        for row in page.rows:
            segment_id = str(row.get("id"))
            try:
                response = self._client.get("contacts", [("limit", 1), *contacts_of(segment_id)])
                is_filtered = self._proof.shows_filter(response.body, segment_id)
            except RequestError as problem:
                logger.warning("%s: the tap leaves out the count of a saved segment", problem)
                continue
            if is_filtered:
                related[segment_id] = [{"total": total_of(response.body)}]
        return related
