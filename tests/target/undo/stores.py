"""Tasks, a shop and a custom object in an account, and rows that change them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.sandbox.custom_objects import acts
from tests.sandbox.shape import Shape

if TYPE_CHECKING:
    from tests.sandbox import World

    Row = dict[str, Any]

#: What an account has of each, for `world_of`.
SHAPE = Shape(tasks=6, stores=1, orders=5, products=4, subscriptions=3)
VISITS = "custom_visits"
#: The tables of the GraphQL store by stream, with the column of the store's own id.
TABLES = {
    "commerce_orders": ("storeOrders", "store_order_id"),
    "commerce_order_lines": ("storeOrders", "store_order_id"),
    "commerce_products": ("storeProducts", "store_product_id"),
    "commerce_subscriptions": ("storeRecurringPayments", "store_subscription_id"),
}
#: What the account sets by itself, and the source of an order, which an undo does not put back.
_SET = {"id", "connectionId", "creationSource"}


def add_visits(world: World) -> None:
    """Define a custom object with four records."""
    fields = [
        acts.field("title"),
        acts.field("total", "currency", defaultCurrency="USD"),
        acts.field("due", "datetime"),
        acts.field("places", "multiselect", options=["Oslo", "Bergen", "Tromso"]),
    ]
    schema = acts.add_schema(world, "visits", fields, [acts.relationship("guest")])
    for number in range(1, 5):
        values = {"title": f"Visit {number}", "total": number, "due": "2031-05-01T10:00:00Z"}
        values |= {"places": ["Oslo", "Bergen"]} if number % 2 else {}
        guests = {"guest": [str(number)]}
        acts.put_record(world, schema, f"v-{number}", values, guests, lags=False)


def store_truth_of(world: World) -> dict[str, dict[tuple[Any, ...], Any]]:
    """Return what users see of tasks, e-commerce and custom objects, by record and column."""
    t = world.tables
    found: dict[str, dict[tuple[Any, ...], Any]] = {
        "dealTasks": {
            (row.id, name): getattr(row, name) or ""
            for row in t["dealTasks"]
            for name in (
                *("reltype", "relid", "type", "due", "end", "title", "note", "status"),
                *("outcome", "outcomeInfo"),
            )
        }
    }
    found["dealTasks"] |= {(row.id, "assignee"): row.assignee or row.user for row in t["dealTasks"]}
    for table, _ in TABLES.values():
        found[table] = {
            (row.key, name): plain(value)
            for row in t[table]
            for name, value in row.document.items()
            if name not in _SET and plain(value) not in (None, [], {})
        }
    found["customRecords"] = {
        (row.externalId, name): plain(value)
        for row in t["customRecords"]
        for name, value in (row.document["fields"] | row.document["relationships"]).items()
        if value not in (None, [])
    }
    return found


def plain(value: Any) -> Any:
    """Return a value in the form that all its spellings share."""
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [plain(item) for item in value]
    try:
        return float(value)
    except (TypeError, ValueError):
        return value


def changed_rows(world: World) -> dict[str, list[Row]]:
    """Return rows that change two records of each stream, by stream."""
    shop = {"store_id": "1"}
    payments = [row.key for row in world.tables["storeRecurringPayments"]][:2]
    goods = [row.key for row in world.tables["storeProducts"]][:2]
    orders = [row.key for row in world.tables["storeOrders"]][:2]
    tasks = [row for row in world.tables["dealTasks"] if row.status == 0][:2]
    return {
        "crm_tasks": [
            {
                "id": str(row.id),
                "subject": "Z",
                "content": "z",
                "type": "Email" if row.type == 1 else "Call",
                "due_at": "2033-06-01T10:00:00Z",
                "owner": {"id": "2"},
                "status": "completed",
            }
            for row in tasks
        ],
        "commerce_orders": [
            shop
            | {
                "store_order_id": order,
                "status": "returned",
                "total_amount": "777.25",
                "notes": ["z"],
                "lines": [{"name": "Z", "quantity": 9, "amount": "1.50"}],
                "url": "https://z.example",
                "locale": "nb",
            }
            for order in orders
        ],
        "commerce_order_lines": [
            shop | {"store_order_id": order, "store_line_id": line, "name": "Z", "quantity": 9}
            for order in orders
            for line in ("l-1", "l-9")
        ],
        "commerce_products": [
            shop
            | {
                "store_product_id": product,
                "name": "Z",
                "price_amount": "777.25",
                "tags": ["z"],
                "upc": "77",
                "dimensions": {"length": 7},
            }
            for product in goods
        ],
        "commerce_subscriptions": [
            shop
            | {
                "store_subscription_id": subscription,
                "status": "expired",
                "amount": "777.25",
                "notes": ["z"],
                "next_payment_at": "2033-06-01T10:00:00Z",
            }
            for subscription in payments
        ],
        VISITS: [
            {
                "external_id": f"v-{number}",
                "title": "Z",
                "total": "777.25",
                "due": "2033-06-01T10:00:00Z",
                "places": ["Tromso"],
                "guest": {"id": "9"},
            }
            for number in (1, 2)
        ],
    }


def new_rows(world: World) -> dict[str, list[Row]]:
    """Return rows that create a record of each stream, by stream."""
    person = next(iter(world.tables["contacts"])).email
    buyer = {"store_id": "1", "contact": {"email": person}, "currency": "EUR"}
    order = buyer | {"store_order_id": "n-1", "total_amount": 5}
    return {
        "crm_tasks": [
            {
                "external_id": "n-1",
                "subject": "New",
                "type": "Call",
                "due_at": "2033-06-01T10:00:00Z",
                "contact": {"email": person},
            }
        ],
        "commerce_orders": [order | {"store_created_at": "2031-01-01T10:00:00Z"}],
        "commerce_products": [{"store_id": "1", "store_product_id": "n-1", "name": "New"}],
        "commerce_subscriptions": [buyer | {"store_subscription_id": "n-1", "amount": 5}],
        VISITS: [{"external_id": "n-1", "title": "New", "total": 5, "guest": {"id": "9"}}],
    }
