"""Writes of the REST store, which are never copied into the GraphQL store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.sandbox.ecommerce import rows, store
from tests.sandbox.ecommerce.gate import if_served
from tests.sandbox.ecommerce.rest import (
    shop_row,
    show_connection,
    show_customer,
    show_line,
    show_order,
)
from tests.sandbox.routes import route
from tests.sandbox.wire import Answer, Refusal, as_id, as_text, invalid, require

if TYPE_CHECKING:
    from tests.sandbox.wire import Request
    from tests.sandbox.world import World

_AMOUNTS = ("totalPrice", "shippingAmount", "taxAmount", "discountAmount")
_TEXTS = ("externalid", "externalcheckoutid", "orderNumber", "orderUrl", "shippingMethod", "email")
_DATES = {
    "externalCreatedDate": "externalCreated",
    "externalUpdatedDate": "externalUpdated",
    "abandonedDate": "abandoned",
}


@route("POST", "/connections")
@if_served
def create_connection(w: World, r: Request) -> dict[str, Any]:
    """Connect a store; the pair of service and key is unique."""
    body = r.wrapped("connection")
    require(body, "connection", "service", "externalid", "name", "logoUrl", "linkUrl")
    pair = (as_text(body["service"]), as_text(body["externalid"]))
    if any((row.service, row.externalid) == pair for row in w.tables["connections"]):
        raise invalid("duplicate", "externalid", "The connection already exists.")
    row = store.add_connection(w, *pair, as_text(body["name"]))
    urls = {name: as_text(body[name]) for name in ("logoUrl", "linkUrl")}
    w.tables["connections"].change(row, **urls)
    return {"connection": show_connection(w, row)}


@route("PUT", "/connections/{id}")
@if_served
def update_connection(w: World, r: Request, connection: int) -> dict[str, Any]:
    """Change the columns that are sent."""
    row = shop_row(w, "connections", connection)
    body = r.wrapped("connection")
    columns: dict[str, Any] = {
        name: as_text(body[name])
        for name in ("service", "externalid", "name", "logoUrl", "linkUrl")
        if name in body
    }
    columns |= {name: as_id(body[name]) for name in ("status", "syncStatus") if name in body}
    w.tables["connections"].change(row, udate=w.now(), **columns)
    return {"connection": show_connection(w, row)}


@route("DELETE", "/connections/{id}")
@if_served
def delete_connection(w: World, r: Request, connection: int) -> dict[str, Any]:
    """Disconnect a store with its customers and orders."""
    shop_row(w, "connections", connection)
    store.delete_connection(w, connection)
    return {}


@route("POST", "/ecomCustomers")
@if_served
def create_customer(w: World, r: Request) -> Answer:
    """Create a customer, and the contact if there is none."""
    body = r.wrapped("ecomCustomer")
    require(body, "ecomCustomer", "connectionid", "externalid", "email")
    connection = shop_row(w, "connections", as_id(body["connectionid"]) or 0)
    key = as_text(body["externalid"])
    if store.find_customer(w, connection.id, key):
        raise _taken(w)
    email = as_text(body["email"])
    if w.find_contact(email) is None:
        w.add_contact(email)
    accepts = as_text(body.get("acceptsMarketing")) == "1"
    row = store.put_customer(w, connection.id, key, email, accepts=accepts)
    shown = show_customer(w, row)
    totals = ("totalRevenue", "totalOrders", "totalProducts", "avgRevenuePerOrder")
    shown |= {name: int(shown[name]) for name in totals}
    return Answer(201, {"connections": [show_connection(w, connection)], "ecomCustomer": shown})


@route("PUT", "/ecomCustomers/{id}")
@if_served
def update_customer(w: World, r: Request, customer: int) -> dict[str, Any]:
    """Change a customer's key, address or consent."""
    row = shop_row(w, "ecomCustomers", customer)
    body = r.wrapped("ecomCustomer")
    columns: dict[str, Any] = {
        name: as_text(body[name]) for name in ("externalid", "email") if name in body
    }
    if "acceptsMarketing" in body:
        columns["acceptsMarketing"] = int(as_text(body["acceptsMarketing"]) == "1")
    w.tables["ecomCustomers"].change(row, tstamp=w.now(), **columns)
    return {"ecomCustomer": show_customer(w, row)}


@route("DELETE", "/ecomCustomers/{id}")
@if_served
def delete_customer(w: World, r: Request, customer: int) -> dict[str, Any]:
    """Delete a customer."""
    shop_row(w, "ecomCustomers", customer)
    w.tables["ecomCustomers"].delete(customer)
    return {}


@route("POST", "/ecomOrders")
@if_served
def create_order(w: World, r: Request) -> Answer:
    """Create an order, or a cart if a checkout and its abandonment date are sent."""
    body = r.wrapped("ecomOrder")
    required = ("source", "email", "totalPrice", "currency", "connectionid", "customerid")
    require(body, "ecomOrder", *required, "externalCreatedDate")
    if not body.get("externalid"):
        require(body, "ecomOrder", "externalcheckoutid", "abandonedDate")
    connection = shop_row(w, "connections", as_id(body["connectionid"]) or 0)
    customer = shop_row(w, "ecomCustomers", as_id(body["customerid"]) or 0)
    if body.get("externalid") and store.find_order(w, connection.id, as_text(body["externalid"])):
        raise _taken(w)
    now = w.now()
    columns = _columns(w, body)
    row = w.tables["ecomOrders"].insert(
        rows.EcomOrder(
            connection.id,
            customer.id,
            source=int(as_text(body["source"]) == "1"),
            currency=as_text(body["currency"]),
            created=now,
            updated=now,
            **columns,
        )
    )
    _write_parts(w, row, body)
    w.trigger("order_written", order=row.externalid, store=connection.id, starts=row.source == 1)
    lines = w.tables["ecomOrderProducts"].by("orderid", row.id)
    return Answer(
        201,
        {
            "connections": [show_connection(w, connection)],
            "ecomOrderProducts": [show_line(w, line) for line in lines],
            "ecomOrder": show_order(w, row),
        },
    )


@route("PUT", "/ecomOrders/{id}")
@if_served
def update_order(w: World, r: Request, order: int) -> dict[str, Any]:
    """Change an order; lines that are sent replace the old lines."""
    row = shop_row(w, "ecomOrders", order)
    body = r.wrapped("ecomOrder")
    columns = _columns(w, body)
    columns.pop("externalCreated", None)
    w.tables["ecomOrders"].change(row, updated=w.now(), **columns)
    _write_parts(w, row, body)
    lines = w.tables["ecomOrderProducts"].by("orderid", row.id)
    return {
        "contactConversions": [],
        "ecomOrderProducts": [show_line(w, line) for line in lines],
        "ecomOrder": show_order(w, row),
    }


@route("DELETE", "/ecomOrders/{id}")
@if_served
def delete_order(w: World, r: Request, order: int) -> dict[str, Any]:
    """Delete an order of the REST store; the GraphQL store keeps its own."""
    shop_row(w, "ecomOrders", order)
    store.delete_order(w, order)
    return {}


def _columns(w: World, body: dict[str, Any]) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for name in _AMOUNTS:
        if name in body:
            if not as_text(body[name]).lstrip("-").isdecimal():
                raise invalid("field_invalid", name, f"The {name} is not a whole number of cents.")
            columns[name] = int(as_text(body[name]))
    columns |= {name: as_text(body[name]) or None for name in _TEXTS if name in body}
    for name, column in _DATES.items():
        if body.get(name):
            columns[column] = w.zone.instant(as_text(body[name]))
    if "state" in body:
        columns["state"] = as_id(body["state"]) or 0
    return columns


def _write_parts(w: World, row: rows.EcomOrder, body: dict[str, Any]) -> None:
    if isinstance(body.get("orderProducts"), list):
        texts = ("externalid", "name", "sku", "category", "description", "imageUrl", "productUrl")
        lines = [
            {
                **{name: as_text(line[name]) for name in texts if name in line},
                "price": as_id(line.get("price")) or 0,
                "quantity": as_id(line.get("quantity")) or 0,
            }
            for line in body["orderProducts"]
        ]
        store.put_lines(w, row, lines)
    if isinstance(body.get("orderDiscounts"), list):
        table = w.tables["orderDiscounts"]
        for row_id in list(table.ids_by("orderid", row.id)):
            table.delete(row_id)
        for discount in body["orderDiscounts"]:
            name, kind = as_text(discount.get("name")), as_text(discount.get("type"))
            amount = as_id(discount.get("discountAmount")) or 0
            table.insert(rows.OrderDiscount(row.id, name, kind, amount, w.now()))


def _taken(w: World) -> Refusal:
    error = {"title": "The externalid is already in use.", "code": "duplicate"}
    return Refusal(w.switches.ecom_duplicate_status, {"errors": [error]})
