"""Effects of a write to either store: contacts, customers, sums, and the copy to the other."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tests.sandbox.ecommerce import rows
from tests.sandbox.store import fold

if TYPE_CHECKING:
    from tests.sandbox.world import World

STATES = {"PENDING": 0, "COMPLETED": 1, "ABANDONED": 2, "RECOVERED": 3, "WAITING": 4}
KEYS = {
    "storeOrders": "storeOrderId",
    "storeProducts": "storePrimaryId",
    "storeRecurringPayments": "storeRecurringPaymentId",
}


def add_connection(w: World, service: str, externalid: str, name: str) -> rows.Connection:
    """Connect a store."""
    now = w.now()
    return w.tables["connections"].insert(rows.Connection(service, externalid, name, now, now))


def delete_connection(w: World, connection: int) -> None:
    """Disconnect a store with its customers and orders."""
    t = w.tables
    for order in list(t["ecomOrders"].ids_by("connectionid", connection)):
        delete_order(w, order)
    for customer in list(t["ecomCustomers"].ids_by("connectionid", connection)):
        t["ecomCustomers"].delete(customer)
    t["connections"].delete(connection)


def delete_order(w: World, order: int) -> None:
    """Delete an order of the REST store; the GraphQL store keeps its own."""
    for name in ("ecomOrderProducts", "orderDiscounts"):
        for row_id in list(w.tables[name].ids_by("orderid", order)):
            w.tables[name].delete(row_id)
    w.tables["ecomOrders"].delete(order)


def find_customer(w: World, connection: int, externalid: str) -> rows.EcomCustomer | None:
    """Return the customer of a store with this key."""
    return w.tables["ecomCustomers"].first("key", (connection, externalid))


def put_customer(
    w: World, connection: int, externalid: str, email: str, *, accepts: bool | None = None
) -> rows.EcomCustomer:
    """Create or update a customer, with the sum row of a new person."""
    table = w.tables["ecomCustomers"]
    row = find_customer(w, connection, externalid)
    if row is None:
        if not table.by("email", fold(email)):
            table.insert(rows.EcomCustomer(0, "0", email, w.now()))
        row = table.insert(rows.EcomCustomer(connection, externalid, email, w.now()))
    columns = {} if accepts is None else {"acceptsMarketing": int(accepts)}
    return table.change(row, email=email, tstamp=w.now(), **columns)


def find_order(w: World, connection: int, externalid: str) -> rows.EcomOrder | None:
    """Return the order of a store with this key in the REST store."""
    return w.tables["ecomOrders"].first("key", (connection, externalid))


def write_order(
    w: World, document: dict[str, Any], *, waits: bool, at_once: bool = False
) -> dict[str, Any]:
    """Upsert an order of the GraphQL store; return it as stored.

    Contact and customer exist at once. The GraphQL store has the order at once if the mutation
    waits for it, else some seconds later. The REST store has it the same time after that.
    """
    seconds = 0.0 if at_once else w.switches.ecommerce_copy_seconds
    starts = document.get("creationSource") == "REAL_TIME"
    if document.get("email"):
        _person(w, document, starts=starts)
    written = json.loads(json.dumps(document))
    written.pop("customerData", None)
    replaces = w.switches.order_upsert == "replace"
    stored: list[dict[str, Any]] = []

    def store() -> None:
        row = put_record(w, "storeOrders", written, replaces=replaces)
        stored.append(row.document)
        w.jobs.add(w.clock(), seconds, lambda: copy_order(w, row.document))
        w.trigger("order_written", order=row.key, store=row.connection, starts=starts)

    w.jobs.add(w.clock(), 0 if waits else seconds, store)
    return stored[0] if stored else {}


def put_record(
    w: World, table: str, document: dict[str, Any], *, replaces: bool
) -> rows.StoreRecord:
    """Insert or change a row of the GraphQL store by its store's key."""
    connection, key = document["legacyConnectionId"], document[KEYS[table]]
    row = w.tables[table].first("key", (connection, key))
    now = w.now()
    if row is None:
        row = w.tables[table].insert(rows.StoreRecord(connection, key, now, now))
        whole = document
    else:
        whole = document if replaces else {**row.document, **document}
    guid = f"{row.id:08x}-{connection:04x}-4000-8000-{len(key):012x}"
    identity = {"id": guid, "connectionId": f"{connection:08x}-0000-4000-8000-000000000000"}
    return w.tables[table].change(row, document={**whole, **identity}, updated=now)


def copy_order(w: World, document: dict[str, Any]) -> None:
    """Copy an order of the GraphQL store into the REST store, whose amounts are cents."""
    t, now = w.tables, w.now()
    connection, key = document["legacyConnectionId"], document["storeOrderId"]
    customer = find_customer(w, connection, _customer_key(document))
    status = document.get("normalizedStatus") or "PENDING"
    columns = {
        "connectionid": connection,
        "customerid": customer.id if customer else 0,
        "email": document.get("email") or "",
        "source": int(document.get("creationSource") == "REAL_TIME"),
        "currency": document.get("currency") or "USD",
        "totalPrice": cents(document.get("finalAmount")),
        "externalCreated": w.zone.instant(document["storeCreatedDate"]) or now,
        "externalid": key,
        "externalcheckoutid": document.get("cartId"),
        "orderNumber": document.get("orderNumber") or "",
        "orderUrl": document.get("orderUrl") or "",
        "shippingMethod": document.get("shippingMethod") or "",
        "shippingAmount": cents(document.get("shippingAmount")),
        "discountAmount": cents(document.get("discountsAmount") or document.get("discountAmount")),
        "state": STATES.get(status, w.switches.order_state_of_others),
    }
    row = find_order(w, connection, key)
    if row is None:
        row = t["ecomOrders"].insert(rows.EcomOrder(created=now, updated=now, **columns))
    else:
        t["ecomOrders"].change(row, updated=now, **columns)
    _copy_lines(w, row, document)


def _copy_lines(w: World, order: rows.EcomOrder, document: dict[str, Any]) -> None:
    t, now = w.tables, w.now()
    lines = [
        {
            "externalid": line.get("storeBaseProductId") or line.get("productStorePrimaryId") or "",
            "name": line.get("name") or "",
            "price": cents(line.get("priceAmount")),
            "quantity": line.get("quantity") or 0,
            "sku": line.get("sku") or "",
            "category": line.get("category") or "",
            "imageUrl": line.get("imageUrl") or "",
            "productUrl": line.get("productUrl") or "",
        }
        for line in document.get("lineItems") or []
    ]
    put_lines(w, order, lines)
    discounts = [
        {
            "name": discount.get("name") or "",
            "type": (discount.get("type") or "ORDER").casefold(),
            "discountAmount": cents(discount.get("discountAmount")),
        }
        for discount in document.get("discounts") or []
    ]
    for row_id in list(t["orderDiscounts"].ids_by("orderid", order.id)):
        t["orderDiscounts"].delete(row_id)
    for discount in discounts:
        t["orderDiscounts"].insert(rows.OrderDiscount(order.id, created=now, **discount))


def put_lines(w: World, order: rows.EcomOrder, lines: list[dict[str, Any]]) -> None:
    """Replace the lines of an order; unchanged lines keep their rows."""
    table, now = w.tables["ecomOrderProducts"], w.now()
    old = table.by("orderid", order.id)
    for row, line in zip(old, lines, strict=False):
        if any(getattr(row, column) != value for column, value in line.items()):
            table.change(row, updated=now, **line)
    for row in old[len(lines) :]:
        table.delete(row.id)
    for line in lines[len(old) :]:
        table.insert(
            rows.EcomOrderProduct(
                orderid=order.id,
                connectionid=order.connectionid,
                created=now,
                updated=now,
                **line,
            )
        )


def cents(amount: Any) -> int:
    """Turn a decimal in major units into whole cents."""
    return int((Decimal(str(amount or 0)) * 100).to_integral_value())


def _customer_key(document: dict[str, Any]) -> str:
    return document.get("storeCustomerId") or document.get("email") or ""


def add_person(w: World, document: dict[str, Any], *, starts: bool = True) -> None:
    """Add the contact of an order or a subscription, if the account has none of its address."""
    email, details = document["email"], document.get("customerData") or {}
    shipped, billed = (document.get(f"{kind}Address") or {} for kind in ("shipping", "billing"))
    if w.find_contact(email) is None:
        names = {
            column: details.get(column) or shipped.get(column) or billed.get(column) or ""
            for column in ("firstName", "lastName", "phone")
        }
        contact = w.add_contact(email, orgname=details.get("company") or "", **names)
        w.trigger("contact_added", contact=contact.id, starts=starts)


def _person(w: World, document: dict[str, Any], *, starts: bool) -> None:
    add_person(w, document, starts=starts)
    email, details = document["email"], document.get("customerData") or {}
    accepts = document.get("acceptsMarketing", details.get("acceptsMarketing"))
    put_customer(w, document["legacyConnectionId"], _customer_key(document), email, accepts=accepts)
    shop = w.tables["connections"].rows.get(document["legacyConnectionId"])
    contact = w.find_contact(email)
    if accepts and shop and shop.listId and contact and w.switches.orders_subscribe:
        w.subscribe(contact.id, shop.listId, starts=starts)
