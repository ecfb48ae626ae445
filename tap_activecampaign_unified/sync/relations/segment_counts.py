"""Loads how many contacts each saved segment has."""

from __future__ import annotations

import logging
from typing import Any

from tap_activecampaign_unified.client import Client, Page, RequestError, total_of
from tap_activecampaign_unified.endpoints.saved_segment_walk import FilterProof, contacts_of

logger = logging.getLogger(__name__)

Row = dict[str, Any]


class SegmentCounts:
    """Requests the smallest page of each segment's contacts, which contains the total."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._proof = FilterProof(client)

    def prefetch(self, page: Page) -> None:
        """Prefetch one request per segment."""
        for row in page.rows:
            self._client.prefetch("contacts", [("limit", 1), *contacts_of(str(row.get("id")))])

    def join(self, page: Page) -> dict[str, list[Row]]:
        """Return ``[{"total": …}]`` by segment id, without segments whose total is unknown."""
        found: dict[str, list[Row]] = {}
        for row in page.rows:
            one = str(row.get("id"))
            try:
                answer = self._client.get("contacts", [("limit", 1), *contacts_of(one)])
                is_honoured = self._proof.is_honoured(answer.body, one)
            except RequestError as problem:
                logger.warning("%s: the tap leaves out the count of a saved segment", problem)
                continue
            if is_honoured:
                found[one] = [{"total": total_of(answer.body)}]
        return found
