"""100,000 orders of three lines each, read: requests of the first run and of later runs, memory.

Both stores have every order. A usual day passes before the third run: one order in a thousand
changes, and as many are new.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from tests.sandbox import World, serve
from tests.sandbox.ecommerce import store

from .figures import Figure, Found, memory_figures, run_script
from .loads import GROWTH
from .measuring import Measured, Tap, log_of, temp_folder
from .write_orders import LINES

if TYPE_CHECKING:
    from pathlib import Path

STREAMS = ("commerce_orders", "commerce_order_lines")
ORDERS, SHORT = 100_000, 5_000
BAR_MB = 200
#: How long before the first run the account got its orders: longer than the tap's overlap.
AGE = dt.timedelta(days=10)


class _Clock:
    """Real time, which jumps ahead where days pass."""

    def __init__(self) -> None:
        self.ahead = -AGE

    def __call__(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC) + self.ahead


def document(number: int, **more: Any) -> dict[str, Any]:
    """Return an order of the GraphQL store; a person has three of them."""
    return {
        "legacyConnectionId": 1,
        "storeOrderId": f"o-{number}",
        "orderNumber": str(number),
        "email": f"person{number // 3}@bench.example",
        "storeCreatedDate": "2026-01-01T10:00:00Z",
        "storeModifiedDate": "2026-01-02T10:00:00Z",
        "normalizedStatus": "COMPLETED",
        "currency": "EUR",
        "finalAmount": "30.75",
        "shippingAddress": {"city": "Oslo", "country": "NO"},
        "discounts": [],
        "lineItems": [
            {
                "storeLineItemId": f"{number}-{line}",
                "productStorePrimaryId": f"p-{line}",
                "name": f"Cup {line}",
                "quantity": line + 1,
                "priceAmount": "10.25",
            }
            for line in range(LINES)
        ],
        **more,
    }


def load(count: int) -> tuple[list[tuple[Measured, int]], bool]:
    """Read an account of so many orders three times; return the runs and their requests."""
    clock = _Clock()
    world = World(is_empty=True, requests_per_second=0, clock=clock, ecommerce="served")
    world.remembers_requests = False
    store.add_connection(world, "own", "shop-1", "Shop")
    for number in range(count):
        store.write_order(world, document(number), waits=True, at_once=True)
    changes = count // 1000
    runs = []
    with temp_folder() as folder, serve(world) as served:
        tap = Tap(folder, served.url, STREAMS, full_sweep_hours=168)
        kept: Path | None = None
        is_whole = True
        for turn in range(3):
            clock.ahead = dt.timedelta(days=2 * turn)
            if turn == 2:
                for number in (*range(changes), *range(count, count + changes)):
                    changed = document(number, normalizedStatus="RETURNED")
                    store.write_order(world, changed, waits=True, at_once=True)
            since = log_of(served.url)["arrivals"]
            ran = tap.run(kept)
            runs.append((ran, log_of(served.url, since)["requests"]))
            wanted = (count, 0, 2 * changes)[turn]
            is_whole &= ran.records.get(STREAMS[0], 0) == wanted
            is_whole &= ran.records.get(STREAMS[1], 0) == LINES * wanted
            kept = folder / "kept.json"
            kept.write_text(tap.state.read_text())
    return runs, is_whole


def measure(*, short: bool) -> Found:
    """Read the orders and a tenth of them; in the short form fewer."""
    count = SHORT if short else ORDERS
    few, is_whole_small = load(count // 10)
    runs, is_whole = load(count)
    (first, first_requests), (_, idle), (_, later) = runs
    bar_first, bar_idle = 0.0515 * count + 30, 0.0102 * count + 10
    return Found(
        f"{count:,} orders of {LINES} lines, read",
        (
            # Without a count of the orders, runs differ in the pages that they prefetch in vain.
            Figure("requests of the first run", first_requests, "count", bar_first, tolerance=0.05),
            Figure("requests of a run without news", idle, "count", bar_idle, tolerance=0.05),
            Figure("requests of a run a day later", later, "count", tolerance=0.05),
            *memory_figures(first.peak_mb, few[0][0].peak_mb, BAR_MB, GROWTH),
            Figure("orders per second", count / first.seconds, "rate", more_is_better=True),
        ),
        ((is_whole and is_whole_small, "every order and line once, and those that changed"),),
        (("minutes", f"{first.seconds / 60:.1f}"),),
    )


def main() -> None:
    """Measure and check the bars."""
    run_script(measure)


if __name__ == "__main__":
    main()
