"""Rows of e-commerce, custom objects, tasks and events as warehouses write them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox.custom_objects import acts
from tests.sandbox.ecommerce import store
from tests.sandbox.tasks.planting import define_types

if TYPE_CHECKING:
    from tests.target.runner import TargetRunner

WHO = "lea@harbour.example"
MOMENT = "2026-01-02T03:04:05Z"
OBJECT = "custom_purchase_orders"
ORDER: dict[str, Any] = {
    "store_id": 1,
    "store_order_id": "1001",
    "contact": {"email": WHO},
    "currency": "USD",
    "total_amount": 0.3,
    "store_created_at": "2030-05-01T10:00:00+00:00",
}
RECORD: dict[str, Any] = {"external_id": "1001", "title": "Boat", "buyer": {"email": WHO}}
TASK: dict[str, Any] = {
    "external_id": "1001",
    "subject": "Call",
    "type": "Demo",
    "due_at": "2031-05-01T10:00:00+00:00",
    "contact": [{"email": WHO}],
}
EVENT: dict[str, Any] = {"external_id": "1001", "name": "shop-visit", "contact": {"email": WHO}}


@pytest.fixture(autouse=True)
def _account(runner: TargetRunner) -> None:
    runner.world.add_contact(WHO)
    runner.world.switches.ecommerce = "served"
    runner.world.switches.tasks = "served"
    define_types(runner.world)
    store.add_connection(runner.world, "own", "shop-1", "Shop")
    fields = [
        acts.field("title"),
        acts.field("unit-price", "currency", defaultCurrency="USD"),
        acts.field("due", "datetime"),
        acts.field("deleted", "boolean"),
        acts.field("colours", "multiselect", options=["red", "blue"]),
    ]
    acts.add_schema(runner.world, "purchase-orders", fields, [acts.relationship("buyer")])


def order_of(runner: TargetRunner) -> dict[str, Any]:
    """Return the only order of the account."""
    runner.world.settle(at_once=True)
    [row] = runner.world.tables["storeOrders"]
    found: dict[str, Any] = row.document
    return found


def record_of(runner: TargetRunner) -> dict[str, Any]:
    """Return the only record of the custom object."""
    [row] = runner.world.tables["customRecords"]
    found: dict[str, Any] = row.document
    return found


@pytest.mark.parametrize(
    ("column", "value", "native", "stored"),
    [
        ("STORE_ID", 1.0, "legacyConnectionId", 1),
        ("storeId", "1.0", "legacyConnectionId", 1),
        ("STORE_ORDER_ID", 1001.0, "storeOrderId", "1001"),
        ("total_amount", 0.30000000000000004, "finalAmount", "0.3"),
        ("totalAmount", "12.50", "finalAmount", "12.5"),
        ("store_created_at", "2026-01-02 03:04:05 UTC", "storeCreatedDate", MOMENT),
        (
            "store_created_at",
            "2026-01-02 05:04:05.6+02",
            "storeCreatedDate",
            "2026-01-02T03:04:05Z",
        ),
        ("is_test", "t", "isTestOrder", True),
        ("IS_TEST", "Y", "isTestOrder", True),
        ("is_test", 0.0, "isTestOrder", False),
        ("contact", WHO, "email", WHO),
        ("contact", [{"EMAIL": WHO}], "email", WHO),
        ("contact__email", WHO, "email", WHO),
        ("notes", '["a", "b"]', "notes", ["a", "b"]),
        ("notes", "{a,b}", "notes", ["a", "b"]),
        ("lines", '[{"Name": "Mug", "quantity": "2.0"}]', "name", "Mug"),
        ("lines", ['{"name": "Mug", "tags": "{x,y}"}'], "name", "Mug"),
    ],
)
def test_an_order_in_any_spelling(
    runner: TargetRunner, column: str, value: Any, native: str, stored: Any
) -> None:
    """Columns, ids, money, times, flags and arrays of an order are read in any spelling."""
    plain = {"storeid": "store_id", "storeorderid": "store_order_id"}
    field = column.lower().partition("__")[0].replace("totalamount", "total_amount")
    row = {k: v for k, v in ORDER.items() if k != plain.get(field.replace("_", ""), field)}
    run = runner.send("commerce_orders", {**row, column: value})
    assert (run.actions, run.reason()) == (["created"], "")
    order = order_of(runner)
    assert (order["lineItems"][0] if column == "lines" else order)[native] == stored


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("total_amount", "1.234"),
        ("is_test", "perhaps"),
        ("store_created_at", "1712011230123"),
        ("store_id", "x"),
        ("lines", "{broken"),
    ],
)
def test_a_value_of_an_order_that_cannot_be_read_names_its_column(
    runner: TargetRunner, column: str, value: Any
) -> None:
    """An unreadable value rejects the order with its column, and nothing is sent."""
    run = runner.send("commerce_orders", ORDER | {column: value})
    assert run.actions == ["rejected"]
    assert run.reason().startswith(f"{column}: ")
    assert len(runner.world.tables["storeOrders"]) == 0


@pytest.mark.parametrize(
    ("stream", "row", "unknown"),
    [
        ("commerce_orders", ORDER | {"totl_amount": 1}, "totl_amount"),
        ("commerce_orders", ORDER | {"lines": [{"name": "Mug", "qty": 2}]}, "lines[].qty"),
        (OBJECT, RECORD | {"Titel": "x"}, "Titel"),
        (OBJECT, RECORD | {"buyer": [{"email": WHO, "mail": "x"}]}, "buyer[].mail"),
        ("crm_tasks", TASK | {"subjekt": "x"}, "subjekt"),
    ],
)
def test_an_unknown_column_is_named_on_every_run(
    runner: TargetRunner,
    stream: str,
    row: dict[str, Any],
    unknown: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An unknown column is one warning per run and in each result; the rest is written once."""
    first = runner.send(stream, row)
    assert first.actions == ["created"]
    assert first.reason().startswith(f"{unknown}: not written")
    assert any(unknown in line and "column_aliases" in line for line in caplog.messages)
    again = runner.send(stream, row)
    assert (again.actions, again.reason(), again.writes) == (["skipped"], first.reason(), [])
    assert runner.send(stream, row, unknown_columns="reject").actions == ["rejected"]


@pytest.mark.parametrize(
    ("row", "field", "stored"),
    [
        ({"EXTERNAL_ID": 1001.0, "TITLE": "Boat"}, "title", "Boat"),
        ({"externalId": "1001.0", "unitPrice": 0.30000000000000004}, "unit-price", 0.3),
        ({"external_id": 1001, "Due": "2026-01-02 03:04:05 UTC"}, "due", "2026-01-02T03:04:05Z"),
        ({"external_id": 1001, "COLOURS": '["red", "blue"]'}, "colours", ["red", "blue"]),
        ({"external_id": 1001, "COLOURS": "{red}"}, "colours", ["red"]),
        ({"external_id": 1001, "title": "x", "deleted": False}, "deleted", 0),
    ],
)
def test_a_record_of_a_custom_object_in_any_spelling(
    runner: TargetRunner, row: dict[str, Any], field: str, stored: Any
) -> None:
    """The object's fields decide what a column is; a key in any form is one record."""
    run = runner.send(OBJECT, row)
    assert (run.actions, run.reason()) == (["created"], "")
    assert record_of(runner)["fields"][field] == stored
    runner.clock.sleep(60)  # reads show a write some seconds later
    assert runner.send(OBJECT, row | {"buyer": [WHO]}).actions == ["updated"]
    assert record_of(runner)["relationships"]["buyer"]


def test_own_names_of_a_custom_objects_columns(runner: TargetRunner) -> None:
    """`column_aliases` applies to custom objects; an unknown field is an error."""
    aliases = {OBJECT: {"po_number": "external_id", "label": "title", "x": "nothing"}}
    run = runner.send(OBJECT, {"po_number": "7", "label": "Boat", "x": 1}, column_aliases=aliases)
    assert run.actions == ["created"]
    assert run.reason() == "nothing: not written, no such column"
    assert record_of(runner)["fields"] == {"title": "Boat"}


@pytest.mark.parametrize("stream", ["commerce_orders", OBJECT, "crm_tasks"])
@pytest.mark.parametrize("flag", ["anonymized", "is_deleted"])
def test_a_row_that_is_marked_is_not_written(runner: TargetRunner, stream: str, flag: str) -> None:
    """A row that is marked as deleted, in any spelling of true, is not written."""
    row = {"commerce_orders": ORDER, OBJECT: RECORD, "crm_tasks": TASK}[stream]
    run = runner.send(stream, row | {flag: "Y"})
    assert (run.actions, run.writes) == (["skipped"], [])
    assert flag in run.reason()


@pytest.mark.parametrize("key", [1001, 1001.0, "1001.0", "1001"], ids=repr)
@pytest.mark.parametrize(("stream", "row"), [("crm_tasks", TASK), ("marketing_events", EVENT)])
def test_a_key_of_yours_is_one_key_in_all_its_forms(
    runner: TargetRunner, stream: str, row: dict[str, Any], key: Any
) -> None:
    """A key as text, integer or float creates one task or event."""
    own = {"event_account_id": runner.world.event_account_id, "event_key": runner.world.event_key}
    settings = own if stream == "marketing_events" else {}
    assert runner.send(stream, row, **settings).actions == ["created"]
    again = runner.send(stream, row | {"external_id": key}, **settings)
    assert (again.actions, again.writes) == (["unchanged"], [])


def test_deals_are_found_by_a_key_of_yours_in_all_its_forms(runner: TargetRunner) -> None:
    """A deal is found by its key in any form, in its column, its custom field and a note."""
    runner.world.add_custom_field("deal", "Order", "text")
    deal = {"name": "Boat", "contact": WHO, "stage": {"id": 1}, "amount": 1}
    keyed = {"opportunity_external_id_field": "Order"}
    before = len(runner.world.tables["deals"])
    for row in (
        {"external_id": 1001},
        {"external_id": 1001.0},
        {"external_id": "1001.0"},
        {"custom_fields": {"order": "1001.0"}},
    ):
        ledger = str(runner.folder / f"{json.dumps(row).__hash__()}.sqlite")
        run = runner.send("crm_opportunities", deal | row, ledger_path=ledger, **keyed)
        assert run.code == 0, run.results
    assert len(runner.world.tables["deals"]) == before + 1
    note = {"content": "x", "opportunity": {"external_id": "1001.0"}}
    assert runner.send("crm_notes", note, **keyed).actions == ["created"]
