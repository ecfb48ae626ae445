"""An undo restores orders and their lines; it creates and subscribes no contact."""

from __future__ import annotations

from target_activecampaign.undo.commerce_and_custom_objects.restore_documents import (
    NO_PERSON,
    NOT_SUBSCRIBED,
)
from target_activecampaign.undo.decisions.record_decisions import SUBSCRIBES
from tests.target.runner import state_of, stream_of
from tests.target.undo.account import UndoRunner, differences, reasons_of
from tests.target.undo.commerce_and_custom_objects.runs import truth_after
from tests.target.undo.stores import TABLES, changed_rows


def test_lines_and_their_order_have_one_result(runner: UndoRunner) -> None:
    """An order that a row and rows of its lines wrote is put back once, with all its lines."""
    rows, before = changed_rows(runner.world), truth_after(runner.world)
    run = runner.run(
        *stream_of("commerce_orders", *rows["commerce_orders"]),
        *stream_of("commerce_order_lines", *rows["commerce_order_lines"]),
        state_of(1),
        **runner.settings,
    )
    assert set(run.actions) == {"updated"}
    undone = runner.undo()
    assert undone.actions == ["updated", "updated"]
    assert differences(before, truth_after(runner.world)) == {}


def test_an_undo_creates_no_contact(runner: UndoRunner) -> None:
    """An order or a subscription whose contact was deleted since stays as the run wrote it."""
    world = runner.world
    rows = changed_rows(world)
    for stream in ("commerce_orders", "commerce_subscriptions"):
        runner.send_rows(stream, *rows[stream])
        world.settle(at_once=True)
        table = world.tables[TABLES[stream][0]]
        first, other = list(table)[:2]
        table.change(first, document=first.document | {"email": "gone@shop.example"})
        undone = runner.undo()
        assert world.find_contact("gone@shop.example") is None
        assert sorted(result["action"] for result in undone.results) == ["skipped", "updated"]
        assert f"skipped: {NO_PERSON}" in reasons_of(undone)["fields"]
        assert other.document


def test_an_undo_of_an_order_subscribes_no_contact(runner: UndoRunner) -> None:
    """Marketing consent of an order is never put back, nor sent for a person who left the list."""
    world = runner.world
    shop = next(iter(world.tables["connections"]))
    list_id = world.add_list("Shop").id
    world.tables["connections"].change(shop, listId=list_id)
    rows = changed_rows(world)["commerce_orders"]
    orders = list(world.tables["storeOrders"])[:2]
    for order in orders:
        document = order.document | {"acceptsMarketing": True}
        world.tables["storeOrders"].change(order, document=document)
    runner.send_rows("commerce_orders", rows[0], rows[1] | {"accepts_marketing": False})
    for order in orders:
        person = world.find_contact(order.document["email"])
        assert person is not None
        world.subscribe(person.id, list_id, 2, by_self=True)
    undone = runner.undo(resubscribe=True)
    assert {row.status for row in world.tables["contactLists"] if row.list == list_id} == {2}
    assert reasons_of(undone)["fields"] == {
        f"updated: put back; {NOT_SUBSCRIBED}",
        f"updated: put back; accepts_marketing: {SUBSCRIBES}",
    }


def test_an_order_goes_back_without_starting_anything(runner: UndoRunner) -> None:
    """An order that was real-time before goes out as historical."""
    world = runner.world
    order = next(iter(world.tables["storeOrders"]))
    document = order.document | {"creationSource": "REAL_TIME"}
    world.tables["storeOrders"].change(order, document=document)
    runner.send_rows("commerce_orders", *changed_rows(world)["commerce_orders"])
    world.automation_log.clear()
    assert runner.undo().code == 0
    world.settle(at_once=True)
    assert order.document["creationSource"] == "HISTORICAL"
    assert not any(entry["starts"] for entry in world.automation_log)
