"""Products: ActiveCampaign changes only the columns that a request names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .upserts import Mutation, group_rows, send_all

if TYPE_CHECKING:
    from target_activecampaign.records.record import InputRecord
    from target_activecampaign.sinks.context import WriteContext
    from target_activecampaign.sinks.sink import Sink

PRODUCTS = Mutation(
    "bulkUpsertProducts", "products", "ProductInput", "storePrimaryId", "store_product_id"
)


def write_products(context: WriteContext, sink: Sink, rows: list[InputRecord]) -> None:
    """Write the products of a batch; a column that a row does not name keeps its value."""
    send_all(context, PRODUCTS, group_rows(context, sink, PRODUCTS, rows))
