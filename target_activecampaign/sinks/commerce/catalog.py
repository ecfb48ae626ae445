"""Products, which ActiveCampaign patches, and subscriptions, which it only accepts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_activecampaign_unified.client import RequestError
from tap_activecampaign_unified.resources.commerce.searches import selection_of
from tap_activecampaign_unified.resources.commerce.subscriptions import SUBSCRIPTIONS
from target_activecampaign.outcome import outcome_of

from .new_contacts import send_for_contacts
from .reading import MOST_READ, StoredDocuments
from .upserts import Mutation, Upsert, finish_all, gather, send_all

if TYPE_CHECKING:
    from target_activecampaign.records.record import InputRecord
    from target_activecampaign.sinks.context import WriteContext
    from target_activecampaign.sinks.sink import Sink

PRODUCTS = Mutation(
    "bulkUpsertProducts", "products", "ProductInput", "storePrimaryId", "store_product_id"
)
PAYMENTS = Mutation(
    "bulkUpsertRecurringPayments",
    "recurringPayments",
    "RecurringPaymentInput",
    "storeRecurringPaymentId",
    "store_subscription_id",
    is_async=True,
)
STORED_PAYMENTS = StoredDocuments(
    "RecurringPayment",
    "RecurringPaymentInput",
    selection_of(SUBSCRIPTIONS, ("id", "legacyConnectionId", "storeRecurringPaymentId")),
    lambda store, own: (
        "searchRecurringPayment(filter: {"
        f"legacyConnectionId: {{value: {store}, filterOperator: EQ}}, "
        f"storeRecurringPaymentId: {{value: {own}, filterOperator: EQ}}"
        "})"
    ),
)


def write_products(context: WriteContext, sink: Sink, rows: list[InputRecord]) -> None:
    """Write the products of a batch: what a row does not name stays as it is."""
    send_all(context, PRODUCTS, gather(context, sink, PRODUCTS, rows))


def write_subscriptions(context: WriteContext, sink: Sink, rows: list[InputRecord]) -> None:
    """Write the subscriptions of a batch, completed by what the store has of them.

    The store may show an earlier write of this run some seconds later: then that write counts.
    """
    upserts = gather(context, sink, PAYMENTS, rows)
    for at in range(0, len(upserts), MOST_READ):
        part = upserts[at : at + MOST_READ]
        try:
            _write_part(context, part)
        except RequestError as problem:
            finish_all(context, [one for one in part if one.outcome is None], outcome_of(problem))


def _write_part(context: WriteContext, upserts: list[Upsert]) -> None:
    stored = STORED_PAYMENTS.read(context, [upsert.key for upsert in upserts])
    written = context.written_subscriptions
    for upsert in upserts:
        upsert.before = written.get(upsert.key) or stored.get(upsert.key)
        upsert.exists = upsert.before is not None
        upsert.document = {**(upsert.before or {}), **upsert.document}

    def remember(upsert: Upsert) -> None:
        written[upsert.key] = upsert.document

    send_for_contacts(context, PAYMENTS, upserts, remember)
