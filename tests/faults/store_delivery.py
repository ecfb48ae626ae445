"""Rows of e-commerce, custom objects, tasks and events, and the account that they must give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.sandbox.custom_objects import acts
from tests.sandbox.ecommerce import store
from tests.sandbox.tasks.planting import define_types
from tests.tap.client.clients import ManualClock, world_of
from tests.target.runner import TargetRunner, state_of, stream_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandbox import World

LEFT = "left@shop.example"  # a contact who left the store's list and must not be subscribed again
COUNT = 5
OBJECT = "custom_visits"


def stream_settings_of(world: World) -> dict[str, Any]:
    """Return settings with which every stream is written."""
    return {
        "event_account_id": world.event_account_id,
        "event_key": world.event_key,
        "max_retry_seconds": 2,
    }


def account(clock: ManualClock, **switches: Any) -> World:
    """Return an account with a store, its list, a custom object and types of tasks."""
    options = {"ecommerce": "served", "tasks": "served", "record_lag_seconds": 0}
    world = world_of(clock, is_empty=True, **(options | switches))
    shop = store.add_connection(world, "own", "shop-1", "Shop")
    world.tables["connections"].change(shop, listId=world.add_list("Shoppers").id)
    person = world.add_contact(LEFT)
    world.subscribe(person.id, shop.listId, 2, by_self=True)
    acts.add_schema(
        world,
        "visits",
        [acts.field("title"), acts.field("note", "textarea")],
        [acts.relationship("visitor")],
    )
    define_types(world)
    return world


def email(n: int) -> str:
    """Return the address of a person."""
    return f"f{n}@shop.example"


def lines(count: int = COUNT, *, events: bool = True) -> list[dict[str, Any]]:
    """Return messages with ``count`` rows of each stream, and a state after each stream."""
    found: list[dict[str, Any]] = []

    def add(stream: str, *records: dict[str, Any]) -> None:
        rows = sum(line["type"] == "RECORD" for line in found) + len(records)
        found.extend([*stream_of(stream, *records), state_of(rows)])

    people = range(count)
    add("crm_contacts", *[{"email": email(n), "first_name": f"F{n}"} for n in people])
    add(
        "commerce_products",
        *[{"store_id": "1", "store_product_id": f"p-{n}", "name": f"Cup {n}"} for n in people],
    )
    # The lines of the last order are rows of their own; they come before the order.
    add(
        "commerce_order_lines",
        *[
            {"store_id": "1", "store_order_id": "o-0", "store_line_id": f"l-{n}", "name": f"L{n}"}
            for n in range(2)
        ],
    )
    add(
        "commerce_orders",
        *[
            {
                "store_id": "1",
                "store_order_id": f"o-{n}",
                "contact": {"email": email(n) if n else LEFT},
                "currency": "EUR",
                "total_amount": n + 0.5,
                "store_created_at": "2031-01-01T10:00:00+00:00",
                "accepts_marketing": True,
                "lines": [{"name": f"Cup {n}", "store_line_id": "a", "quantity": 1}] if n else [],
            }
            for n in people
        ],
        {"store_id": "1", "store_order_id": f"o-{count - 1}", "status": "completed"},
    )
    add(
        "commerce_subscriptions",
        *[
            {
                "store_id": "1",
                "store_subscription_id": f"s-{n}",
                "contact__email": email(n),
                "amount": n + 1,
                "status": "active",
            }
            for n in people
        ],
    )
    add(
        OBJECT,
        *[
            {"external_id": f"v-{n}", "title": f"V{n}", "visitor": {"email": email(n)}}
            for n in people
        ],
        {"external_id": "v-0", "note": "twice"},
    )
    add(
        "crm_tasks",
        *[
            {
                "external_id": f"t-{n}",
                "subject": f"Call {n}",
                "type": "call",
                "due_at": "2031-04-01T10:00:00-05:00",
                "contact": {"email": email(n)},
            }
            for n in people
        ],
    )
    if events:
        add(
            "marketing_events",
            *[
                {"external_id": f"e-{n}", "name": "visited", "contact": {"email": email(n)}}
                for n in people
            ],
        )
    return found


def picture(world: World) -> dict[str, Any]:
    """Describe the content of the account, without assigned ids and times."""
    world.settle(at_once=True)
    t = world.tables
    emails = {c.id: c.email for c in t["contacts"]}
    own = ("id", "connectionId")

    def documents(name: str) -> list[dict[str, Any]]:
        kept = [
            {key: value for key, value in row.document.items() if key not in own} for row in t[name]
        ]
        return sorted(kept, key=repr)

    return {
        "people": sorted((c.email, c.firstName) for c in t["contacts"]),
        "members": sorted((emails[m.contact], m.status) for m in t["contactLists"]),
        "orders": documents("storeOrders"),
        "products": documents("storeProducts"),
        "subscriptions": documents("storeRecurringPayments"),
        "lines": sorted((o.orderid, o.name) for o in t["ecomOrderProducts"]),
        "records": sorted(
            (
                row.externalId,
                sorted(row.document["fields"].items()),
                [
                    emails[int(visitor)]
                    for visitor in row.document["relationships"].get("visitor", [])
                ],
            )
            for row in t["customRecords"]
        ),
        "tasks": sorted((row.title, emails[row.relid], row.status) for row in t["dealTasks"]),
        "events": sorted((row.type, emails[row.contact]) for row in t["trackingLogs"]),
    }


def wanted(folder: Path, rows: list[dict[str, Any]], **switches: Any) -> dict[str, Any]:
    """Return the description after an undisturbed run in another account."""
    clock = ManualClock()
    world = account(clock, **switches)
    folder.mkdir(exist_ok=True)
    run = TargetRunner(world, clock, folder).run(*rows, **stream_settings_of(world))
    assert run.code == 0, [
        result for result in run.results if result["action"] in {"failed", "rejected"}
    ]
    return picture(world)
