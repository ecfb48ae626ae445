"""Writes subscriptions. ActiveCampaign replaces the whole record and does not confirm the write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_activecampaign_unified.client import RequestError
from tap_activecampaign_unified.resources.commerce.graphql_selection import selection_of
from tap_activecampaign_unified.resources.commerce.subscriptions import SUBSCRIPTIONS

from .new_contacts import send_for_contacts
from .read_stored_records import READ_BATCH_SIZE, StoredDocuments
from .upserts import Mutation, Upsert, fail_unfinished, group_rows

if TYPE_CHECKING:
    from target_activecampaign.records.input_row import InputRow
    from target_activecampaign.sinks.sink_definition import Sink
    from target_activecampaign.sinks.write_context import WriteContext

MUTATION = Mutation(
    "commerce_subscriptions",
    "bulkUpsertRecurringPayments",
    "recurringPayments",
    "RecurringPaymentInput",
    "storeRecurringPaymentId",
    "store_subscription_id",
    is_async=True,
)
STORED = StoredDocuments(
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


def write_subscriptions(context: WriteContext, sink: Sink, rows: list[InputRow]) -> None:
    """Write the subscriptions of a batch, completed by their stored columns.

    The store may show a write some seconds late. Columns that this run wrote before therefore take
    precedence.
    """
    upserts = group_rows(context, sink, MUTATION, rows)
    for at in range(0, len(upserts), READ_BATCH_SIZE):
        batch = upserts[at : at + READ_BATCH_SIZE]
        try:
            _write_part(context, batch)
        except RequestError as problem:
            fail_unfinished(context, batch, problem)


def _write_part(context: WriteContext, upserts: list[Upsert]) -> None:
    context.last_write.wait_before_read()
    stored = STORED.read(context, [upsert.key for upsert in upserts])
    written = context.written_subscriptions
    for upsert in upserts:
        upsert.before = written.get(upsert.key) or stored.get(upsert.key)
        upsert.exists = upsert.before is not None
        upsert.document = {**(upsert.before or {}), **upsert.document}

    def remember(upsert: Upsert) -> None:
        written[upsert.key] = upsert.document

    context.last_write.note()
    send_for_contacts(context, MUTATION, upserts, remember)
