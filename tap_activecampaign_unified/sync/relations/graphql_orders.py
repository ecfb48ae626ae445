"""Loads the GraphQL orders that complete a page of REST orders."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import (
    Client,
    InvalidRequest,
    NotFound,
    Page,
    PermissionDenied,
    RequestError,
)
from tap_activecampaign_unified.client.graphql.existing_columns import AdaptedSelection
from tap_activecampaign_unified.client.graphql.request import PATH, TooLarge, run_graphql
from tap_activecampaign_unified.resources.commerce import orders
from tap_activecampaign_unified.resources.commerce.graphql_selection import selection_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_activecampaign_unified.resources.resource import Row

logger = logging.getLogger(__name__)

Key = tuple[int, str]

# Columns that GraphQL lacks.
_REST_ONLY = ("id", "customer", "taxAmount", "abandonedDate", "createdDate", "updatedDate")
# The name of `discountsAmount` on some accounts.
_OTHER_DISCOUNT = "discountAmount"
MAX_PER_QUERY = 100


class GraphqlOrders:
    """Requests all orders of a page in one GraphQL query, or in smaller queries after a rejection.

    If the account rejects GraphQL, orders lack the columns of GraphQL, and the tap logs one
    warning. If the account rejects a column, orders lack that column.
    """

    collection = PATH

    def __init__(self, client: Client) -> None:
        self._client = client
        self._selection = AdaptedSelection(
            client, "Order", selection_of(orders.ORDERS, _REST_ONLY), [_OTHER_DISCOUNT]
        )
        self._max_per_query = MAX_PER_QUERY
        self._is_rejected = False
        #: Ids of the last page's REST orders whose discounts the GraphQL store has.
        self.with_discounts: set[str] = set()

    @property
    def is_complete(self) -> bool:
        """Whether the account accepted all queries so far."""
        return not self._is_rejected

    def prefetch(self, page: Page) -> None:
        """Prefetch nothing: the client does not prefetch POST requests."""

    def join(self, page: Page) -> dict[str, list[Row]]:
        """Return the GraphQL order by the id of the REST order."""
        key_by_id = {str(row.get("id")): key for row in page.rows if (key := _key_of(row))}
        related: dict[str, list[Row]] = {}
        ids = list(key_by_id)
        while ids and not self._is_rejected:
            batch, ids = ids[: self._max_per_query], ids[self._max_per_query :]
            try:
                graphql_orders = self._read([key_by_id[order_id] for order_id in batch])
            except InvalidRequest as problem:
                if self._reduce_query(problem, len(batch)):
                    ids = batch + ids
                    continue
                self._reject(problem)
                break
            except (PermissionDenied, NotFound) as problem:
                self._reject(problem)
                break
            for order_id, order in zip(batch, graphql_orders, strict=True):
                if order is not None:
                    related[order_id] = [order]
        self.with_discounts = {
            order_id
            for order_id, orders_of_id in related.items()
            if isinstance(orders_of_id[0].get("discounts"), list)
        }
        return related

    def _reduce_query(self, problem: InvalidRequest, count: int) -> bool:
        """Reduce the columns or the size of queries. Return False if neither can shrink."""
        if not isinstance(problem, TooLarge) and self._selection.adapt():
            return True
        if count <= 1:
            return False
        self._max_per_query = max(1, count // 2)
        return True

    def _reject(self, problem: RequestError) -> None:
        self._is_rejected = True
        logger.warning("%s: orders lack the columns that only the GraphQL store has", problem)

    def _read(self, keys: Sequence[Key]) -> list[Row | None]:
        numbers = range(len(keys))
        variables: dict[str, Any] = {}
        for number, (store, order) in enumerate(keys):
            variables |= {f"s{number}": store, f"o{number}": order}
        declared = ", ".join(f"$s{number}: Int, $o{number}: String" for number in numbers)
        fields = " ".join(
            f"a{number}: getOrder(legacyConnectionId: $s{number}, storeOrderId: $o{number}) "
            "{ ...Whole }"
            for number in numbers
        )
        columns = " ".join(self._selection.columns.values())
        document = f"query({declared}) {{ {fields} }} fragment Whole on Order {{ {columns} }}"
        data = run_graphql(self._client, document, variables)
        graphql_orders = [data.get(f"a{number}") for number in numbers]
        return [order if isinstance(order, dict) else None for order in graphql_orders]


def _key_of(row: Row) -> Key | None:
    """Return the key of an order in the GraphQL store, None for a cart."""
    store, order = str(row.get("connectionid")), row.get("externalid")
    if not (store.isascii() and store.isdecimal()) or not order:
        return None
    return int(store), str(order)
