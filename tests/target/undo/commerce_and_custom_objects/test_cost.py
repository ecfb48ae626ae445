"""Earlier values of tasks, records of stores and custom objects cost few requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.sandbox.shape import Shape
from tests.target.undo.commerce_and_custom_objects.runs import runner_of
from tests.target.undo.stores import TABLES, VISITS

if TYPE_CHECKING:
    from pathlib import Path


#: Sizes at which a request per hundred differs from a request each.
MANY = Shape(tasks=130, stores=1, orders=10, products=120, subscriptions=10)


@pytest.mark.parametrize(
    ("stream", "requests"),
    [
        ("crm_tasks", range(3, 6)),  # the total, and the pages of all tasks
        ("commerce_orders", range(1)),
        ("commerce_products", range(2, 3)),
        ("commerce_subscriptions", range(1)),
        (VISITS, range(1)),
    ],
)
def test_earlier_values_cost_a_request_per_hundred_or_none(
    tmp_path: Path, stream: str, requests: range
) -> None:
    """A run that can be undone reads no more than that, and a dry run says how much."""
    found = []
    for name in ("without", "with", "dry run"):
        runner = runner_of(tmp_path / name, MANY)
        table, column = TABLES.get(stream, ("", "external_id"))
        own = [row.key for row in runner.world.tables[table]] if table else ["v-1", "v-2"]
        rows = [{"store_id": "1", column: key, "name": "Z", "title": "Z"} for key in own]
        if stream == "crm_tasks":
            ids = runner.world.tables["dealTasks"].ids()
            rows = [{"id": str(order_id), "subject": "Z"} for order_id in ids]
        settings = runner.settings if name != "without" else {}
        run = runner.send(stream, *rows, **settings, dry_run=name == "dry run")
        assert len(run.results) == len(rows)
        found.append(run)
    more = len(found[1].requests) - len(found[0].requests)
    assert more in requests
    assert abs(found[2].report["plan"]["undo_requests"] - more) <= 1
