"""Runs that change tasks, records of stores and custom objects, and the account after them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.sandbox.custom_objects import acts
from tests.tap.client.clients import ManualClock, world_of
from tests.target.undo.account import KillableRunner, truth_of
from tests.target.undo.stores import SHAPE, TABLES, VISITS, add_visits

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandbox import World
    from tests.sandbox.shape import Shape

STREAMS = ("crm_tasks", *TABLES, VISITS)
CREATED = ("crm_tasks", "commerce_orders", "commerce_products", "commerce_subscriptions", VISITS)
KEPT = {"commerce_orders", "commerce_subscriptions"}
CREATES = {"creates": True, "max_deletes": 10}

#: How the account may behave where that is not known.
READINGS: list[dict[str, Any]] = [
    {},
    {"order_upsert": "patch", "payment_upsert": "patch", "record_relationships": "kept"},
    {"order_discount_field": "discountAmount", "graphql_decimals": "text"},
    {"record_numbers": "text", "record_answer_has_id": True, "record_lag_seconds": 20},
    {"ecommerce_copy_seconds": 20, "record_delete_missing": 404, "task_needs_outcome": False},
]


def runner_of(folder: Path, shape: Shape = SHAPE, **switches: Any) -> KillableRunner:
    """Return a runner of a small account with a shop, tasks and a custom object."""
    clock = ManualClock()
    world = world_of(clock, contacts=12, deals=3, accounts=2, shape=shape, **switches)
    add_visits(world)
    folder.mkdir(exist_ok=True)
    return KillableRunner(world, clock, folder)


def truth_after(world: World) -> dict[str, Any]:
    """Return what users see of an account, once all writes arrived."""
    world.settle(at_once=True)
    return truth_of(world)


def change_elsewhere(world: World, stream: str) -> None:
    """Change a column of the first record of a stream as another client does."""
    if stream == "crm_tasks":
        table = world.tables["dealTasks"]
        task = next(row for row in table if row.title == "Z")
        table.change(task, title="Foreign")
    elif stream == VISITS:
        row = acts.find_record(world, 1, "v-1")
        assert row is not None
        fields = row.document["fields"] | {"title": "Foreign"}
        schema = world.tables["customSchemas"][1]
        acts.put_record(world, schema, "v-1", fields, row.document["relationships"], lags=False)
    else:
        table, _ = TABLES[stream]
        row = next(iter(world.tables[table]))
        column = {"storeOrders": "storeStatus", "storeProducts": "variantName"}.get(table, "name")
        world.tables[table].change(row, document=row.document | {column: "Foreign"})
