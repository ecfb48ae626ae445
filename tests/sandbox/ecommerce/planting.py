"""Planting stores, orders, products and subscriptions, with a random generator of their own."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tests.sandbox import names
from tests.sandbox.ecommerce import store

if TYPE_CHECKING:
    from random import Random

    from tests.sandbox.shape import Shape
    from tests.sandbox.world import World

_SERVICES = ("shopify", "woocommerce", "magento")
_GOODS = ("Mug", "Lamp", "Scarf", "Notebook", "Chair", "Kettle", "Poster")
_STATUSES = ("COMPLETED",) * 7 + ("PENDING", "CANCELLED", "REFUNDED")
_DAY = 86400


def plant_shops(w: World, shape: Shape, latest: int) -> None:
    """Fill the tables of e-commerce; any count above 0 enables the feature."""
    if not shape.stores:
        return
    w.switches.ecommerce = "served"
    dice = random.Random(f"{w.seed}/ecommerce")
    for number in range(1, shape.stores + 1):
        service = _SERVICES[(number - 1) % len(_SERVICES)]
        store.add_connection(w, service, f"shop-{number}.example", f"Shop {number}")
    for number in range(1, shape.products + 1):
        document = _product(dice, shape, number, latest)
        store.put_record(w, "storeProducts", document, replaces=True)
    for number in range(1, shape.orders + 1):
        _plant_order(w, dice, shape, number, latest)
    for number in range(1, shape.subscriptions + 1):
        document = _subscription(w, dice, shape, number, latest)
        store.put_record(w, "storeRecurringPayments", document, replaces=True)


def stamp(instant: int) -> str:
    """Format an instant as the GraphQL store's documentation does."""
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _plant_order(w: World, dice: Random, shape: Shape, number: int, latest: int) -> None:
    at = latest - dice.randrange(300 * _DAY)
    document = _order(w, dice, shape, number, at, latest)
    odd = number % 10
    if odd == 9:  # a cart that was written through REST
        _plant_rest_order(w, document, at, is_cart=True)
    elif odd == 7:  # an order that was written through REST
        _plant_rest_order(w, document, at, is_cart=False)
    else:
        if odd == 5:
            del document["storeModifiedDate"]
        document["creationSource"] = "HISTORICAL"
        store.write_order(w, document, waits=True, at_once=True)


def _plant_rest_order(w: World, document: dict[str, Any], at: int, *, is_cart: bool) -> None:
    connection, email = document["legacyConnectionId"], document["email"]
    if w.find_contact(email) is None:
        w.add_contact(email)
    store.put_customer(w, connection, document["storeCustomerId"], email)
    store.copy_order(w, document)
    row = store.find_order(w, connection, document["storeOrderId"])
    if row is None:
        raise LookupError(document["storeOrderId"])
    w.tables["ecomOrders"].change(row, taxAmount=row.totalPrice // 10)
    if is_cart:
        checkout = f"cart-{document['storeOrderId']}"
        w.tables["ecomOrders"].change(
            row, externalid=None, externalcheckoutid=checkout, abandoned=at + 3600, state=2
        )


def _person(w: World, dice: Random, number: int) -> str:
    ids = w.tables["contacts"].ids()
    if ids and dice.random() < 0.9:
        email: str = w.tables["contacts"][dice.choice(ids)].email
        return email
    return f"buyer{number}@inbox.example"


def _order(
    w: World, dice: Random, shape: Shape, number: int, at: int, latest: int
) -> dict[str, Any]:
    email = _person(w, dice, number)
    lines = [_line(dice, shape, line) for line in range(1, shape.lines_per_order + 1)]
    shipping = dice.choice((0, 490, 1250))
    discount = dice.choice((0, 0, 100))
    total = sum(round(float(line["priceAmount"]) * 100) for line in lines) + shipping - discount
    address = {
        "firstName": dice.choice(names.FIRST),
        "lastName": dice.choice(names.LAST),
        "address1": f"{number} Main Street",
        "city": "Oslo",
        "country": "NO",
        "postal": "0150",
    }
    return {
        "legacyConnectionId": 1 + number % shape.stores,
        "storeOrderId": f"o-{number}",
        "orderNumber": str(1000 + number),
        "email": email,
        "storeCustomerId": f"c-{email}",
        "storeCreatedDate": stamp(at),
        "storeModifiedDate": stamp(min(latest, at + dice.randrange(20 * _DAY))),
        "storeStatus": "processed",
        "normalizedStatus": dice.choice(_STATUSES),
        "currency": ("USD", "EUR", "usd")[number % 3],
        "shippingAddress": address,
        "billingAddress": address,
        "shippingMethod": "Post",
        "shippingAmount": f"{shipping / 100:.2f}",
        w.switches.order_discount_field.replace("both", "discountsAmount"): f"{discount / 100:.2f}",
        "finalAmount": f"{total / 100:.2f}",
        "discounts": [
            {"name": "SPRING", "type": "ORDER", "discountAmount": f"{discount / 100:.2f}"}
        ]
        if discount
        else [],
        "notes": ["leave at the door"] if number % 4 == 0 else [],
        "orderUrl": f"https://shop-{1 + number % shape.stores}.example/orders/{number}",
        "lineItems": lines,
    }


def _line(dice: Random, shape: Shape, line: int) -> dict[str, Any]:
    product = 1 + dice.randrange(max(1, shape.products))
    return {
        "storeLineItemId": f"l-{line}",
        "productStorePrimaryId": f"p-{product}",
        "storeBaseProductId": f"b-{product}",
        "name": f"{_GOODS[product % len(_GOODS)]} {product}",
        "quantity": 1 + dice.randrange(3),
        "priceAmount": f"{dice.randrange(100, 9000) / 100:.2f}",
        "sku": f"SKU-{product}",
        "category": "Goods",
        "productUrl": f"https://shop.example/p/{product}",
        "imageUrl": "",
    }


def _product(dice: Random, shape: Shape, number: int, latest: int) -> dict[str, Any]:
    at = latest - dice.randrange(300 * _DAY)
    name = f"{_GOODS[number % len(_GOODS)]} {number}"
    return {
        "legacyConnectionId": 1 + number % shape.stores,
        "storePrimaryId": f"p-{number}",
        "storeBaseProductId": f"b-{number}",
        "baseProductName": name,
        "baseProductStoreCreatedDate": stamp(at),
        "baseProductStoreModifiedDate": stamp(at + 3600),
        "variantName": name,
        "variantSku": f"SKU-{number}",
        "variantPriceAmount": f"{dice.randrange(100, 9000) / 100:.2f}",
        "variantPriceCurrency": "USD",
        "tags": ["new"] if number % 2 else [],
        "categories": ["Goods"],
        "isDeleted": number % 11 == 0,
        "stockStatus": "IN_STOCK",
        "brand": "Acme",
    }


def _subscription(w: World, dice: Random, shape: Shape, number: int, latest: int) -> dict[str, Any]:
    at = latest - dice.randrange(300 * _DAY)
    status = dice.choice(("ACTIVE", "ACTIVE", "CANCELLED", "PAUSED", "PAYMENT_FAILED"))
    return {
        "legacyConnectionId": 1 + number % shape.stores,
        "storeRecurringPaymentId": f"s-{number}",
        "name": f"Plan {number % 3}",
        "email": _person(w, dice, number),
        "normalizedStatus": status,
        "billingInterval": "MONTHLY",
        "billingIntervalCount": 1,
        "paymentAmount": "19.90",
        "currency": "USD",
        "startDate": stamp(at),
        "nextPaymentDate": stamp(latest + 20 * _DAY) if status == "ACTIVE" else None,
        "cancelledDate": stamp(latest - _DAY) if status == "CANCELLED" else None,
        "storeCreatedDate": stamp(at),
        "storeModifiedDate": stamp(min(latest, at + 7200)),
        "totalCycles": 0,
        "isTrial": False,
        "lineItemNames": [f"{_GOODS[number % len(_GOODS)]} {number}"],
    }
