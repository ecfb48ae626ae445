"""Reading custom objects: a stream per schema, typed fields, and changes alone."""

from __future__ import annotations

import pytest

from tap_activecampaign_unified.config.read_settings import SettingsError
from tests.sandbox.custom_objects import acts
from tests.tap.running import Account

STREAM = "custom_purchase_orders"


def define(account):
    """Define purchase orders with a field of each type."""
    return acts.add_schema(
        account.world,
        "purchase-orders",
        [
            acts.field("title"),
            acts.field("unit-price", "currency", defaultCurrency="USD", scale=2),
            acts.field("count", "number"),
            acts.field("rating", "decimal", scale=2),
            acts.field("due", "datetime"),
            acts.field("day", "date"),
            acts.field("state", "dropdown", options=["Open", "Closed"]),
            acts.field("marks", "multiselect", options=["a", "b"]),
            acts.field("id"),
            acts.field("shape", "hologram"),
        ],
        [acts.relationship("buyer"), acts.relationship("deals", "deals", hasMany=True)],
    )


def put(account, schema, key, **fields):
    """Write a record that is readable at once."""
    fields = {name.replace("_", "-"): value for name, value in fields.items()}
    return acts.put_record(account.world, schema, key, fields, {"buyer": ["3"]}, lags=False)


@pytest.fixture
def account():
    """An account with 250 purchase orders."""
    made = Account(contacts=5)
    schema = define(made)
    for number in range(250):
        put(made, schema, f"po-{number}", title=f"Order {number}", count=number)
    return made


def schema_of(account):
    """Return the only schema."""
    return next(iter(account.world.tables["customSchemas"]))


@pytest.mark.parametrize("numbers", ["number", "text"])
@pytest.mark.parametrize("digits", [3, 9])
def test_each_field_has_the_type_that_the_schema_declares(numbers, digits):
    """Each field has its declared type.

    Numbers in any spelling are numbers, and relations are references.
    """
    account = Account(record_numbers=numbers, record_stamp_digits=digits)
    put(
        account,
        define(account),
        "po-1",
        title="A",
        unit_price="12.50",
        count=3,
        rating="4.75",
        due="2031-05-01T10:00:00Z",
        day="2031-05-01",
        state="Open",
        marks=["a", "b"],
        id="inner",
        shape={"points": 3},
    )
    ran = account.run(only=[STREAM])
    (record,) = ran.records[STREAM]
    assert record["external_id"] == "po-1"
    assert (record["unit_price"], record["count"], record["rating"]) == (12.5, 3, 4.75)
    assert record["due"] == "2031-05-01T10:00:00+00:00"
    assert (record["day"], record["state"], record["marks"]) == ("2031-05-01", "Open", ["a", "b"])
    assert record["buyer"] == [{"id": "3"}]
    assert record["field_id"] == "inner"
    assert record["shape"] == '{"points": 3}'
    assert record["_errors"] == []
    properties = ran.schemas[STREAM]["schema"]["properties"]
    assert properties["count"]["type"] == ["number", "null"]
    assert properties["due"]["format"] == "date-time"


def test_every_record_comes_once_and_then_what_changed(account):
    """A first run emits each of 250 records once; the next emits only changed records."""
    first = account.run(only=[STREAM])
    assert len(set(first.ids(STREAM))) == len(first.ids(STREAM)) == 250
    account.wait(hours=30)
    assert STREAM not in account.run(first.state, only=[STREAM]).records
    put(account, schema_of(account), "po-7", title="New")
    third = account.run(first.state, only=[STREAM])
    (record,) = third.records[STREAM]
    assert (record["external_id"], record["title"], record["count"]) == ("po-7", "New", None)


def test_a_new_schema_and_a_new_field_are_there_on_the_next_run(account):
    """A new schema is in the next discovery; a new field is emitted under an older catalog."""
    catalog = account.discover()
    schema = schema_of(account)
    schema.document["fields"].append(acts.field("colour"))
    put(account, schema, "po-x", colour="red")
    ran = account.run(only=[STREAM], catalog=catalog)
    assert "colour" in ran.schemas[STREAM]["schema"]["properties"]
    assert {record["colour"] for record in ran.records[STREAM]} == {None, "red"}
    acts.add_schema(account.world, "pets", [acts.field("name")])
    acts.add_schema(account.world, "Pets!", [acts.field("name")])
    names = {name for name in account.discover() if name.startswith("custom_")}
    assert {STREAM, "custom_pets"} < names
    assert len(names) == 3


def test_a_selected_object_that_is_gone_is_a_settings_error(account):
    """A selected custom object that is gone ends with one line, like any unknown stream."""
    catalog = account.discover()
    account.world.tables["customSchemas"].delete(1)
    with pytest.raises(SettingsError, match="purchase_orders, which does not exist"):
        account.run(only=[STREAM], catalog=catalog)


def test_a_deleted_record_is_found(account):
    """`detect_deletes` emits a tombstone for a deleted record."""
    first = account.run(only=[STREAM], detect_deletes=True)
    deleted_record = account.world.tables["customRecords"].delete(9)
    account.wait(hours=1)
    second = account.run(first.state, only=[STREAM], detect_deletes=True)
    deleted = [record["id"] for record in second.records[STREAM] if record["_sdc_deleted_at"]]
    assert deleted == [deleted_record.uuid]


@pytest.mark.parametrize("status", [403, 404])
def test_an_account_without_custom_objects_has_no_such_stream(status):
    """If the list of schemas is forbidden, discovery succeeds without these streams."""
    account = Account(contacts=2)
    fault = account.world.faults.forbid if status == 403 else account.world.faults.not_found
    fault("/customObjects")
    assert not [name for name in account.discover() if name.startswith("custom_")]


def test_schemas_are_asked_for_only_where_a_stream_of_theirs_is_selected(account):
    """A run without a selected custom object requests no schemas."""
    assert "customObjects/schemas" not in account.run().paths()
    ran = account.run(only=["marketing_tags"])
    assert ran.paths() == ["tags"]
