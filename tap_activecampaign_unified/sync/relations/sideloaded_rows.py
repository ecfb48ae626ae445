"""Takes related rows from a page: stages, scores, and rows of a collection without pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_activecampaign_unified.client import Page, rows_of
from tap_activecampaign_unified.resources import shared_contact_fields

if TYPE_CHECKING:
    from tap_activecampaign_unified.resources.resource import Row
    from tap_activecampaign_unified.sync.lookups import Lookups


class PipelineStages:
    """The stages of each pipeline, from the page or else from the table of stages."""

    def __init__(self, lookups: Lookups) -> None:
        self._lookups = lookups

    def prefetch(self, page: Page) -> None:
        """Prefetch nothing, because the stages usually come with the page."""

    def join(self, page: Page) -> dict[str, list[Row]]:
        """Return the stages of the page's pipelines."""
        stages = page.body.get("dealStages")
        rows = [row for row in stages if isinstance(row, dict)] if isinstance(stages, list) else []
        listed = {str(stage) for row in page.rows for stage in row.get("stages") or ()}
        if listed - {str(row.get("id")) for row in rows} or (page.rows and stages is None):
            rows = [row for part in self._lookups.table("dealStages") for row in part.rows]
        by_pipeline: dict[str, list[Row]] = {}
        for row in rows:
            by_pipeline.setdefault(str(row.get("group")), []).append(row)
        return by_pipeline


class IncludedScores:
    """The scores that come with a page of contacts. In some accounts no page has any."""

    def prefetch(self, page: Page) -> None:
        """Prefetch nothing, because the rows come with the page."""

    def join(self, page: Page) -> dict[str, list[Row]]:
        """Return the scores by the id of their contact."""
        by_contact: dict[str, list[Row]] = {}
        for row in rows_of(page.body, shared_contact_fields.SCORE_VALUES):
            by_contact.setdefault(str(row.get("contact")), []).append(row)
        return by_contact


class SiblingRows:
    """Rows of a collection that only the pages of another collection include.

    They need not belong to a row of the page.
    """

    def __init__(self, key: str) -> None:
        """``key`` is the name of the rows in the page."""
        self._key = key
        self._seen: set[str] = set()

    def prefetch(self, page: Page) -> None:
        """Prefetch nothing, because the rows come with the page."""

    def join(self, page: Page) -> dict[str, list[Row]]:
        """Return the rows that are new in this run, all under the id of the page's first row."""
        new_rows = []
        for row in rows_of(page.body, self._key):
            native_id = str(row.get("id"))
            if native_id not in self._seen:
                self._seen.add(native_id)
                new_rows.append(row)
        return {str(page.rows[0].get("id")): new_rows} if page.rows and new_rows else {}
