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
from tap_activecampaign_unified.client.graphql import PATH, TooLarge, run_graphql
from tap_activecampaign_unified.client.pagination.graphql_walk import fields_of
from tap_activecampaign_unified.resources.commerce import orders
from tap_activecampaign_unified.resources.commerce.graphql_selection import selection_of

if TYPE_CHECKING:
    from collections.abc import Sequence

logger = logging.getLogger(__name__)

Row = dict[str, Any]
Key = tuple[int, str]

# Columns that GraphQL does not have.
_REST_ONLY = ("id", "customer", "taxAmount", "abandonedDate", "createdDate", "updatedDate")
_OTHER_DISCOUNT = "discountAmount"
MAX_PER_QUERY = 100


class GraphqlOrders:
    """Requests all orders of a page in one GraphQL query, or in smaller ones if it is rejected.

    If the account rejects GraphQL, orders lack the columns that only GraphQL has, and the tap logs
    one warning. If the account rejects a column, orders lack that column.
    """

    collection = PATH

    def __init__(self, client: Client) -> None:
        self._client = client
        self._selection = selection_of(orders.ORDERS, _REST_ONLY)
        self._most = MAX_PER_QUERY
        self._is_adapted = self._is_closed = False
        #: The ids of the last page's REST orders of which the GraphQL store has the discounts.
        self.with_discounts: set[str] = set()

    @property
    def is_whole(self) -> bool:
        """Whether the account answered for every order."""
        return not self._is_closed

    def prefetch(self, page: Page) -> None:
        """Prefetch nothing: the client does not prefetch POST requests."""

    def join(self, page: Page) -> dict[str, list[Row]]:
        """Return the GraphQL order by the id of the REST order."""
        wanted = {str(row.get("id")): key for row in page.rows if (key := _key_of(row))}
        found: dict[str, list[Row]] = {}
        ids = list(wanted)
        while ids and not self._is_closed:
            now, ids = ids[: self._most], ids[self._most :]
            try:
                answers = self._read([wanted[order_id] for order_id in now])
            except InvalidRequest as problem:
                if self._reduce_query(problem, len(now)):
                    ids = now + ids
                    continue
                self._close(problem)
                break
            except (PermissionDenied, NotFound) as problem:
                self._close(problem)
                break
            for order_id, answer in zip(now, answers, strict=True):
                if answer is not None:
                    found[order_id] = [answer]
        self.with_discounts = {
            order_id
            for order_id, (order,) in found.items()
            if isinstance(order.get("discounts"), list)
        }
        return found

    def _reduce_query(self, problem: InvalidRequest, count: int) -> bool:
        """Reduce the query. Return False if nothing is left to reduce."""
        if not isinstance(problem, TooLarge) and self._adapt():
            return True
        if count <= 1:
            return False
        self._most = max(1, count // 2)
        return True

    def _close(self, problem: RequestError) -> None:
        self._is_closed = True
        logger.warning("%s: orders lack the columns that only the GraphQL store has", problem)

    def _adapt(self) -> bool:
        if self._is_adapted:
            return False
        self._is_adapted = True
        known = fields_of(self._client, "Order")
        every = {**self._selection, _OTHER_DISCOUNT: _OTHER_DISCOUNT}
        kept = {name: text for name, text in every.items() if name in known}
        is_new = bool(kept) and kept != self._selection
        self._selection = kept or self._selection
        return is_new

    def _read(self, keys: Sequence[Key]) -> list[Row | None]:
        places = range(len(keys))
        variables: dict[str, Any] = {}
        for place, (store, order) in enumerate(keys):
            variables |= {f"s{place}": store, f"o{place}": order}
        declared = ", ".join(f"$s{place}: Int, $o{place}: String" for place in places)
        fields = " ".join(
            f"a{place}: getOrder(legacyConnectionId: $s{place}, storeOrderId: $o{place}) "
            "{ ...Whole }"
            for place in places
        )
        columns = " ".join(self._selection.values())
        document = f"query({declared}) {{ {fields} }} fragment Whole on Order {{ {columns} }}"
        data = run_graphql(self._client, document, variables)
        answers = [data.get(f"a{place}") for place in places]
        return [answer if isinstance(answer, dict) else None for answer in answers]


def _key_of(row: Row) -> Key | None:
    """Return the key of an order in the GraphQL store, None for a cart."""
    store, order = str(row.get("connectionid")), row.get("externalid")
    if not (store.isascii() and store.isdecimal()) or not order:
        return None
    return int(store), str(order)
