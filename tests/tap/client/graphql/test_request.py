"""GraphQL requests and pagination: errors with status 200, and the search for changed rows."""

from __future__ import annotations

import datetime as dt

import pytest

from tap_activecampaign_unified.client import InvalidRequest, PermissionDenied, ServerError
from tap_activecampaign_unified.client.errors import UnexpectedResponse
from tap_activecampaign_unified.client.graphql.changed_rows import walk_changes
from tap_activecampaign_unified.client.graphql.existing_columns import fields_of
from tap_activecampaign_unified.client.graphql.request import TooLarge, problem_of, run_graphql
from tap_activecampaign_unified.client.graphql.search_walk import Search, walk_search
from tests.sandbox import Shape
from tests.sandbox.ecommerce import store
from tests.sandbox.ecommerce.planting import stamp

COLUMNS = ("storePrimaryId", "legacyConnectionId", "baseProductStoreModifiedDate")
PRODUCTS = Search(
    "searchProduct",
    "ProductFilter",
    "Product",
    {name: name for name in COLUMNS},
    ("legacyConnectionId", "storePrimaryId"),
    ("baseProductStoreModifiedDate",),
)
EVERY = "{ searchProduct { id } }"


@pytest.fixture
def shop(make_world):
    """An account with 250 products, one of them modified on each day."""
    world = make_world(shape=Shape(stores=1), requests_per_second=0)
    now = world.now()
    for number in range(250):
        put(world, f"p-{number:03}", now - number * 86400)
    return world


def put(world, key, modified):
    """Write a product as a store does."""
    row = {"legacyConnectionId": 1, "storePrimaryId": key}
    if modified is not None:
        row["baseProductStoreModifiedDate"] = stamp(modified)
    store.put_record(world, "storeProducts", row, replaces=True)


def keys(client, since=None, search=PRODUCTS):
    """Return the keys in the order of the walk."""
    pages = walk_changes(client, search, since) if since else walk_search(client, search)
    return [row["storePrimaryId"] for page in pages for row in page.rows]


def day(world, ago):
    """Return the day so many days ago."""
    return (dt.datetime.fromtimestamp(world.now(), dt.UTC) - dt.timedelta(days=ago)).date()


def test_a_walk_gives_every_row_once_in_the_order_of_its_key(shop, make_client):
    """The walk emits every row once in the order of its key; pages of 100 overlap by a row."""
    client = make_client(shop)
    assert keys(client) == [f"p-{number:03}" for number in range(250)]
    assert shop.count("POST", "ecom/graphql") == 3


def test_rows_deleted_during_a_walk_cost_no_other_row(shop, make_client):
    """If the shared row of two pages is missing, the walk steps back until it finds a known row."""
    client = make_client(shop)
    deleted = []

    def delete_some(world, method, path, query):
        if world.count("POST", "ecom/graphql") == 2 and not deleted:
            for row in list(world.tables["storeProducts"])[:50]:
                deleted.append(row.key)
                world.tables["storeProducts"].delete(row.id)

    shop.before_request(delete_some)
    found = keys(client)
    assert len(deleted) == 50
    assert len(found) == len(set(found))
    assert set(found) >= {row.key for row in shop.tables["storeProducts"]}


def test_changes_are_found_by_the_order_of_modification_where_the_account_sorts(shop, make_client):
    """If the account sorts by modification, the walk reads newest first and stops at an old row."""
    client = make_client(shop)
    found = keys(client, day(shop, 5))
    assert set(found) >= {f"p-{number:03}" for number in range(6)}
    assert shop.count("POST", "ecom/graphql") == 1


def test_changes_are_found_day_by_day_where_the_account_does_not_sort(shop, make_client):
    """Where the account does not sort, the walk reads day by day with `CONTAINS`.

    An unsorted page and a page of its day prove first that `CONTAINS` works.
    """
    shop.switches.ecommerce_sort = "ignored"
    rows = list(shop.tables["storeProducts"])
    first, last = rows[0], rows[-1]
    first.document, last.document = last.document, first.document
    client = make_client(shop)
    found = keys(client, day(shop, 3))
    assert set(found) == {f"p-{number:03}" for number in range(4)}
    assert shop.count("POST", "ecom/graphql") == 3 + 5


def test_everything_is_read_where_changes_cannot_be_asked_for(make_world, make_client):
    """If rows have no date, the walk reads all rows."""
    world = make_world(shape=Shape(stores=1), requests_per_second=0)
    for number in range(5):
        put(world, f"p-{number}", None)
    assert len(keys(make_client(world), day(world, 3))) == 5


@pytest.mark.parametrize("place", ["first", "last"])
def test_rows_without_a_date_do_not_end_the_walk_too_early(shop, make_client, place):
    """If rows without a date come first, the walk does not trust the order and reads by day."""
    shop.switches.missing_dates_sort = place
    put(shop, "x-undated", None)
    found = keys(make_client(shop), day(shop, 5))
    assert set(found) >= {f"p-{number:03}" for number in range(6)}


def test_columns_that_the_account_does_not_have_are_left_out(shop, make_client):
    """After a refusal the client reads the schema once and leaves out unknown columns."""
    selection = PRODUCTS.selection | {"ups": "ups"}
    search = Search(
        *(getattr(PRODUCTS, name) for name in ("field", "filter_type", "type_name")),
        selection,
        PRODUCTS.keys,
        PRODUCTS.modified,
    )
    client = make_client(shop)
    assert len(keys(client, search=search)) == 250
    assert shop.count("POST", "ecom/graphql") == 5
    assert "storePrimaryId" in fields_of(client, "ProductInput")


@pytest.mark.parametrize("every", [1, 2, 50, 100])
def test_null_in_place_of_a_row_ends_no_walk(shop, make_client, every, caplog):
    """A page with null in place of rows is a full page: the walk emits the others, and warns."""
    shop.switches.search_nulls = every
    found = keys(make_client(shop))
    assert found == [f"p-{number:03}" for number in range(250) if number % every != every - 1]
    assert sum("null in place of a row" in record.message for record in caplog.records) == 1


@pytest.mark.parametrize("answer", [None, {}, ["p-1"]])
def test_a_search_without_an_array_of_rows_is_not_empty(shop, make_client, answer):
    """A search that is answered without an array of objects fails: its rows are unknown."""
    shop.faults.rewrite("/ecom/graphql", lambda body: body["data"].update(searchProduct=answer))
    with pytest.raises(UnexpectedResponse, match="searchProduct of the response"):
        keys(make_client(shop))


def test_errors_beside_data_are_failures(shop, make_client):
    """An answer with errors fails, even with status 200 and data."""
    client = make_client(shop)
    with pytest.raises(InvalidRequest, match="Cannot query field"):
        run_graphql(client, "{ nonsense }")
    shop.faults.rewrite(
        "/ecom/graphql", lambda body: body.update(errors=[{"message": "half of it failed"}]), 1
    )
    with pytest.raises(InvalidRequest, match="half of it"):
        run_graphql(client, EVERY)


def test_errors_of_the_server_are_retried(shop, make_client):
    """An internal error is retried as a 5xx is, and then raised as the server's error."""
    client = make_client(shop, max_retry_seconds=60)
    error = {"errors": [{"message": "Internal Server Error(s) while executing query"}]}
    shop.faults.refuse("/ecom/graphql", error, 2, status=200)
    assert run_graphql(client, EVERY)["searchProduct"]
    shop.faults.refuse("/ecom/graphql", error, None, status=200)
    with pytest.raises(ServerError):
        run_graphql(client, EVERY)


def test_validation_errors_name_each_complaint(shop, make_client):
    """Each entry of the extensions is a reason with its attribute and its text."""
    client = make_client(shop)
    document = "mutation($p: [ProductInput]) { bulkUpsertProducts(products: $p) { id } }"
    rows = [
        {"legacyConnectionId": 9, "storePrimaryId": "a"},
        {"legacyConnectionId": 1, "storePrimaryId": "b-2", "variantPriceCurrency": "US Dollar"},
    ]
    with pytest.raises(InvalidRequest) as refused:
        run_graphql(client, document, {"p": rows})
    (reason,) = refused.value.reasons
    assert "-storePrimaryId-a-" in reason.attribute
    assert "No connection" in reason.text


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"message": "More than 15,000 'grammar' tokens have been presented."}, TooLarge),
        ({"message": "Too many rows in one request: 50"}, TooLarge),
        ({"message": "User is not authorized"}, PermissionDenied),
        ({"message": "x", "extensions": {"classification": "FORBIDDEN"}}, PermissionDenied),
        ({"message": "x", "extensions": {"classification": "INTERNAL_ERROR"}}, ServerError),
        ({"message": "Request timed out"}, ServerError),
        (
            {
                "message": "Field 'timeout' in type 'Order' is undefined",
                "extensions": {"classification": "ValidationError"},
            },
            InvalidRequest,
        ),
        ({"message": "Validation errors", "extensions": {"a": "Internal code"}}, InvalidRequest),
    ],
)
def test_each_error_is_of_one_kind(error, kind):
    """Text and classification of an error decide how the client handles it."""
    assert type(problem_of([error])) is kind
    assert type(problem_of([])) is ServerError
