"""Reading e-commerce: two stores as one, changes alone, and accounts without the feature."""

from __future__ import annotations

import pytest

from tests.sandbox import Shape
from tests.sandbox.ecommerce import store
from tests.tap.running import Account

STREAMS = [
    "commerce_stores",
    "commerce_customers",
    "commerce_orders",
    "commerce_order_lines",
    "commerce_products",
    "commerce_subscriptions",
]
SHOP = Shape(stores=2, orders=120, products=110, subscriptions=12, lines_per_order=2)


@pytest.fixture
def account():
    """An account with two shops; of ten orders one is a cart and one was written by REST."""
    return Account(contacts=40, shape=SHOP)


def test_every_row_is_read_once_with_its_key(account):
    """Each order, cart, line, customer, product, subscription and store is emitted once."""
    ran = account.run(only=STREAMS)
    tables = account.world.tables
    assert ran.code == 0
    assert ran.ids("commerce_stores") == ["1", "2"]
    for stream, table in (
        ("commerce_orders", "ecomOrders"),
        ("commerce_order_lines", "ecomOrderProducts"),
    ):
        assert sorted(map(int, ran.ids(stream))) == list(tables[table].rows)
    customers = [row.id for row in tables["ecomCustomers"] if row.connectionid]
    assert sorted(map(int, ran.ids("commerce_customers"))) == customers
    assert len(set(ran.ids("commerce_products"))) == 110
    assert len(set(ran.ids("commerce_subscriptions"))) == 12
    assert not any(record["_errors"] for rows in ran.records.values() for record in rows)
    assert ran.tap._report.stats_by_stream["commerce_customers"].skipped


def test_an_order_has_what_both_stores_know(account):
    """An order has addresses, notes and dates of GraphQL, and the cents of REST as decimals."""
    ran = account.run(only=["commerce_orders"])
    written = {row.key: row.document for row in account.world.tables["storeOrders"]}
    in_both = rest = carts = 0
    for row in account.world.tables["ecomOrders"]:
        record = ran.by_id("commerce_orders")[str(row.id)]
        assert round(record["total_amount"] * 100) == row.totalPrice
        assert record["contact"] == {"email": row.email}
        assert len(record["lines"]) == 2
        if row.externalid in written:
            in_both += 1
            assert record["total_amount"] == float(written[row.externalid]["finalAmount"])
            assert record["shipping_address"]["city"] == "Oslo"
            assert record["status"] == written[row.externalid]["normalizedStatus"].lower()
            assert record["lines"][0]["store_line_id"] == "l-1"
        else:
            rest += row.externalid is not None
            carts += row.externalid is None
            assert record["shipping_address"] is None
    assert (in_both, rest, carts) == (96, 12, 12)


def test_orders_cost_two_requests_a_page_and_lines_a_page_of_theirs(account):
    """100 orders cost one REST and one GraphQL request; their lines are read as a collection."""
    ran = account.run(only=["commerce_orders", "commerce_order_lines"])
    assert ran.paths().count("ecom/graphql") == 2
    assert ran.paths().count("ecomOrders") <= 3
    assert ran.paths().count("ecomOrderProducts") <= 5


def test_a_second_run_emits_only_what_changed(account):
    """A second run emits only the order whose status changed, with its lines."""
    account.world.switches.ecommerce_copy_seconds = 0
    first = account.run(only=STREAMS)
    account.wait(hours=30)
    second = account.run(first.state, only=STREAMS)
    assert "commerce_orders" not in second.records
    assert "commerce_products" not in second.records
    account.wait(hours=1)
    row = next(iter(account.world.tables["storeOrders"]))
    document = {**row.document, "normalizedStatus": "RETURNED"}
    store.write_order(account.world, document, waits=True)
    account.wait(minutes=1)
    third = account.run(second.state, only=STREAMS)
    (order,) = third.records["commerce_orders"]
    assert (order["store_order_id"], order["status"]) == (row.key, "returned")
    assert len(third.records["commerce_order_lines"]) == 2


def test_a_run_after_which_nothing_changed_costs_the_pages_of_orders_alone(account):
    """Unchanged orders cost their pages: no line, no GraphQL order and no discount is read.

    Where all orders are in the overlap, the lines are read as a collection, as in a first run.
    Three orders that changed cost a request for the lines of each, and one of GraphQL per page.
    """
    streams = ["commerce_orders", "commerce_order_lines"]
    account.world.switches.ecommerce_copy_seconds = 0
    first = account.run(only=streams)
    account.wait(hours=60)
    overlapping = account.run(first.state, only=streams)
    assert overlapping.requests <= first.requests + 2
    account.wait(hours=1)
    second = account.run(overlapping.state, only=streams)
    assert second.records == {}
    assert set(second.paths()) == {"ecomOrders"}
    stats = second.tap._report.stats_by_stream["commerce_orders"]
    assert (stats.read, stats.suppressed, stats.emitted) == (120, 120, 0)
    account.wait(hours=1)
    rows = list(account.world.tables["storeOrders"])[:3]
    for row in rows:
        document = {**row.document, "normalizedStatus": "RETURNED"}
        store.write_order(account.world, document, waits=True)
    account.wait(minutes=1)
    third = account.run(second.state, only=streams)
    assert len(third.records["commerce_orders"]) == 3
    assert len(third.records["commerce_order_lines"]) == 6
    others = [path for path in third.paths() if path != "ecomOrders"]
    lines = [path for path in others if path.endswith("/orderProducts")]
    assert len(lines) == 3
    assert len(others) - len(lines) <= 3


def test_products_and_subscriptions_that_changed_cost_a_request_each(account):
    """Changed products and subscriptions cost one request each, sorted by modification."""
    first = account.run(only=["commerce_products", "commerce_subscriptions"])
    account.wait(hours=100)
    world = account.world
    row = next(iter(world.tables["storeProducts"]))
    modified = world.clock().strftime("%Y-%m-%dT%H:%M:%SZ")
    change = {**row.document, "baseProductStoreModifiedDate": modified, "brand": "New"}
    store.put_record(world, "storeProducts", change, replaces=False)
    ran = account.run(first.state, only=["commerce_products", "commerce_subscriptions"])
    assert [record["brand"] for record in ran.records["commerce_products"]] == ["New"]
    assert "commerce_subscriptions" not in ran.records


@pytest.mark.parametrize("reading", ["replace", "patch"])
@pytest.mark.parametrize("discount", ["discountsAmount", "discountAmount", "both"])
@pytest.mark.parametrize("decimals", ["number", "text"])
def test_every_spelling_of_an_amount_is_the_same_amount(reading, discount, decimals):
    """Cents of REST and decimals of GraphQL are the same amount in each spelling."""
    shape = Shape(stores=1, orders=20, products=3)
    account = Account(
        contacts=5,
        shape=shape,
        order_upsert=reading,
        order_discount_field=discount,
        graphql_decimals=decimals,
    )
    ran = account.run(only=["commerce_orders"])
    for row in account.world.tables["ecomOrders"]:
        record = ran.by_id("commerce_orders")[str(row.id)]
        assert round(record["discount_amount"] * 100) == row.discountAmount
        assert round(record["shipping_amount"] * 100) == row.shippingAmount


@pytest.mark.parametrize("closed", [403, 404, "errors"])
def test_an_account_without_the_feature_is_skipped(closed, caplog):
    """Without e-commerce each stream is skipped with one warning, and the run succeeds."""
    account = Account(contacts=3, ecommerce="closed", ecommerce_closed=closed)
    ran = account.run(only=[*STREAMS, "marketing_tags"])
    assert ran.code == 0
    assert ran.records.keys() == {"marketing_tags"}
    warnings = [record for record in caplog.records if "commerce_products" in record.getMessage()]
    assert [warning.levelname for warning in warnings if warning.levelname == "WARNING"] == [
        "WARNING"
    ]


def test_an_account_whose_graphql_is_closed_still_gives_its_orders(caplog):
    """Without GraphQL the tap emits REST orders without GraphQL's columns, with one warning."""
    account = Account(contacts=10, shape=Shape(stores=1, orders=30, products=3))
    account.world.faults.forbid("/ecom/graphql")
    ran = account.run(only=["commerce_orders"])
    assert ran.code == 0
    assert len(ran.ids("commerce_orders")) == 30
    assert {record["shipping_address"] for record in ran.records["commerce_orders"]} == {None}
    assert sum("GraphQL" in record.getMessage() for record in caplog.records) == 1


def discounts_by_order(account):
    """Return the amounts of the discounts that the REST store has, by the id of their order."""
    found: dict[str, list[int]] = {}
    for row in account.world.tables["orderDiscounts"]:
        found.setdefault(str(row.orderid), []).append(row.discountAmount)
    return found


@pytest.mark.parametrize("is_closed", [False, True])
def test_an_order_has_its_discounts_whichever_store_answers(account, is_closed):
    """An order has its discounts; each order that only REST answers costs a request for them.

    An order without a discount costs none.
    """
    if is_closed:
        account.world.faults.forbid("/ecom/graphql")
    ran = account.run(only=["commerce_orders"])
    truth = discounts_by_order(account)
    for order_id, record in ran.by_id("commerce_orders").items():
        amounts = [round(each["amount"] * 100) for each in record["discounts"]]
        assert amounts == truth.get(order_id, [])
        assert {(each["name"], each["type"]) for each in record["discounts"]} <= {
            ("SPRING", "order")
        }
    in_graphql = {row.key for row in account.world.tables["storeOrders"]}
    alone = [
        row.id
        for row in account.world.tables["ecomOrders"]
        if row.discountAmount and (is_closed or row.externalid not in in_graphql)
    ]
    assert alone
    paths = [path for path in ran.paths() if path.endswith("orderDiscounts")]
    assert sorted(paths) == sorted(f"ecomOrders/{order_id}/orderDiscounts" for order_id in alone)


def test_discounts_that_are_not_selected_cost_no_request(account):
    """Without the property `discounts` the tap asks for the discounts of no order."""
    catalog = account.discover()
    catalog["commerce_orders"].metadata["properties", "discounts"].selected = False
    ran = account.run(only=["commerce_orders"], catalog=catalog)
    assert ran.code == 0
    assert not [path for path in ran.paths() if path.endswith("orderDiscounts")]


def test_an_account_without_a_collection_of_discounts_still_gives_its_orders(account, caplog):
    """If the account refuses the discounts of an order, all orders come, with one warning."""
    for row in account.world.tables["ecomOrders"]:
        account.world.faults.forbid(f"/ecomOrders/{row.id}/orderDiscounts")
    ran = account.run(only=["commerce_orders"])
    assert ran.code == 0
    assert len(ran.ids("commerce_orders")) == 120
    assert (
        sum("leaves its related rows empty" in record.getMessage() for record in caplog.records)
        == 1
    )


def test_a_limit_of_rows_or_tokens_is_met_by_asking_for_fewer():
    """The tap halves a GraphQL document until the account accepts it; each order has addresses."""
    account = Account(contacts=10, shape=Shape(stores=1, orders=120, products=3))
    error = {"errors": [{"message": "More than 15,000 'grammar' tokens have been presented."}]}
    account.world.faults.refuse("/ecom/graphql", error, 2, status=200)
    ran = account.run(only=["commerce_orders"])
    addressed = [r for r in ran.records["commerce_orders"] if r["shipping_address"]]
    assert len(addressed) == len(account.world.tables["storeOrders"])


def test_a_run_that_selects_none_of_it_costs_no_request_more(account):
    """The default selection requests no path of e-commerce."""
    ran = account.run()
    assert not [path for path in ran.paths() if path.startswith(("ecom", "connections", "custom"))]


def test_deleted_orders_and_lines_are_found(account):
    """`detect_deletes` finds an order, its lines, a customer, and a line that an order lost."""
    streams = ["commerce_customers", "commerce_orders", "commerce_order_lines"]
    first = account.run(only=streams, detect_deletes=True)
    assert (first.code, first.line) == (0, None)
    world, tables = account.world, account.world.tables
    account.wait(hours=1)
    deleted_order, changed = list(tables["ecomOrders"].rows)[:2]
    lines = [row.id for row in tables["ecomOrderProducts"].by("orderid", deleted_order)]
    store.delete_order(world, deleted_order)
    lost, kept = (row.id for row in tables["ecomOrderProducts"].by("orderid", changed))
    tables["ecomOrderProducts"].delete(lost)
    tables["ecomOrders"].change(tables["ecomOrders"][changed], updated=world.now())
    customer = next(row.id for row in tables["ecomCustomers"] if row.connectionid)
    tables["ecomCustomers"].delete(customer)

    account.wait(minutes=5)
    second = account.run(first.state, only=streams, detect_deletes=True)
    assert (second.code, second.line) == (0, None)
    found = {
        name: sorted(int(row["id"]) for row in rows if row["_sdc_deleted_at"])
        for name, rows in second.records.items()
    }
    assert found == {
        "commerce_customers": [customer],
        "commerce_orders": [deleted_order],
        "commerce_order_lines": sorted([*lines, lost]),
    }
    emitted = second.by_id("commerce_order_lines")
    assert emitted[str(kept)]["_sdc_deleted_at"] is None
    account.wait(hours=1)
    third = account.run(second.state, only=streams, detect_deletes=True)
    assert not any(row["_sdc_deleted_at"] for rows in third.records.values() for row in rows)


@pytest.mark.parametrize("name", ["ecomOrderDiscounts", "orderDiscounts"])
def test_discounts_of_orders_are_read_under_either_name(name):
    """`raw_order_discounts` has the discounts of each order, whichever name the answer has."""
    account = Account(contacts=5, shape=Shape(stores=1, orders=3))
    account.world.switches.order_discounts = name
    expected = [str(row.id) for row in account.world.tables["orderDiscounts"]]
    assert expected
    ran = account.run(only=["raw_order_discounts"])
    assert sorted(ran.ids("raw_order_discounts")) == sorted(expected)
