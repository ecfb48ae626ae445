"""Writing e-commerce: upserts by the store's ids, no automation started, nothing cleared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox.ecommerce import store
from tests.tap.running import Account
from tests.target.runner import state_of, stream_of

if TYPE_CHECKING:
    from tests.target.runner import TargetRunner

ORDER: dict[str, Any] = {
    "store_id": "1",
    "store_order_id": "a-1",
    "contact": {"email": "lea@harbour.example"},
    "store_customer_id": "c-1",
    "currency": "USD",
    "total_amount": 12.5,
    "discount_amount": 1,
    "store_created_at": "2030-05-01T10:00:00+00:00",
    "status": "completed",
    "notes": ["ring twice"],
    "lines": [{"name": "Mug", "quantity": 2, "amount": "12.50", "store_product_id": "p-1"}],
}
PRODUCT = {"store_id": 1, "store_product_id": "p-1", "name": "Mug", "price_amount": "6.25"}
HISTORICAL = "creation_source: written as historical"
SUBSCRIPTION = {
    "store_id": "1",
    "store_subscription_id": "s-1",
    "contact__email": "lea@harbour.example",
    "status": "active",
    "amount": 9.9,
    "currency": "USD",
}


@pytest.fixture(autouse=True)
def _shop(runner: TargetRunner) -> None:
    runner.world.switches.ecommerce = "served"
    store.add_connection(runner.world, "own", "shop-1", "Shop")


def documents(runner: TargetRunner, table: str = "storeOrders") -> dict[str, dict[str, Any]]:
    """Return the GraphQL store's rows by the store's id, after all of them arrived."""
    runner.world.settle(at_once=True)
    return {row.key: row.document for row in runner.world.tables[table]}


def test_an_order_is_written_once_with_its_lines_and_starts_nothing(runner: TargetRunner) -> None:
    """An order is created, unchanged or updated with its lines, always as historical."""
    run = runner.send("commerce_orders", ORDER)
    assert (run.code, run.actions) == (0, ["created"])
    (order,) = documents(runner).values()
    assert order["finalAmount"] == "12.5"
    assert order["lineItems"][0]["name"] == "Mug"
    assert order["creationSource"] == "HISTORICAL"
    assert not any(entry["starts"] for entry in runner.world.automation_log)
    assert runner.send("commerce_orders", ORDER).actions == ["unchanged"]
    assert runner.send("commerce_orders", ORDER | {"total_amount": 20}).actions == ["updated"]
    assert len(documents(runner)) == 1


@pytest.mark.parametrize("reading", ["replace", "patch"])
@pytest.mark.parametrize("discount", ["discountsAmount", "discountAmount", "both"])
def test_a_partial_row_keeps_what_it_does_not_name(
    runner: TargetRunner, reading: str, discount: str
) -> None:
    """A partial row changes only its columns, under each reading of the upsert.

    It is sent as historical.
    """
    runner.world.switches.order_upsert = reading
    runner.world.switches.order_discount_field = discount
    runner.send("commerce_orders", ORDER)
    partial = {
        **{name: ORDER[name] for name in ("store_id", "store_order_id")},
        "status": "refunded",
        "creation_source": "real_time",
    }
    run = runner.send("commerce_orders", partial)
    assert run.actions == ["updated"]
    assert "historical" in run.reason()
    (order,) = documents(runner).values()
    assert order["normalizedStatus"] == "REFUNDED"
    assert (order["notes"], order["email"]) == (["ring twice"], "lea@harbour.example")
    assert order["lineItems"][0]["productStorePrimaryId"] == "p-1"
    assert float(order.get("discountsAmount", order.get("discountAmount"))) == 1
    assert not any(entry["starts"] for entry in runner.world.automation_log)


def test_real_time_is_sent_only_where_row_and_setting_say_so(runner: TargetRunner) -> None:
    """With `run_automations: false` an order is sent as historical, and the result says so."""
    live = ORDER | {"creation_source": "real_time"}
    run = runner.send("commerce_orders", live, dry_run=True)
    assert "starts automations" in run.reason()
    assert documents(runner) == {}
    assert runner.send("commerce_orders", live, run_automations=False).actions == ["created"]
    assert documents(runner)["a-1"]["creationSource"] == "HISTORICAL"
    before = len(runner.world.log)
    again = runner.send("commerce_orders", live, run_automations=False)
    assert (again.actions, again.reason()) == (["skipped"], HISTORICAL)
    assert not any(b"mutation" in entry.body for entry in runner.world.log[before:])
    runner.world.tables["storeOrders"].delete(next(iter(runner.world.tables["storeOrders"])).id)
    skipped = runner.send("commerce_orders", live, run_automations=False)
    assert (skipped.actions, "whole row" in skipped.reason()) == (["skipped"], True)
    assert runner.send("commerce_orders", live, run_automations=False).actions == ["created"]
    other = live | {"store_order_id": "a-2"}
    assert runner.send("commerce_orders", other).actions == ["created"]
    assert documents(runner)["a-2"]["creationSource"] == "REAL_TIME"


def test_100_orders_cost_three_requests(runner: TargetRunner) -> None:
    """One to read and two to write, whatever lines they have, at the speed of the rate limit."""
    lines = [{"name": f"Cup {n}", "store_line_id": f"l-{n}"} for n in range(3)]
    rows = [
        ORDER
        | {"store_order_id": f"n-{n}", "contact": {"email": f"p{n}@s.example"}, "lines": lines}
        for n in range(400)
    ]
    began = runner.clock.monotonic()
    run = runner.send("commerce_orders", *rows)
    assert set(run.actions) == {"created"}
    assert run.requests.count(("POST", "ecom/graphql")) == 4 + 8
    assert len(run.requests) <= 12 + 2
    assert runner.clock.monotonic() - began <= 1.05 * len(run.requests) / 5 + 1


def test_a_copy_starts_nothing(runner: TargetRunner) -> None:
    """Orders that started automations in another account are historical in the copy."""
    store_row = {"service": "own", "external_id": "shop-1"}
    live = ORDER | {"store_id": "77", "store": store_row, "creation_source": "real_time"}
    run = runner.send("commerce_orders", live, source_ids="foreign")
    assert run.actions == ["created"]
    assert "creation_source: written as historical" in run.reason()
    assert documents(runner)["a-1"]["creationSource"] == "HISTORICAL"
    assert not any(entry["starts"] for entry in runner.world.automation_log)


def test_bad_rows_are_found_by_their_own_ids_and_the_others_are_written(
    runner: TargetRunner,
) -> None:
    """A refusal names bad rows by id and costs one request; the other rows are written."""
    rows = [ORDER | {"store_order_id": f"n-{number}"} for number in range(20)]
    rows[3] = rows[3] | {"contact": {"email": "nonsense"}}
    rows[7] = rows[7] | {"store_order_id": "n-7-b", "currency": "Dollars"}
    run = runner.send("commerce_orders", *rows)
    assert [run.actions[3], run.actions[7]] == ["rejected", "rejected"]
    assert run.actions.count("created") == 18
    assert "email" in run.reason(4)
    assert len(documents(runner)) == 18
    assert run.writes.count(("POST", "ecom/graphql")) == 3


@pytest.mark.parametrize(
    "error_key", ["{table}-{field}-{key}-{own}", "store-{store}-{key}-{own}", "row-1-{own}-{field}"]
)
def test_an_error_whose_key_fits_several_rows_rejects_none_of_the_good_ones(
    runner: TargetRunner, error_key: str
) -> None:
    """A key may hold other numbers, and two stores may have one id: each such row is sent alone."""
    store.add_connection(runner.world, "own", "shop-2", "Other shop")
    runner.world.switches.graphql_error_key = error_key
    rows = [ORDER | {"store_order_id": own} for own in ("1", "3", "3-email", "4")]
    rows[1] = rows[1] | {"contact": {"email": "nonsense"}}
    run = runner.send("commerce_orders", *rows, ORDER | {"store_id": "2", "store_order_id": "3"})
    assert run.actions == ["created", "rejected", "created", "created", "created"]
    assert len(documents(runner)) == 4


def test_a_row_is_the_same_with_its_ids_as_numbers_or_as_text(runner: TargetRunner) -> None:
    """A row whose `store_id` is a number replaces what a row with the text wrote, and back."""
    key = {"store_order_id": "a-1", "status": "refunded"}
    assert runner.send("commerce_orders", ORDER).actions == ["created"]
    for store_id in (1, 1.0):
        assert runner.send("commerce_orders", key | {"store_id": store_id}).actions == ["updated"]
        assert runner.send("commerce_orders", ORDER).actions == ["updated"]
    assert documents(runner).popitem()[1]["normalizedStatus"] == "COMPLETED"


@pytest.mark.parametrize("most", [1, 7, 30])
def test_batches_halve_where_the_account_takes_fewer_rows(runner: TargetRunner, most: int) -> None:
    """Batches are halved until the account accepts them; each order is written once."""
    runner.world.switches.graphql_most_rows = most
    rows = [ORDER | {"store_order_id": f"n-{number}"} for number in range(40)]
    assert runner.send("commerce_orders", *rows).actions == ["created"] * 40
    assert len(documents(runner)) == 40


def test_an_error_that_names_no_row_still_ends_only_the_bad_row(runner: TargetRunner) -> None:
    """If an error names no row, halves of the batch are sent until the bad row is alone."""

    def unnamed(body: dict[str, Any]) -> None:
        for error in body.get("errors", ()):
            error["extensions"] = {}

    runner.world.faults.rewrite("/ecom/graphql", unnamed)
    rows = [ORDER | {"store_order_id": f"n-{number}"} for number in range(8)]
    rows[5] = rows[5] | {"currency": "Dollars"}
    run = runner.send("commerce_orders", *rows)
    assert run.actions == ["created"] * 5 + ["rejected"] + ["created"] * 2


@pytest.mark.parametrize("fault", ["reset_after_apply", "reset", "late_trouble"])
def test_an_answer_that_is_lost_is_asked_for_again(runner: TargetRunner, fault: str) -> None:
    """An upsert whose answer is lost is sent again and writes one row."""
    getattr(runner.world.faults, fault)("/ecom/graphql", times=2)
    assert runner.send("commerce_orders", ORDER).actions == ["created"]
    assert len(documents(runner)) == 1


@pytest.mark.parametrize(
    ("stream", "record", "word"),
    [
        ("commerce_orders", ORDER | {"store_id": "9"}, "store_id"),
        ("commerce_orders", ORDER | {"store_id": None}, "store_id"),
        ("commerce_orders", ORDER | {"store_order_id": None}, "store_order_id"),
        ("commerce_orders", ORDER | {"total_amount": None}, "total_amount"),
        ("commerce_orders", ORDER | {"status": "halfway"}, "status"),
        ("commerce_orders", ORDER | {"store_order_id": 123456789012345678.0}, "store_order_id"),
        ("commerce_orders", ORDER | {"store_id": "0_1"}, "store_id"),
        ("commerce_products", PRODUCT | {"price_amount": "much"}, "price_amount"),
        ("commerce_subscriptions", SUBSCRIPTION | {"store_id": "9"}, "store_id"),
        (
            "commerce_order_lines",
            {"store_id": "1", "store_order_id": "x", "name": "Mug"},
            "store_order_id",
        ),
    ],
)
def test_a_row_at_fault_is_rejected_with_its_column(
    runner: TargetRunner, stream: str, record: dict[str, Any], word: str
) -> None:
    """A wrong row is rejected with its column and writes nothing."""
    run = runner.send(stream, record)
    assert run.actions == ["rejected"]
    assert run.reason().startswith(word)
    assert documents(runner) == {}


def test_a_key_that_a_database_pads_is_the_same_order(runner: TargetRunner) -> None:
    """Blanks around a key and a text make no second order."""
    padded = {"store_order_id": f"{ORDER['store_order_id']}   ", "shipping_method": "Post   "}
    assert runner.send("commerce_orders", ORDER).actions == ["created"]
    assert runner.send("commerce_orders", ORDER | padded).actions == ["updated"]
    (order,) = documents(runner).values()
    assert order["shippingMethod"] == "Post"


def test_lines_as_rows_are_gathered_with_their_order(runner: TargetRunner) -> None:
    """Lines are written with their order, in any order of the input.

    Existing lines are replaced.
    """
    order = {name: ORDER[name] for name in ORDER if name != "lines"}
    lines = [
        {"store_id": "1", "store_order_id": "a-1", "store_line_id": f"l-{n}", "name": f"Cup {n}"}
        for n in range(3)
    ]
    run = runner.run(
        *stream_of("commerce_order_lines", *lines),
        *stream_of("commerce_orders", order),
        state_of(1),
    )
    assert run.actions == ["updated"] * 3 + ["created"]
    runner.send("commerce_order_lines", lines[1] | {"name": "Bowl"})
    names = [line["name"] for line in documents(runner)["a-1"]["lineItems"]]
    assert names == ["Cup 0", "Bowl", "Cup 2"]


def test_products_are_patched_and_rows_of_one_key_are_merged(runner: TargetRunner) -> None:
    """Two rows of one product in a batch are merged, because ActiveCampaign loses the second."""
    run = runner.send(
        "commerce_products", PRODUCT, {**PRODUCT, "name": "Cup"}, PRODUCT | {"brand": "A"}
    )
    assert set(run.actions) == {"updated"}
    assert documents(runner, "storeProducts")["p-1"]["brand"] == "A"
    clear = {"store_id": "1", "store_product_id": "p-1", "brand": None}
    runner.send("commerce_products", clear)
    assert documents(runner, "storeProducts")["p-1"]["brand"] == "A"
    runner.send("commerce_products", clear, null_policy="clear")
    product = documents(runner, "storeProducts")["p-1"]
    assert (product["brand"], product["variantName"]) == (None, "Mug")


def test_a_copy_goes_into_the_store_of_the_same_service_and_key(runner: TargetRunner) -> None:
    """A copied row goes into the store of its service and key; without it the row is rejected."""
    rows = [ORDER | {"store_id": "77"}]
    stores = [{"id": "77", "service": "own", "external_id": "shop-1"}]
    settings = {"source_ids": "foreign"}
    assert runner.send("commerce_orders", *rows, **settings).actions == ["rejected"]
    run = runner.run(
        *stream_of("commerce_orders", *rows),
        *stream_of("commerce_stores", *stores),
        state_of(1),
        **settings,
    )
    assert run.actions == ["created", "unchanged"]
    assert documents(runner)["a-1"]["legacyConnectionId"] == 1
    other = {"id": "78", "service": "own", "external_id": "shop-2"}
    run = runner.run(
        *stream_of("commerce_stores", other),
        *stream_of("commerce_orders", ORDER | {"store_id": "78"}),
        state_of(1),
        **settings,
    )
    assert run.actions == ["skipped", "rejected"]
    assert runner.send("commerce_stores", stores[0]).actions == ["skipped"]


def alike(value: Any) -> Any:
    """Return a value of a document in one spelling: numbers as such, currencies in upper case."""
    if isinstance(value, dict):
        kept = {name: alike(part) for name, part in value.items() if part not in (None, [], "")}
        return {name: part for name, part in kept.items() if name not in {"id", "connectionId"}}
    if isinstance(value, list):
        return [alike(part) for part in value]
    try:
        return float(value)
    except (TypeError, ValueError):
        return value.upper() if isinstance(value, str) else value


def test_a_copied_store_equals_its_source(runner: TargetRunner) -> None:
    """Orders with lines, products and subscriptions of a copy equal those of its source.

    Carts are skipped. A second copy writes nothing. Orders that the source has in its REST store
    alone come with their lines, amounts and discounts.
    """
    from tests.sandbox import Shape  # noqa: PLC0415 - this test alone plants shops

    source = Account(contacts=5, shape=Shape(stores=1, orders=40, products=6, subscriptions=4))
    source.world.tables["connections"][1].service = "own"
    source.world.tables["connections"][1].externalid = "shop-1"
    streams = (
        *("commerce_stores", "commerce_products", "commerce_orders"),
        *("commerce_order_lines", "commerce_subscriptions"),
    )
    ran = source.run(only=streams)
    messages = [m for name in streams for m in stream_of(name, *ran.records[name], keys=["id"])]
    run = runner.run(*messages, state_of(1), source_ids="foreign")
    assert run.code == 0
    carts = {
        record["id"] for record in ran.records["commerce_orders"] if not record["store_order_id"]
    }
    parts = [
        record for record in ran.records["commerce_order_lines"] if not record["store_order_id"]
    ]
    skipped = [result["reason"] for result in run.results if result["action"] == "skipped"]
    assert skipped == ["cart_id: abandoned carts cannot be written"] * len([*carts, *parts])
    assert run.actions.count("rejected") == 0
    for table in ("storeProducts", "storeRecurringPayments"):
        wanted = {row.key: row.document for row in source.world.tables[table]}
        assert alike(documents(runner, table)) == alike(wanted)
    wanted, copied = (
        {row.key: row.document for row in source.world.tables["storeOrders"]},
        documents(runner),
    )
    assert alike({key: copied[key] for key in wanted}) == alike(wanted)
    alone = {record["store_order_id"]: record for record in ran.records["commerce_orders"]}
    rest = [row for row in source.world.tables["ecomOrders"] if row.externalid not in wanted]
    orders = [row for row in rest if row.externalid]
    assert orders
    assert any(alone[row.externalid]["discounts"] for row in orders)
    for row in orders:
        document = copied[row.externalid]
        assert round(float(document["finalAmount"]) * 100) == row.totalPrice
        assert len(document["lineItems"]) == len(alone[row.externalid]["lines"])
        amounts = [
            float(discount["discountAmount"]) for discount in document.get("discounts") or []
        ]
        assert amounts == [discount["amount"] for discount in alone[row.externalid]["discounts"]]
    again = runner.run(*messages, state_of(1), source_ids="foreign")
    assert again.writes == []
    assert set(again.actions) == {"unchanged", "skipped"}
