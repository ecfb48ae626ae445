"""Makes the loaders of relations that the endpoint table cannot describe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_activecampaign_unified.resources import shared_contact_fields
from tap_activecampaign_unified.resources.commerce.orders import GRAPHQL_ORDERS, ORDER_DISCOUNTS
from tap_activecampaign_unified.resources.crm.stages import DEAL_STAGES
from tap_activecampaign_unified.resources.directory.users import USER_GROUPS
from tap_activecampaign_unified.resources.marketing.saved_segments import SEGMENT_COUNTS

from .graphql_orders import GraphqlOrders
from .group_members import GroupMembers
from .order_discounts import OrderDiscounts
from .segment_counts import SegmentCounts
from .sideloaded_rows import IncludedScores, PipelineStages

if TYPE_CHECKING:
    from tap_activecampaign_unified.client import Client
    from tap_activecampaign_unified.sync.lookups import Lookups

    from .loader import Loader

#: The relations of `special_loaders`.
SPECIAL = frozenset(
    {shared_contact_fields.SCORE_VALUES, USER_GROUPS, GRAPHQL_ORDERS}
    | {ORDER_DISCOUNTS, SEGMENT_COUNTS, DEAL_STAGES}
)


def special_loaders(needed: set[str], client: Client, lookups: Lookups) -> dict[str, Loader]:
    """Return the loaders of the ``needed`` relations that are in `SPECIAL`."""
    orders = GraphqlOrders(client)
    # `OrderDiscounts` joins after `GraphqlOrders`, because it needs the result.
    loaders: dict[str, Loader] = {
        shared_contact_fields.SCORE_VALUES: IncludedScores(),
        USER_GROUPS: GroupMembers(client, lookups),
        DEAL_STAGES: PipelineStages(lookups),
        SEGMENT_COUNTS: SegmentCounts(client),
        GRAPHQL_ORDERS: orders,
        ORDER_DISCOUNTS: OrderDiscounts(client, orders),
    }
    return {name: loader for name, loader in loaders.items() if name in needed}
