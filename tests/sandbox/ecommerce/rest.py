"""Reads of the REST store: connections, customers with sum rows, orders, lines, discounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.sandbox.ecommerce.gate import if_served
from tests.sandbox.paging import collection, filters, ordered, orders
from tests.sandbox.routes import route
from tests.sandbox.store import fold
from tests.sandbox.wire import missing

if TYPE_CHECKING:
    from tests.sandbox.ecommerce import rows
    from tests.sandbox.wire import Request
    from tests.sandbox.world import World


def show_connection(w: World, row: rows.Connection) -> dict[str, Any]:
    """Show a connection with the additional columns of live answers."""
    return {
        "service": row.service,
        "externalid": row.externalid,
        "name": row.name,
        "isInternal": "0",
        "connectionType": "ecommerce",
        "status": str(row.status),
        "syncStatus": str(row.syncStatus),
        "sync_request_time": None,
        "sync_start_time": None,
        "lastSync": None,
        "logoUrl": row.logoUrl,
        "linkUrl": row.linkUrl,
        "listId": str(row.listId),
        "cdate": w.dt(row.cdate),
        "udate": w.dt(row.udate),
        "credentialExpiration": None,
        "disconnectDate": None,
        "planTier": None,
        "serviceName": row.service,
        "links": w.links("connections", row.id, ("options", "customers")),
        "id": str(row.id),
    }


def show_customer(w: World, row: rows.EcomCustomer) -> dict[str, Any]:
    """Show a customer; the sum row counts the person's orders of all stores."""
    table = w.tables["ecomOrders"]
    if row.connectionid:
        bought = table.by("customerid", row.id)
    else:
        bought = [
            order
            for other in w.tables["ecomCustomers"].by("email", fold(row.email))
            if other.connectionid
            for order in table.by("customerid", other.id)
        ]
    bought = [order for order in bought if order.externalid]
    revenue = sum(order.totalPrice for order in bought)
    lines = w.tables["ecomOrderProducts"]
    products = sum(len(lines.ids_by("orderid", order.id)) for order in bought)
    return {
        "connectionid": str(row.connectionid),
        "externalid": row.externalid,
        "email": row.email,
        "totalRevenue": str(revenue),
        "totalOrders": str(len(bought)),
        "totalProducts": str(products),
        "avgRevenuePerOrder": str(revenue // len(bought) if bought else 0),
        "avgProductCategory": "",
        "tstamp": w.dt(row.tstamp),
        "acceptsMarketing": str(row.acceptsMarketing),
        "links": w.links("ecomCustomers", row.id, ("connection", "orders")),
        "id": str(row.id),
        "connection": str(row.connectionid) if row.connectionid else None,
    }


def show_order(w: World, row: rows.EcomOrder) -> dict[str, Any]:
    """Show a single order, in which every number is text."""
    lines = w.tables["ecomOrderProducts"].ids_by("orderid", row.id)
    created = w.dt(row.externalCreated)
    return {
        "customerid": str(row.customerid),
        "connectionid": str(row.connectionid),
        "state": str(row.state),
        "source": str(row.source),
        "externalid": row.externalid,
        "externalcheckoutid": row.externalcheckoutid,
        "orderNumber": row.orderNumber,
        "email": row.email,
        "totalPrice": str(row.totalPrice),
        "discountAmount": str(row.discountAmount),
        "shippingAmount": str(row.shippingAmount),
        "taxAmount": str(row.taxAmount),
        "totalProducts": str(len(lines)),
        "currency": row.currency,
        "shippingMethod": row.shippingMethod,
        "orderUrl": row.orderUrl,
        "externalCreatedDate": created,
        "externalUpdatedDate": w.dt(row.externalUpdated),
        "abandonedDate": w.dt(row.abandoned),
        "createdDate": w.dt(row.created),
        "updatedDate": w.dt(row.updated),
        "orderDate": created,
        "tstamp": w.dt(row.updated),
        "links": w.links(
            "ecomOrders",
            row.id,
            ("connection", "customer", "orderProducts", "orderDiscounts", "orderActivities"),
        ),
        "id": str(row.id),
        "connection": str(row.connectionid),
        "customer": str(row.customerid),
    }


def show_listed_order(w: World, row: rows.EcomOrder) -> dict[str, Any]:
    """Show an order of the collection, with amounts and state as ints and the ids of its lines."""
    shown = show_order(w, row)
    for column in ("totalPrice", "discountAmount", "shippingAmount", "taxAmount", "state"):
        shown[column] = int(shown[column])
    lines = w.tables["ecomOrderProducts"].ids_by("orderid", row.id)
    return {**shown, "orderProducts": [str(line) for line in lines]}


def show_line(w: World, row: rows.EcomOrderProduct) -> dict[str, Any]:
    """Show a line with the additional columns of live answers."""
    return {
        "orderid": str(row.orderid),
        "connectionid": str(row.connectionid),
        "externalid": row.externalid,
        "sku": row.sku,
        "name": row.name,
        "description": row.description,
        "price": str(row.price),
        "quantity": str(row.quantity),
        "category": row.category,
        "imageUrl": row.imageUrl,
        "productUrl": row.productUrl,
        "createdDate": w.dt(row.created),
        "updatedDate": w.dt(row.updated),
        "tstamp": w.dt(row.updated),
        "tags": None,
        "isOnSale": None,
        "brand": None,
        "averageRating": None,
        "links": w.links("ecomOrderProducts", row.id, ("ecomOrder",)),
        "id": str(row.id),
        "ecomOrder": str(row.orderid),
    }


def show_discount(w: World, row: rows.OrderDiscount) -> dict[str, Any]:
    """Show a discount of an order."""
    return {
        "orderid": str(row.orderid),
        "name": row.name,
        "type": row.type,
        "discountAmount": str(row.discountAmount),
        "createdDate": w.dt(row.created),
        "updatedDate": w.dt(row.created),
        "links": w.links("orderDiscounts", row.id, ("ecomOrder",)),
        "id": str(row.id),
    }


SHOW = {
    "connections": show_connection,
    "ecomCustomers": show_customer,
    "ecomOrders": show_order,
    "ecomOrderProducts": show_line,
}
MODELS = {
    "connections": "Connection",
    "ecomCustomers": "EcomCustomer",
    "ecomOrders": "EcomOrder",
    "ecomOrderProducts": "EcomOrderProduct",
}
_FILTERS = {
    "connections": ("service", "externalid"),
    "ecomCustomers": ("email", "externalid", "connectionid"),
    "ecomOrders": (
        "connectionid",
        "externalid",
        "externalcheckoutid",
        "email",
        "state",
        "customerid",
    ),
}


def shop_row(w: World, table: str, row_id: int) -> Any:
    """Return a row, or refuse with its model's name."""
    row = w.tables[table].get(row_id)
    if row is None:
        raise missing(MODELS[table], row_id)
    return row


@route("GET", "/connections", "/ecomCustomers")
@if_served
def list_shops(w: World, r: Request) -> dict[str, Any]:
    """Answer connections or customers, filtered by equality."""
    name = r.path.strip("/")
    return collection(w, r, name, _filtered(w, r, name), SHOW[name], "s")


@route("GET", "/ecomOrders")
@if_served
def list_orders(w: World, r: Request) -> dict[str, Any]:
    """Answer orders and carts; without `meta`, and without any range filter."""
    rows = _filtered(w, r, "ecomOrders")
    for name, _, value in filters(r):
        if name == "external_created_date":
            rows = [row for row in rows if row.externalCreated == w.zone.instant(value)]
    columns: dict[str, Any] = {
        "external_created_date": lambda row: row.externalCreated,
        **{name: lambda row, n=name: str(getattr(row, n)) for name in _FILTERS["ecomOrders"]},
    }
    if w.switches.ecom_orders_id:
        columns["id"] = lambda row: row.id
    ordered(rows, orders(r), columns)
    return collection(w, r, "ecomOrders", rows, show_listed_order, "-")


@route("GET", "/ecomOrderProducts")
@if_served
def list_lines(w: World, r: Request) -> dict[str, Any]:
    """Answer the lines of all orders; no filter is documented."""
    table = w.tables["ecomOrderProducts"]
    return collection(w, r, "ecomOrderProducts", list(table), show_line, "-")


@route("GET", "/ecomOrders/{id}/orderProducts")
@if_served
def list_lines_of(w: World, r: Request, order: int) -> dict[str, Any]:
    """Answer the lines of one order."""
    shop_row(w, "ecomOrders", order)
    rows = w.tables["ecomOrderProducts"].by("orderid", order)
    return collection(w, r, "ecomOrderProducts", rows, show_line, "-")


@route("GET", "/ecomOrders/{id}/orderDiscounts")
@if_served
def list_discounts_of(w: World, r: Request, order: int) -> dict[str, Any]:
    """Answer the discounts of one order."""
    shop_row(w, "ecomOrders", order)
    rows = w.tables["orderDiscounts"].by("orderid", order)
    return collection(w, r, w.switches.order_discounts, rows, show_discount, "-")


@route(
    "GET", "/connections/{id}", "/ecomCustomers/{id}", "/ecomOrders/{id}", "/ecomOrderProducts/{id}"
)
@if_served
def get_shop_row(w: World, r: Request, row_id: int) -> dict[str, Any]:
    """Answer one row under its singular name."""
    name = r.path.split("/")[1]
    return {name.removesuffix("s"): SHOW[name](w, shop_row(w, name, row_id))}


def _filtered(w: World, r: Request, name: str) -> list[Any]:
    rows = list(w.tables[name])
    for column, _, value in filters(r):
        if column in _FILTERS[name]:
            rows = [row for row in rows if str(getattr(row, column)).casefold() == value.casefold()]
    return rows
