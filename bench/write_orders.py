"""100,000 orders of three lines each: requests, seconds at five requests per second, memory.

The seconds are those of an injected clock that a sleep advances: the target in this process, on an
account that refuses more than five requests in any second. Memory is that of the program itself,
compared with the orders of one batch: fewer would show the size of a batch.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from target_activecampaign.target import TargetActiveCampaign
from tests.sandbox import World, serve
from tests.sandbox.ecommerce import store
from tests.tap.client.clients import ManualClock, world_of
from tests.target.runner import TargetRunner, state_of, stream_of

from .figures import Figure, Found, run_script
from .loads import GROWTH
from .measuring import log_of, temp_folder
from .writing import Target, Written

if TYPE_CHECKING:
    from collections.abc import Iterator

ORDERS, SHORT = 100_000, 12_000
BATCH = TargetActiveCampaign.batch_rows
LINES, PER_SECOND = 3, 5
BAR_REQUESTS, BAR_MB = 0.031, 250
OPTIONS: dict[str, Any] = {"is_empty": True, "ecommerce": "served"}
STREAM = "commerce_orders"


def orders(count: int) -> Iterator[dict[str, Any]]:
    """Return orders of three lines; a person has three of them."""
    for number in range(count):
        yield {
            "store_id": "1",
            "store_order_id": f"o-{number}",
            "number": f"{number}",
            "contact": {"email": f"person{number // 3}@bench.example"},
            "currency": "EUR",
            "total_amount": 30.75,
            "shipping_amount": 4.9,
            "status": "completed",
            "store_created_at": "2031-01-01T10:00:00+00:00",
            "lines": [
                {
                    "store_line_id": f"{number}-{line}",
                    "store_product_id": f"p-{line}",
                    "name": f"Cup {line}",
                    "sku": f"C{line}",
                    "quantity": line + 1,
                    "amount": 10.25,
                }
                for line in range(LINES)
            ],
        }


def paced(count: int) -> tuple[int, float, bool]:
    """Write orders on an injected clock; return requests, its seconds, and whether all is well."""
    clock = ManualClock()
    world = world_of(clock, requests_per_second=PER_SECOND, **OPTIONS)
    world.remembers_requests = False
    store.add_connection(world, "own", "shop-1", "Shop")
    with tempfile.TemporaryDirectory() as folder:
        runner = TargetRunner(world, clock, Path(folder))
        began = clock.monotonic()
        run = runner.run(*stream_of(STREAM, *orders(count)), state_of(1))
        seconds = clock.monotonic() - began
    is_whole = run.actions.count("created") == len(world.tables["storeOrders"]) == count
    is_kept = world.busiest_second() <= PER_SECOND and not any(
        entry.status == 429 for entry in world.log
    )
    return len(run.requests), seconds, is_whole and is_kept


def load(count: int) -> tuple[Written, int]:
    """Write orders with the program, without a limit; return the run and its requests."""
    world = World(requests_per_second=0, **OPTIONS)
    world.remembers_requests = False
    store.add_connection(world, "own", "shop-1", "Shop")
    with temp_folder() as folder, serve(world) as served:
        target = Target(folder, served.url, requests_per_second=0)
        source = target.feed("orders.jsonl", STREAM, [], orders(count))
        ran = target.run(source)
        return ran, log_of(served.url)["requests"]


def measure(*, short: bool) -> Found:
    """Write the orders both ways; in the short form fewer of them."""
    count = SHORT if short else ORDERS
    requests, seconds, is_kept = paced(count)
    few, _ = load(BATCH)
    many, by_program = load(count)
    return Found(
        f"{count:,} new orders of {LINES} lines",
        (
            Figure("requests", requests, "count", BAR_REQUESTS * count + 10, tolerance=0.01),
            Figure("seconds at 5 per second", seconds, "pace", 1.05 * requests / PER_SECOND),
            Figure("peak MB", many.peak_mb, "memory", BAR_MB),
            Figure(f"times that over {BATCH:,}", many.peak_mb / few.peak_mb, "memory", GROWTH),
            Figure("rows per second, no limit", count / many.seconds, "rate", more_is_better=True),
        ),
        (
            (is_kept, "every order is created, at most five requests in any second, none refused"),
            (many.is_complete and many.actions["created"] == count, "one result each: created"),
        ),
        (("requests of the program", f"{by_program:,}"), ("minutes", f"{many.seconds / 60:.1f}")),
    )


def main() -> None:
    """Measure and check the bars."""
    run_script(measure)


if __name__ == "__main__":
    main()
