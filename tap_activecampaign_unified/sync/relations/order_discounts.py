"""Loads discounts of orders whose GraphQL order has none, with one request per order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_activecampaign_unified.client import Client, Page
from tap_activecampaign_unified.endpoints.relation import Relation
from tap_activecampaign_unified.resources.commerce.orders import ORDER_DISCOUNTS, has_discount

from .relation_loader import RelationLoader

if TYPE_CHECKING:
    from tap_activecampaign_unified.resources.resource import Row

    from .graphql_orders import GraphqlOrders

RELATION = Relation(
    ORDER_DISCOUNTS,
    "orderDiscounts",
    ("orderid", "ecomOrder"),
    "ecomOrders/{id}/orderDiscounts",
    has_collection=False,
    may_have=has_discount,
    other_keys=("ecomOrderDiscounts",),
)


class OrderDiscounts:
    """Requests the discounts of each order that has a discount and whose GraphQL order has none."""

    def __init__(self, client: Client, orders: GraphqlOrders) -> None:
        """Create the loader. ``orders`` must join each page before this loader."""
        self._loader = RelationLoader(client, RELATION, "ecomOrders", sideload=False)
        self._orders = orders

    def prefetch(self, page: Page) -> None:
        """Prefetch nothing, because the GraphQL store comes first."""

    def join(self, page: Page) -> dict[str, list[Row]]:
        """Return the discounts by the id of their order."""
        with_discounts = self._orders.with_discounts
        rows = [row for row in page.rows if str(row.get("id")) not in with_discounts]
        return self._loader.join(Page(rows, {}, page.total, page.date))
