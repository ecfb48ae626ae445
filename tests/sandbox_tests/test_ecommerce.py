"""E-commerce: two stores, a copy in one direction, and each unconfirmed behaviour."""

from __future__ import annotations

import pytest

from tests.sandbox import Shape
from tests.sandbox_tests.caller import caller_of

ORDER = {
    "legacyConnectionId": 1,
    "storeOrderId": "a-1",
    "email": "kim@x.example",
    "storeCustomerId": "c-1",
    "storeCreatedDate": "2030-05-01T10:00:00Z",
    "storeModifiedDate": "2030-05-02T10:00:00Z",
    "finalAmount": 12.5,
    "currency": "USD",
    "normalizedStatus": "COMPLETED",
    "notes": ["ring twice"],
    "discounts": [{"name": "X", "type": "ORDER", "discountAmount": 1}],
    "lineItems": [{"storeBaseProductId": "b", "name": "Mug", "quantity": 2, "priceAmount": "12.5"}],
}
UPSERT = "mutation($o: OrderInput) { upsertOrder(order: $o) { id storeOrderId notes } }"
BULK = "mutation($o: [OrderInput]) { bulkUpsertOrders(orders: $o) { storeOrderId } }"
ASYNC = "mutation($o: [OrderInput]) { bulkUpsertOrdersAsync(orders: $o) { recordId } }"
PRODUCTS = "mutation($p: [ProductInput]) { bulkUpsertProducts(products: $p) { storePrimaryId } }"
PAYMENTS = (
    "mutation($p: [RecurringPaymentInput])"
    " { bulkUpsertRecurringPayments(recurringPayments: $p) { recordId } }"
)
SEARCH = "query($f: OrderFilter) { searchOrder(filter: $f) { storeOrderId storeModifiedDate } }"


def shop(**switches):
    """Return a caller of an account with one empty store."""
    caller = caller_of(is_empty=True, ecommerce="served", **switches)
    body = {"service": "own", "externalid": "s", "name": "Shop", "logoUrl": "l", "linkUrl": "u"}
    assert caller.ask("POST", "/connections", {"connection": body})[0] == 200
    return caller


def graphql(caller, query, **variables):
    """Send a GraphQL request; its status is always 200."""
    status, document = caller.ask("POST", "/ecom/graphql", {"query": query, "variables": variables})
    assert status == 200
    return document


def later(caller, seconds=60):
    """Advance the clock until the account's jobs are due."""
    caller.world.clock.advance(seconds)


def found(caller, **filters):
    """Search orders; return their keys."""
    document = graphql(caller, SEARCH, f=filters)
    assert "errors" not in document, document
    return [row["storeOrderId"] for row in document["data"]["searchOrder"]]


def test_an_order_reaches_the_rest_store_some_seconds_later():
    """Contact and customer exist at once, the REST order in cents after the copy."""
    caller = shop()
    document = graphql(caller, UPSERT, o=ORDER)
    assert document["data"]["upsertOrder"]["storeOrderId"] == "a-1"
    assert caller.world.find_contact("kim@x.example") is not None
    sums, customer = caller.rows("/ecomCustomers")
    assert (sums["connectionid"], sums["externalid"], sums["connection"]) == ("0", "0", None)
    assert customer["externalid"] == "c-1"
    assert caller.rows("/ecomOrders") == []
    later(caller)
    (order,) = caller.rows("/ecomOrders")
    assert (order["totalPrice"], order["state"], order["externalid"]) == (1250, 1, "a-1")
    assert order["orderProducts"] == ["1"]
    (line,) = caller.get("/ecomOrders/1/orderProducts")["ecomOrderProducts"]
    assert (line["price"], line["quantity"], line["externalid"]) == ("1250", "2", "b")
    (discount,) = caller.get("/ecomOrders/1/orderDiscounts")["ecomOrderDiscounts"]
    assert (discount["type"], discount["discountAmount"]) == ("order", "100")
    assert caller.rows("/ecomCustomers")[0]["totalRevenue"] == "1250"


def test_an_async_batch_is_accepted_first_and_searchable_later():
    """An async batch answers a record id, and a search finds the order some seconds later."""
    caller = shop()
    answer = graphql(caller, ASYNC, o=[ORDER])
    assert answer["data"]["bulkUpsertOrdersAsync"]["recordId"]
    assert found(caller) == []
    later(caller)
    assert found(caller) == ["a-1"]


def test_an_order_written_twice_is_one_order():
    """Two upserts with one store id are one order."""
    caller = shop()
    graphql(caller, BULK, o=[ORDER])
    graphql(caller, BULK, o=[ORDER | {"finalAmount": 20}])
    later(caller)
    assert found(caller) == ["a-1"]
    assert [row["totalPrice"] for row in caller.rows("/ecomOrders")] == [2000]
    assert len(caller.rows("/ecomOrderProducts")) == 1


@pytest.mark.parametrize(("reading", "notes"), [("replace", None), ("patch", ["ring twice"])])
def test_an_upsert_replaces_or_patches(reading, notes):
    """An absent field is cleared or kept, by a switch: the API is undocumented."""
    caller = shop(order_upsert=reading)
    graphql(caller, UPSERT, o=ORDER)
    partial = {name: ORDER[name] for name in ORDER if name not in ("notes", "lineItems")}
    document = graphql(caller, UPSERT, o=partial)
    assert document["data"]["upsertOrder"]["notes"] == notes


def test_one_bad_row_refuses_the_batch_and_is_named_by_its_own_id():
    """A bad row refuses the batch; the error's key has the field and the store's id."""
    caller = shop()
    bad = ORDER | {"storeOrderId": "a-2-b", "email": "nonsense"}
    document = graphql(caller, BULK, o=[ORDER, bad])
    (error,) = document["errors"]
    assert error["message"] == "Validation errors"
    ((key, texts),) = error["extensions"].items()
    assert "-email-" in key
    assert "-storeOrderId-a-2-b-" in key
    assert texts == ["must be a well-formed email address"]
    assert found(caller) == []
    assert caller.world.tables["contacts"].last_id == 0


def test_unknown_fields_and_missing_fields_are_errors_with_status_200():
    """Unknown and missing fields are errors with status 200, and nothing is written."""
    caller = shop()
    assert "errors" in graphql(caller, BULK, o=[ORDER | {"taxAmount": 1}])
    assert "errors" in graphql(caller, "{ searchOrder { nonsense } }")
    assert "errors" in graphql(caller, "no graphql at all")
    incomplete = {name: ORDER[name] for name in ORDER if name != "finalAmount"}
    assert "errors" in graphql(caller, BULK, o=[incomplete])


def test_the_account_can_be_asked_for_its_fields():
    """Introspection returns the members of an input type, the discount as the switch says."""
    query = '{ __type(name: "OrderInput") { inputFields { name } } }'
    names = {field["name"] for field in graphql(shop(), query)["data"]["__type"]["inputFields"]}
    assert "discountsAmount" in names
    assert "discountAmount" not in names
    caller = shop(order_discount_field="discountAmount")
    assert "errors" in graphql(caller, BULK, o=[ORDER | {"discountsAmount": 1}])
    assert "errors" not in graphql(caller, BULK, o=[ORDER | {"discountAmount": 1}])


def test_a_document_has_at_most_15000_tokens():
    """A document has at most 15,000 tokens; variables count only by a switch."""
    caller = shop()
    query = "{ " + " ".join(f"a{n}: __typename" for n in range(5001)) + " }"
    assert "grammar' tokens" in graphql(caller, query)["errors"][0]["message"]
    orders = [ORDER | {"storeOrderId": f"n-{n}"} for n in range(200)]
    assert "errors" not in graphql(caller, BULK, o=orders)
    caller.world.switches.tokens_count_variables = True
    assert "grammar' tokens" in graphql(caller, BULK, o=orders)["errors"][0]["message"]
    caller.world.switches.graphql_most_rows = 30
    assert "Too many rows" in graphql(caller, BULK, o=orders[:31])["errors"][0]["message"]
    assert "errors" not in graphql(caller, BULK, o=orders[:30])


def test_searches_are_paged_sorted_and_filtered_as_documented():
    """A search is a plain list without a total; strings accept EQ and CONTAINS."""
    caller = shop()
    days = ("2030-05-03", "2030-05-01", "2030-05-02")
    orders = [
        ORDER | {"storeOrderId": f"n-{n}", "storeModifiedDate": f"{day}T00:00:00Z"}
        for n, day in enumerate(days)
    ]
    graphql(caller, BULK, o=[*orders, ORDER | {"storeOrderId": "n-3", "storeModifiedDate": None}])
    newest = {"storeModifiedDate": {"sort": "DESC"}}
    assert found(caller, **newest) == ["n-0", "n-2", "n-1", "n-3"]
    assert found(caller, **newest, pagination={"offset": 1, "limit": 2}) == ["n-2", "n-1"]
    day = {"value": "2030-05-02", "filterOperator": "CONTAINS"}
    assert found(caller, storeModifiedDate=day) == ["n-2"]
    condition = {"storeModifiedDate": {"value": "2030-05-02", "filterOperator": "GTE"}}
    assert "errors" in graphql(caller, SEARCH, f=condition)
    assert "errors" in graphql(caller, SEARCH, f={"email": {"value": "x"}})
    assert "errors" in graphql(caller, SEARCH, f={"pagination": {"limit": 101}})
    switches = caller.world.switches
    switches.date_ranges = "honoured"
    assert found(caller, **condition) == ["n-0", "n-2"]
    switches.date_ranges = "ignored"
    assert len(found(caller, **condition)) == 4
    switches.missing_dates_sort = "first"
    assert found(caller, **newest)[0] == "n-3"
    switches.ecommerce_sort = "ignored"
    assert found(caller, **newest) == ["n-0", "n-1", "n-2", "n-3"]
    switches.order_filters = "shown"
    assert "errors" in graphql(caller, SEARCH, f=condition)


def test_products_are_patched_and_the_second_row_of_a_key_is_lost_in_silence():
    """An absent product field stays, null clears; of two rows with one key the first is kept."""
    caller = shop()
    key = {"legacyConnectionId": 1, "storePrimaryId": "p"}
    graphql(caller, PRODUCTS, p=[key | {"variantName": "Mug", "brand": "Acme"}])
    graphql(caller, PRODUCTS, p=[key | {"brand": None}, key | {"brand": "Lost"}])
    document = graphql(caller, "{ searchProduct { id variantName brand } }")
    (product,) = document["data"]["searchProduct"]
    assert (product["variantName"], product["brand"]) == ("Mug", None)
    create = "mutation($p: ProductInput) { createProduct(product: $p) { id } }"
    assert graphql(caller, create, p=key)["errors"][0]["message"] == "Validation errors"
    delete = "mutation($id: String) { deleteProduct(id: $id) { storePrimaryId } }"
    assert "errors" not in graphql(caller, delete, id=product["id"])
    assert graphql(caller, "{ searchProduct { id } }")["data"]["searchProduct"] == []


def test_subscriptions_are_accepted_and_there_later():
    """A subscription's mutation answers a record id; amounts are numbers, or text by a switch."""
    caller = shop()
    payment = {"legacyConnectionId": 1, "storeRecurringPaymentId": "s", "paymentAmount": "9.90"}
    assert graphql(caller, PAYMENTS, p=[payment])["data"]["bulkUpsertRecurringPayments"]["recordId"]
    query = "{ searchRecurringPayment { paymentAmount } }"
    assert graphql(caller, query)["data"]["searchRecurringPayment"] == []
    later(caller)
    assert graphql(caller, query)["data"]["searchRecurringPayment"] == [{"paymentAmount": 9.9}]
    caller.world.switches.graphql_decimals = "text"
    assert graphql(caller, query)["data"]["searchRecurringPayment"] == [{"paymentAmount": "9.90"}]


def test_historical_orders_start_no_automation():
    """Only REAL_TIME orders start automations."""
    caller = shop()
    graphql(caller, BULK, o=[ORDER | {"creationSource": "HISTORICAL"}])
    assert not any(entry["starts"] for entry in caller.world.automation_log)
    graphql(caller, BULK, o=[ORDER | {"creationSource": "REAL_TIME"}])
    assert any(entry["starts"] for entry in caller.world.automation_log)


def test_rest_orders_never_reach_the_graphql_store():
    """A REST order stays in the REST store; an update replaces its lines; a cart has no id."""
    caller = shop()
    customer = {"connectionid": "1", "externalid": "c", "email": "kim@x.example"}
    assert caller.ask("POST", "/ecomCustomers", {"ecomCustomer": customer})[0] == 201
    assert caller.ask("POST", "/ecomCustomers", {"ecomCustomer": customer})[0] == 422
    order = {
        "externalid": "r-1",
        "source": "0",
        "email": "kim@x.example",
        "totalPrice": 900,
        "currency": "USD",
        "connectionid": "1",
        "customerid": "2",
        "externalCreatedDate": "2030-05-01T10:00:00Z",
        "orderProducts": [{"externalid": "p", "name": "Mug", "price": 900, "quantity": 1}],
    }
    status, document = caller.ask("POST", "/ecomOrders", {"ecomOrder": order})
    assert (status, document["ecomOrder"]["totalPrice"]) == (201, "900")
    assert caller.ask("POST", "/ecomOrders", {"ecomOrder": order})[0] == 422
    caller.world.switches.ecom_duplicate_status = 400
    assert caller.ask("POST", "/ecomOrders", {"ecomOrder": order})[0] == 400
    lines = {"orderProducts": [{"externalid": "q", "name": "Cup", "price": 5, "quantity": 2}]}
    assert caller.ask("PUT", "/ecomOrders/1", {"ecomOrder": lines})[0] == 200
    assert [row["externalid"] for row in caller.rows("/ecomOrderProducts")] == ["q"]
    cart = order | {"externalcheckoutid": "cart", "abandonedDate": "2030-05-01T11:00:00Z"}
    del cart["externalid"]
    assert caller.ask("POST", "/ecomOrders", {"ecomOrder": cart})[0] == 201
    later(caller)
    assert found(caller) == []
    assert caller.call("DELETE", "/ecomOrders/1").status_code == 200
    assert [row["externalid"] for row in caller.rows("/ecomOrders")] == [None]


def test_a_planted_account_holds_both_kinds_of_orders_and_survives_a_restart(tmp_path):
    """Of ten planted orders eight are in both stores, one in REST alone, one is a cart."""
    from tests.sandbox import World, state  # noqa: PLC0415  # only this test keeps a file

    shape = Shape(stores=2, orders=20, products=5, subscriptions=3)
    caller = caller_of(contacts=10, shape=shape)
    orders = caller.rows("/ecomOrders", limit=100)
    assert len(orders) == 20
    assert sum(row["externalid"] is None for row in orders) == 2
    assert len(found(caller, pagination={"limit": 100})) == 16
    state.save(caller.world, str(tmp_path / "account.db"))
    again = World(is_empty=True, clock=caller.world.clock)
    state.load(again, str(tmp_path / "account.db"))
    assert again.tables["ecomOrders"].rows == caller.world.tables["ecomOrders"].rows
    assert again.switches.ecommerce == "served"
    assert again.tables["storeOrders"].rows == caller.world.tables["storeOrders"].rows


def test_an_account_may_lack_the_feature():
    """An account without e-commerce answers 403, 404, or GraphQL errors and empty collections."""
    caller = caller_of(ecommerce="closed")
    for path in ("/connections", "/ecomOrders", "/ecomCustomers"):
        assert caller.call("GET", path).status_code == 403
    body = {"query": "{ searchOrder { id } }"}
    assert caller.call("POST", "/ecom/graphql", body).status_code == 403
    caller.world.switches.ecommerce_closed = 404
    assert caller.call("POST", "/ecom/graphql", body).status_code == 404
    caller.world.switches.ecommerce_closed = "errors"
    assert caller.ask("POST", "/ecom/graphql", body)[1]["errors"]
    assert caller.rows("/ecomOrders") == []


def test_accounts_of_earlier_tests_stay_as_they_are():
    """Without a count or a switch the rows are invented, and there is no GraphQL."""
    caller = caller_of()
    assert len(caller.rows("/ecomOrders")) == 6
    assert caller.call("POST", "/ecom/graphql", {}).status_code == 404
