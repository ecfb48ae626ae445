"""Loads related rows that the endpoint table does not describe."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import (
    Client,
    NotFound,
    Page,
    PermissionDenied,
    RequestError,
    prefetch_walk,
    rows_of,
    total_of,
    walk_offset,
)
from tap_activecampaign_unified.endpoints.saved_segment_walk import FilterProof, contacts_of
from tap_activecampaign_unified.resources import shared_contact_fields
from tap_activecampaign_unified.resources.commerce.orders import GRAPHQL_ORDERS, ORDER_DISCOUNTS
from tap_activecampaign_unified.resources.crm.stages import DEAL_STAGES
from tap_activecampaign_unified.resources.directory.users import USER_GROUPS
from tap_activecampaign_unified.resources.marketing.saved_segments import SEGMENT_COUNTS

from .graphql_orders import GraphqlOrders
from .order_discounts import OrderDiscounts

if TYPE_CHECKING:
    from tap_activecampaign_unified.sync.lookups import Lookups

logger = logging.getLogger(__name__)

Row = dict[str, Any]
#: The relations of `special_loaders`.
SPECIAL = frozenset(
    {shared_contact_fields.SCORE_VALUES, USER_GROUPS, GRAPHQL_ORDERS}
    | {ORDER_DISCOUNTS, SEGMENT_COUNTS, DEAL_STAGES}
)


class GroupMembers:
    """The group of each user: a request per group, or per user if groups are not readable."""

    def __init__(self, client: Client, lookups: Lookups) -> None:
        self._client, self._lookups = client, lookups
        self._by_user: dict[str, list[Row]] | None = None

    def prefetch(self, page: Page) -> None:
        """Prefetch the groups and their members, at the first page with users."""
        if self._by_user is None and page.rows:
            self._lookups.prefetch_table("groups", self._prefetch_members)

    def _prefetch_members(self, groups: list[Row]) -> None:
        for group in groups:
            prefetch_walk(self._client, f"groups/{group.get('id')}/userGroups")

    def join(self, page: Page) -> dict[str, list[Row]]:
        """Return the memberships of the page's users."""
        ids = [str(row.get("id")) for row in page.rows]
        if self._by_user is None and ids:
            self._by_user = {}
            try:
                self._read_groups(self._by_user)
            except (PermissionDenied, NotFound) as problem:
                logger.info("%s: the tap sends one request per user instead", problem)
        by_user = self._by_user or {}
        for native_id in ids:
            if native_id not in by_user:
                self._client.prefetch(f"users/{native_id}/userGroup")
        return {
            native_id: by_user[native_id] if native_id in by_user else self._of_user(native_id)
            for native_id in ids
        }

    def _read_groups(self, by_user: dict[str, list[Row]]) -> None:
        for group in self._lookups.load_names({"groups"}).groups:
            path = f"groups/{group}/userGroups"
            for page in walk_offset(self._client, path, "userGroups", lean=True):
                for row in page.rows:
                    user = str(row.get("userid") or row.get("user"))
                    by_user.setdefault(user, []).append(row)

    def _of_user(self, user: str) -> list[Row]:
        try:
            body = self._client.get(f"users/{user}/userGroup").body
        except (PermissionDenied, NotFound):
            return []
        groups = body.get("userGroup") or body.get("userGroups")
        rows = groups if isinstance(groups, list) else [groups]
        return [row for row in rows if isinstance(row, dict)]


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
    """Rows of another kind in a page. They need not belong to a row of the page."""

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


def special_loaders(needed: set[str], client: Client, lookups: Lookups) -> dict[str, Any]:
    """Return the loaders of the ``needed`` relations that are in `SPECIAL`."""
    orders = GraphqlOrders(client)
    # `OrderDiscounts` joins after `GraphqlOrders`, because it needs the result.
    loaders: dict[str, Any] = {
        shared_contact_fields.SCORE_VALUES: IncludedScores(),
        USER_GROUPS: GroupMembers(client, lookups),
        DEAL_STAGES: PipelineStages(lookups),
        SEGMENT_COUNTS: SegmentCounts(client),
        GRAPHQL_ORDERS: orders,
        ORDER_DISCOUNTS: OrderDiscounts(client, orders),
    }
    return {name: loader for name, loader in loaders.items() if name in needed}
