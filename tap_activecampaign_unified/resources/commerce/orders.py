"""Orders and their lines: rows of the REST store, completed by the GraphQL store.

The REST store has every order, with amounts in cents. The GraphQL store lacks the orders that were
written by REST. It adds addresses, notes, statuses and the store's dates, with amounts in major
units. `from_rest` converts a REST row to GraphQL's columns, so that one table reads both stores and
writes orders.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.resources.amount_codecs import (
    currency,
    decode_cents,
    decode_currency,
    encode_currency,
)
from tap_activecampaign_unified.resources.codecs import Codec, identifier, ref, text
from tap_activecampaign_unified.resources.input_values import InvalidValue
from tap_activecampaign_unified.resources.resource import (
    Derived,
    Field,
    Replication,
    Resource,
    Row,
    RowContext,
)
from tap_activecampaign_unified.resources.time_codecs import decode_instant, instant

from .value_codecs import (
    LINE_FIELDS,
    address,
    amount,
    boolean,
    contact,
    creation_source,
    discounts,
    lines,
    order_status,
    stamp,
    store,
    texts,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Relations of an order: its lines, the same order in the GraphQL store, and its discounts if the
#: GraphQL store has none.
ORDER_LINES, GRAPHQL_ORDERS = "order_lines", "graphql_orders"
ORDER_DISCOUNTS = "order_discounts"

_STATES = {"0": "PENDING", "1": "COMPLETED", "2": "ABANDONED", "3": "RECOVERED", "4": "WAITING"}
_SOURCES = {"0": "HISTORICAL", "1": "REAL_TIME"}
_SAME = ("email", "currency", "orderNumber", "orderUrl", "shippingMethod")


def _major(raw: Any) -> Any:
    """Convert cents to major units. Other values stay unchanged, and the codec refuses them."""
    try:
        return decode_cents(raw)
    except InvalidValue:
        return raw


def from_rest(row: Row) -> Row:
    """Return an order of the REST store with the columns of the GraphQL store."""
    state, source = str(row.get("state")), str(row.get("source"))
    return {
        **{name: row.get(name) for name in _SAME},
        "id": row.get("id"),
        "legacyConnectionId": row.get("connectionid"),
        "storeOrderId": row.get("externalid"),
        "cartId": row.get("externalcheckoutid"),
        "customer": row.get("customerid"),
        "normalizedStatus": _STATES.get(state, row.get("state")),
        "creationSource": _SOURCES.get(source, row.get("source")),
        "storeCreatedDate": row.get("externalCreatedDate"),
        "storeModifiedDate": row.get("externalUpdatedDate"),
        "finalAmount": _major(row.get("totalPrice")),
        "shippingAmount": _major(row.get("shippingAmount")),
        "taxAmount": _major(row.get("taxAmount")),
        "discountsAmount": _major(row.get("discountAmount")),
        "abandonedDate": row.get("abandonedDate"),
        "createdDate": row.get("createdDate"),
        "updatedDate": row.get("updatedDate"),
        "tstamp": row.get("tstamp"),
    }


def _line_from_rest(row: Row) -> Row:
    return {
        **{name: row.get(name) for name in ("id", "name", "sku", "category", "brand", "tags")},
        **{name: row.get(name) for name in ("quantity", "productUrl", "imageUrl", "isOnSale")},
        "productStorePrimaryId": row.get("externalid"),
        "priceAmount": _major(row.get("price")),
        "description": row.get("description"),
        "createdDate": row.get("createdDate"),
        "updatedDate": row.get("updatedDate"),
    }


def _discount_from_rest(row: Row) -> Row:
    return {
        "name": row.get("name"),
        "type": row.get("type"),
        "discountAmount": _major(row.get("discountAmount")),
    }


def has_discount(row: Row) -> bool:
    """Return whether an order of the REST store has a discount."""
    return str(row.get("discountAmount") or "0").strip("0.") != ""


def _without_nulls(row: Row) -> Row:
    return {name: value for name, value in row.items() if value is not None}


def _complete_order(row: Row, context: RowContext) -> Row:
    """Return an order with the values of both stores and its lines."""
    order = from_rest(row)
    graphql_order = next(iter(context.rows(GRAPHQL_ORDERS)), {})
    discount = graphql_order.get("discountsAmount", graphql_order.get("discountAmount"))
    order |= _without_nulls({**graphql_order, "discountsAmount": discount, "id": None})
    order["lineItems"] = _lines(context, graphql_order.get("lineItems"))
    if discounts := context.rows(ORDER_DISCOUNTS):
        order["discounts"] = [*map(_discount_from_rest, discounts)]
    return order


def _lines(context: RowContext, graphql_lines: Any) -> list[Row]:
    """Return the lines of the REST store, completed if the GraphQL store has the same lines."""
    rest_lines = [_line_from_rest(line) for line in context.rows(ORDER_LINES)]
    others = graphql_lines if isinstance(graphql_lines, list) else []
    names = [other.get("name") if isinstance(other, dict) else None for other in others]
    if rest_lines and names == [line["name"] for line in rest_lines]:
        return [
            {**line, **_without_nulls(other)}
            for line, other in zip(rest_lines, others, strict=True)
        ]
    return rest_lines


def expand_order(row: Row, context: RowContext) -> Iterable[Row]:
    """Return the order."""
    return (_complete_order(row, context),)


def expand_lines(row: Row, context: RowContext) -> Iterable[Row]:
    """Return the order's lines, each with the columns that it shares with the order."""
    order = _complete_order(row, context)
    shared = {
        "order": order["id"],
        "cartId": order["cartId"],
        "currency": order["currency"],
        "storeOrderId": order["storeOrderId"],
        "legacyConnectionId": order["legacyConnectionId"],
        "orderUpdated": order["updatedDate"] or order["tstamp"],
    }
    return [{**line, **shared} for line in order["lineItems"]]


def _updated(row: Row, context: RowContext) -> str | None:
    return decode_instant(row.get("updatedDate"), context.zone) or decode_instant(
        row.get("tstamp"), context.zone
    )


def encode_upper_currency(value: Any) -> str:
    """Return the code in upper case, as the documentation of e-commerce has it."""
    return encode_currency(value).upper()


order_currency = Codec(
    "order_currency", decode_currency, encode_upper_currency, currency.schema, ("EUR", "USD")
)

#: Properties of an order that the GraphQL store has, or completes like the lines.
FROM_GRAPHQL = (
    *("status", "store_status", "store_external_id", "store_customer_id", "store_modified_at"),
    *("shipping_address", "billing_address", "payment_method", "location_id", "sales_channel"),
    *("locale", "is_test", "is_recurring", "accepts_marketing", "discounts", "notes", "lines"),
)

ORDERS = Resource(
    name="commerce_orders",
    title="Orders",
    endpoint_name="ecomOrders",
    endpoint="ecomOrders",
    replication=Replication.SCANNED,
    replication_key="updated_at",
    changed=("updatedDate", "tstamp", "createdDate"),
    stamps=("tstamp", "updatedDate", "createdDate"),
    expand=expand_order,
    joins=(
        (ORDER_LINES, ("lines",)),
        (GRAPHQL_ORDERS, FROM_GRAPHQL),
        (ORDER_DISCOUNTS, ("discounts",)),
    ),
    selected_by_default=False,
    entries=(
        Field("id", "id", identifier),
        Field("store_id", "legacyConnectionId", store, "The id of a record of `commerce_stores`"),
        Field("store_order_id", "storeOrderId", text, "The order's id in the store"),
        Field("store_external_id", "storeExternalOrderId", text),
        Field("cart_id", "cartId", text, "The checkout's id in the store"),
        Field("number", "orderNumber", text, "The order number that customers see"),
        Field("status", "normalizedStatus", order_status, "The same values for every store"),
        Field("store_status", "storeStatus", text, "The status, as the store names it"),
        Field(
            "creation_source",
            "creationSource",
            creation_source,
            "`historical` or `real_time`; only `real_time` starts automations",
        ),
        Field("contact", "email", contact),
        Field("customer", "customer", ref, "A record of `commerce_customers`", read_only=True),
        Field("store_customer_id", "storeCustomerId", text, "The customer's id in the store"),
        Field("currency", "currency", order_currency),
        Field("total_amount", "finalAmount", amount, "With tax and shipping, in major units"),
        Field("shipping_amount", "shippingAmount", amount),
        Field("tax_amount", "taxAmount", amount, read_only=True),
        Field("discount_amount", "discountsAmount", amount),
        Field("discounts", "discounts", discounts, "`discount_amount` has the sum"),
        Field("shipping_address", "shippingAddress", address),
        Field("billing_address", "billingAddress", address),
        Field("shipping_method", "shippingMethod", text),
        Field("payment_method", "paymentMethod", text),
        Field("url", "orderUrl", text),
        Field("location_id", "locationId", text),
        Field("sales_channel", "salesChannel", text),
        Field("locale", "customerLocale", text),
        Field("is_test", "isTestOrder", boolean),
        Field("is_recurring", "createdByRecurringPayment", boolean),
        Field("accepts_marketing", "acceptsMarketing", boolean),
        Field("notes", "notes", texts),
        Field("lines", "lineItems", lines),
        Field("store_created_at", "storeCreatedDate", stamp, "The time of the order"),
        Field("store_modified_at", "storeModifiedDate", stamp),
        Field("abandoned_at", "abandonedDate", instant, "Only of abandoned carts", read_only=True),
        Field("created_at", "createdDate", instant, read_only=True),
        Derived("updated_at", _updated, instant.schema, "When ActiveCampaign last changed it"),
    ),
)

LINES = Resource(
    name="commerce_order_lines",
    title="Order lines",
    endpoint_name="ecomOrders",
    endpoint="ecomOrderProducts",
    replication=Replication.SCANNED,
    replication_key="order_updated_at",
    changed=("updatedDate", "tstamp", "createdDate"),
    stamps=("tstamp", "updatedDate", "createdDate"),
    expand=expand_lines,
    relation=ORDER_LINES,
    joins=((GRAPHQL_ORDERS, ("store_line_id", "store_product_id", "store_base_product_id")),),
    selected_by_default=False,
    entries=(
        Field("id", "id", identifier),
        Field("order", "order", ref, "A record of `commerce_orders`", read_only=True),
        Field("store_id", "legacyConnectionId", store, "The id of a record of `commerce_stores`"),
        Field("store_order_id", "storeOrderId", text, "The order's id in the store"),
        Field("cart_id", "cartId", text, read_only=True),
        *LINE_FIELDS,
        Field("description", "description", text, read_only=True),
        Field("currency", "currency", order_currency, read_only=True),
        Field("created_at", "createdDate", instant, read_only=True),
        Field("updated_at", "updatedDate", instant, read_only=True),
        Field("order_updated_at", "orderUpdated", instant, read_only=True),
    ),
)
