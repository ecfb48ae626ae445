"""Writes orders with their lines. Columns that a row does not name keep their values.

`upserts.py` sends orders by GraphQL. `skipped_carts.py` skips abandoned carts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.client import RequestError
from tap_activecampaign_unified.resources.commerce import orders
from tap_activecampaign_unified.resources.commerce.graphql_selection import selection_of
from tap_activecampaign_unified.resources.resource import Field
from target_activecampaign.outcome import (
    Action,
    Outcome,
    RowDeferred,
    RowError,
    RowRejected,
    join_reasons,
    outcome_of,
)
from target_activecampaign.records.clean_values import is_nothing
from target_activecampaign.records.convert_record import convert_record
from target_activecampaign.records.skip_marked_rows import skip_flagged

from .new_contacts import send_for_contacts
from .order_consent import check_consent
from .read_stored_records import READ_BATCH_SIZE, StoredDocuments
from .skipped_carts import skip_cart
from .store_lookup import store_of
from .upserts import Mutation, Upsert, document_key, fail_unfinished, finish_all, group_rows

if TYPE_CHECKING:
    from target_activecampaign.records.input_row import InputRow
    from target_activecampaign.sinks.sink_definition import Sink
    from target_activecampaign.sinks.write_context import WriteContext

    Document = dict[str, Any]

MUTATION = Mutation(
    *("commerce_orders", "bulkUpsertOrders", "orders", "OrderInput"),
    *("storeOrderId", "store_order_id"),
)
HISTORICAL, REAL_TIME = "HISTORICAL", "REAL_TIME"
# The columns that a new order needs, by unified name, with their native names.
REQUIRED = {
    "contact": "email",
    "currency": "currency",
    "total_amount": "finalAmount",
    "store_created_at": "storeCreatedDate",
}
ORDER_GONE = "the account does not show this order any more; the next run sends the whole row"
WRITTEN_AS_HISTORICAL = "creation_source: written as historical"
STARTS_AUTOMATIONS = "a real-time order, which starts automations"
# Columns of a REST row that the GraphQL store does not have.
_REST_ONLY = (
    *("id", "customer", "taxAmount", "abandonedDate", "createdDate", "updatedDate"),
    *("legacyConnectionId", "storeOrderId"),
)
NO_ORDER = "store_order_id: its order is not in this input and not in the account"

STORED = StoredDocuments(
    "Order",
    "OrderInput",
    selection_of(orders.ORDERS, _REST_ONLY),
    lambda store, own: f"getOrder(legacyConnectionId: {store}, storeOrderId: {own})",
    # ActiveCampaign's documentation has both names.
    (("discountsAmount", "discountAmount"),),
    is_search=False,
)


def write_orders(context: WriteContext, sink: Sink, rows: list[InputRow]) -> None:
    """Write the orders of a batch."""
    upserts = group_rows(context, sink, MUTATION, rows)
    for at in range(0, len(upserts), READ_BATCH_SIZE):
        _write_part(context, sink, upserts[at : at + READ_BATCH_SIZE])
    for upsert in upserts:
        if upsert.outcome is not None and not upsert.is_written:
            context.unwritten_orders[upsert.key] = upsert.outcome


def _write_part(context: WriteContext, sink: Sink, upserts: list[Upsert]) -> None:
    try:
        stored = STORED.read(context, [upsert.key for upsert in upserts])
        ready = [upsert for upsert in upserts if _complete(context, upsert, stored.get(upsert.key))]
        check_consent(context, ready)
        ready = [upsert for upsert in ready if not _is_still_undone(context, sink, upsert)]
        send_for_contacts(context, MUTATION, ready)
    except RequestError as problem:
        fail_unfinished(context, upserts, problem)


def _complete(context: WriteContext, upsert: Upsert, stored: Document | None) -> bool:
    """Complete an order by its stored columns; return False for a row that gets its result here."""
    document, upsert.before = upsert.document, stored
    missing = [name for name, native in REQUIRED.items() if is_nothing(document.get(native))]
    is_partial = bool(missing)
    wants_automations = document.get("creationSource") == REAL_TIME
    upsert.exists = stored is not None
    whole = {**(stored or {}), **document}
    if stored is None and upsert.is_remainder:
        for row in upsert.rows:
            context.ledger.forget(row.ledger_key)
        finish_all(
            context, [upsert], Outcome(Action.SKIPPED, reason=ORDER_GONE, confirms_row=False)
        )
        return False
    if stored is None and missing:
        reason = f"{missing[0]}: a new order needs it ({', '.join(missing)} missing)"
        finish_all(context, [upsert], Outcome(Action.REJECTED, reason=reason, confirms_row=False))
        return False
    policy = context.policy
    # Orders of another account have started their automations there already.
    may_start = policy.run_automations and not policy.is_foreign
    starts = wants_automations and not is_partial and may_start
    if wants_automations and not starts:
        upsert.left_out["creation_source"] = WRITTEN_AS_HISTORICAL
    if starts:
        upsert.remarks.append(STARTS_AUTOMATIONS)
        if context.policy.dry_run:
            context.plan.gain("a real-time order", upsert.key)
    whole["creationSource"] = REAL_TIME if starts else HISTORICAL
    whole.setdefault("orderNumber", upsert.key[1])
    _drop_unknown_columns(context, upsert, whole)
    upsert.document = whole
    return True


def _drop_unknown_columns(context: WriteContext, upsert: Upsert, document: Document) -> None:
    """Remove columns that the account does not have, and add a reason for each."""
    columns = {
        entry.native: entry.unified for entry in orders.ORDERS.entries if isinstance(entry, Field)
    }
    for native in STORED.drop_unknown_columns(context, document):
        if native in upsert.document:
            name = columns[native]
            upsert.left_out[name] = f"{name}: left out, the account has no such column"


def _is_still_undone(context: WriteContext, sink: Sink, upsert: Upsert) -> bool:
    """Finish an order if all its remaining columns are left out again."""
    names = {name for row in upsert.rows for name, value in row.record.items() if value is not None}
    is_done = names - sink.kept <= upsert.left_out.keys() | {"creation_source"}
    if not upsert.is_remainder or not is_done:
        return False
    outcome = Outcome(
        Action.SKIPPED if upsert.left_out else Action.UNCHANGED,
        reason=join_reasons([*upsert.left_out.values(), *sorted(upsert.denied)]),
        denied=frozenset(upsert.denied),
        parts_to_resend=frozenset(upsert.left_out),
    )
    finish_all(context, [upsert], outcome)
    return True


# --- rows of order lines -------------------------------------------------------------------------


def write_lines(context: WriteContext, sink: Sink, rows: list[InputRow]) -> None:
    """Group the rows of lines by their orders, and write each order with all its lines."""
    grouped: dict[tuple[int, str], list[tuple[InputRow, Document]]] = {}
    for row in rows:
        try:
            key, line = _line_of(context, sink, row)
            row.document_key = document_key(key)
        except RowDeferred as wait:
            context.finisher.defer(row, wait)
        except RowError as problem:
            context.finisher.finish(row, problem.outcome())
        else:
            grouped.setdefault(key, []).append((row, line))
    keys = list(grouped)
    for at in range(0, len(keys), READ_BATCH_SIZE):
        batch = [(key, grouped[key]) for key in keys[at : at + READ_BATCH_SIZE]]
        try:
            stored = STORED.read(context, [key for key, _ in batch])
        except RequestError as problem:
            waiting = [Upsert(key, [row for row, _ in lines], {}) for key, lines in batch]
            finish_all(context, waiting, outcome_of(problem))
        else:
            _write_groups(context, batch, stored)


def _write_groups(
    context: WriteContext,
    grouped: list[tuple[tuple[int, str], list[tuple[InputRow, Document]]]],
    stored: dict[tuple[int, str], Document],
) -> None:
    upserts = []
    for key, lines in grouped:
        if key in stored:
            upserts.append(_with_lines(key, lines, stored[key]))
            continue
        for row, _ in lines:
            if key in context.unwritten_orders:
                _finish_like_order(context, row, context.unwritten_orders[key])
            else:
                context.finisher.defer(row, RowDeferred(NO_ORDER, "order"))
    try:
        check_consent(context, upserts)
        send_for_contacts(context, MUTATION, upserts)
    except RequestError as problem:
        fail_unfinished(context, upserts, problem)


def _finish_like_order(context: WriteContext, row: InputRow, order: Outcome) -> None:
    """Give a line the result of its order, which was not written."""
    reason = order.reason
    if order.action is Action.REJECTED:
        reason = "store_order_id: the row of its order was rejected"
    context.finisher.finish(
        row,
        Outcome(order.action, None, reason, confirms_row=False, blocks_state=order.blocks_state),
    )


def _line_of(context: WriteContext, sink: Sink, row: InputRow) -> tuple[tuple[int, str], Document]:
    skip_flagged(row.record, sink.resource)
    written = convert_record(sink.resource, row.record)
    order_id = written.native.pop("storeOrderId", None)
    skip_cart(row, order_id)
    if is_nothing(order_id):
        raise RowRejected("store_order_id: missing; it says which order the line belongs to")
    written.native.pop("legacyConnectionId", None)
    return (store_of(context, row), str(order_id)), written.native


def _with_lines(
    key: tuple[int, str], rows: list[tuple[InputRow, Document]], stored: Document
) -> Upsert:
    """Return an order with its lines. A row replaces the line that it names."""
    lines = list(stored.get("lineItems") or [])
    for _, line in rows:
        places = [at for at, other in enumerate(lines) if _is_same_line(line, other)]
        if places:
            lines[places[0]] = {**lines[places[0]], **line}
        else:
            lines.append(line)
    identity = {"legacyConnectionId": key[0], "storeOrderId": key[1]}
    document = {**stored, **identity, "lineItems": lines, "creationSource": HISTORICAL}
    return Upsert(key, [row for row, _ in rows], document, exists=True, before=stored)


def _is_same_line(line: Document, other: Document) -> bool:
    """Return whether two lines of an order have the same id, or no id and the same product.

    A line with an id never is the same as a line without.
    """
    if line.get("storeLineItemId") or other.get("storeLineItemId"):
        return line.get("storeLineItemId") == other.get("storeLineItemId")
    columns = ("productStorePrimaryId", "storeBaseProductId", "sku", "name")
    return all(line.get(name) == other.get(name) for name in columns)
