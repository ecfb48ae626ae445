"""Writes products. ActiveCampaign changes only the columns that a request names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_activecampaign_unified.client import RequestError
from tap_activecampaign_unified.resources.commerce import products
from tap_activecampaign_unified.resources.commerce.graphql_selection import selection_of
from target_activecampaign.outcome import outcome_of

from .read_stored_records import READ_BATCH_SIZE, StoredDocuments
from .upserts import Mutation, finish_all, group_rows, send_all

if TYPE_CHECKING:
    from target_activecampaign.records.input_row import InputRow
    from target_activecampaign.sinks.sink_definition import Sink
    from target_activecampaign.sinks.write_context import WriteContext

MUTATION = Mutation(
    *("commerce_products", "bulkUpsertProducts", "products", "ProductInput"),
    *("storePrimaryId", "store_product_id"),
    is_patch=True,
)
STORED = StoredDocuments(
    "Product",
    "ProductInput",
    selection_of(products.PRODUCTS, ("id", "legacyConnectionId", "storePrimaryId")),
    lambda store, own: (
        "searchProduct(filter: {"
        f"legacyConnectionId: {{value: {store}, filterOperator: EQ}}, "
        f"storePrimaryId: {{value: {own}, filterOperator: EQ}}"
        "})"
    ),
)


def write_products(context: WriteContext, sink: Sink, rows: list[InputRow]) -> None:
    """Write the products of a batch. A column that a row does not name keeps its value.

    The target reads the products first only if the run can be undone.
    """
    upserts = group_rows(context, sink, MUTATION, rows)
    if context.write_client.recorder is None:
        send_all(context, MUTATION, upserts)
        return
    for at in range(0, len(upserts), READ_BATCH_SIZE):
        batch = upserts[at : at + READ_BATCH_SIZE]
        try:
            stored = STORED.read(context, [upsert.key for upsert in batch])
        except RequestError as problem:
            finish_all(context, batch, outcome_of(problem))
            continue
        for upsert in batch:
            upsert.before = stored.get(upsert.key)
            upsert.exists = upsert.before is not None
        send_all(context, MUTATION, batch)
