"""What a load of orders keeps in memory does not grow with the orders that were written."""

from __future__ import annotations

import gc
import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from target_activecampaign.ledger import store as ledger_store
from target_activecampaign.records.input_row import InputRow
from target_activecampaign.sinks.commerce.upserts import Upsert
from target_activecampaign.sinks.write_context import NewestEntries
from tests.sandbox.ecommerce import store
from tests.tap.client.clients import ManualClock, world_of
from tests.target.runner import TargetRunner, state_of, stream_of

if TYPE_CHECKING:
    from pathlib import Path

BATCH, KEPT = 20, 40


def orders(count: int) -> list[dict[str, Any]]:
    """Return orders of new people, with two lines each."""
    return [
        {
            "store_id": "1",
            "store_order_id": f"o-{n}",
            "contact": {"email": f"p{n}@shop.example"},
            "currency": "EUR",
            "total_amount": 10,
            "store_created_at": "2031-01-01T10:00:00+00:00",
            "lines": [{"name": f"Cup {line}", "store_line_id": f"{line}"} for line in range(2)],
        }
        for n in range(count)
    ]


@pytest.mark.parametrize("count", [60, 240])
def test_a_load_of_orders_holds_one_batch_of_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    """Whatever the number of orders, a load holds the rows of one batch and 40 people, as set.

    The people that the run created, the rows of the ledger that it read, and the rows and upserts
    in memory are bounded; no order that was written is kept.
    """
    monkeypatch.setattr(NewestEntries, "MAX_ENTRIES", KEPT)
    monkeypatch.setattr(ledger_store, "MAX_CACHED_ROWS", KEPT)
    clock = ManualClock()
    world = world_of(clock, is_empty=True, ecommerce="served")
    store.add_connection(world, "own", "shop-1", "Shop")
    runner = TargetRunner(world, clock, tmp_path)
    runner.batch_rows = BATCH
    target = runner.target()
    held: list[int] = []
    cached: list[int] = []

    def count_held(*request: Any) -> None:
        if request[2] == "/api/3/ecom/graphql":
            held.append(sum(isinstance(held, (InputRow, Upsert)) for held in gc.get_objects()))
            cached.append(len(target.begin_writing().context.ledger._store._cache))

    gc.collect()
    world.before_request(count_held)
    lines = [*stream_of("commerce_orders", *orders(count)), state_of(1)]
    code = target.run(io.StringIO("".join(json.dumps(line) + "\n" for line in lines)))
    context = target.begin_writing().context
    assert code == 0
    assert len(world.tables["storeOrders"]) == count
    assert len(held) >= 2 * count // BATCH
    assert max(held) <= 4 * BATCH
    assert max(cached) <= KEPT + 2 * BATCH
    assert len(context.recent_contacts) == KEPT
    assert not context.unwritten_orders
    assert not context.written_subscriptions


def test_a_batch_of_written_orders_is_one_transaction_of_the_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The results of orders that were written together are recorded together."""
    written: list[int] = []
    real = ledger_store.Store._write

    def write(self: ledger_store.Store, rows: Any) -> None:
        written.append(sum(table == "confirmed" for table, _ in rows))
        real(self, rows)

    monkeypatch.setattr(ledger_store.Store, "_write", write)
    clock = ManualClock()
    world = world_of(clock, is_empty=True, ecommerce="served")
    store.add_connection(world, "own", "shop-1", "Shop")
    run = TargetRunner(world, clock, tmp_path).send("commerce_orders", *orders(60))
    assert run.actions == ["created"] * 60
    assert [count for count in written if count] == [50, 10]
