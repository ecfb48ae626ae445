"""Custom fields as typed properties in discovery, in records, and over several runs."""

from __future__ import annotations

import logging

import pytest

from tests.sandbox import Shape

from .running import Account


def properties(ran, stream="crm_contacts"):
    """Return the schema of a stream's custom_fields."""
    return ran.schemas[stream]["schema"]["properties"]["custom_fields"]["properties"]


def test_a_new_field_is_a_new_property_on_the_next_run():
    """A field added in ActiveCampaign is a property on the next run, under an old catalog too."""
    account = Account(contacts=20)
    catalog = account.discover()
    first = account.run(only=["crm_contacts"], catalog=catalog)
    field = account.world.add_field("Net promoter", "number", "NPS")
    account.wait(hours=1)
    account.world.set_field(3, field.id, "9")
    account.world.touch(3)
    second = account.run(first.state, only=["crm_contacts"], catalog=catalog)
    assert "nps" not in properties(first)
    assert properties(second)["nps"]["type"] == ["number", "null"]
    assert second.by_id("crm_contacts")["3"]["custom_fields"]["nps"] == 9


def test_a_renamed_field_keeps_its_key():
    """A new title does not change a key that comes from a tag."""
    account = Account(contacts=20)
    before = properties(account.run(only=["crm_contacts"]))
    table = account.world.tables["fields"]
    table.change(table[1], title="Completely different")
    after = properties(account.run(only=["crm_contacts"]))
    assert list(before) == list(after)


def test_a_key_that_changes_with_the_title_is_logged(caplog):
    """With custom_field_keys: title the log names old and new key of a renamed field."""
    account = Account(contacts=20)
    first = account.run(only=["crm_contacts"], custom_field_keys="title")
    table = account.world.tables["fields"]
    old = table[1].title
    table.change(table[1], title="Completely different")
    with caplog.at_level(logging.WARNING):
        second = account.run(first.state, only=["crm_contacts"], custom_field_keys="title")
    assert "Completely different" in properties(second)
    assert any(old in text and "Completely different" in text for text in caplog.messages)


def test_keys_by_id():
    """custom_field_keys: id keys every field by its number."""
    account = Account(contacts=20)
    ran = account.run(only=["crm_contacts"], custom_field_keys="id")
    assert list(properties(ran))[:2] == ["field_1", "field_2"]


def test_flattening_gives_typed_columns():
    """With flattening each custom field is a column of its own type."""
    account = Account(contacts=20)
    ran = account.run(only=["crm_contacts"], flattening_enabled=True, flattening_max_depth=2)
    columns = ran.schemas["crm_contacts"]["schema"]["properties"]
    typed = properties(account.run(only=["crm_contacts"]))
    for key, schema in typed.items():
        assert (
            columns[f"custom_fields__{key}"]["type"] == schema["type"] or "array" in schema["type"]
        )
    for record in ran.records["crm_contacts"]:
        assert set(record) <= set(columns)
        assert (
            "account__id" in record
        )  # null where there is none, so that a loader clears the column


def test_stream_maps_apply():
    """A stream map renames and hashes as the SDK documents."""
    account = Account(contacts=5)
    ran = account.run(
        only=["marketing_contacts"],
        stream_maps={"marketing_contacts": {"email": "md5(email)", "__alias__": "people"}},
    )
    assert len(ran.records["people"]) == 5
    assert all(len(record["email"]) == 32 for record in ran.records["people"])


def test_remote_data_is_the_row_as_sent():
    """include_remote_data adds the row as sent; without it there is none."""
    account = Account(contacts=5)
    ran = account.run(only=["crm_contacts"], include_remote_data=True)
    record = ran.records["crm_contacts"][0]
    assert record["remote_data"]["id"] == record["id"]
    assert "cdate" in record["remote_data"]
    assert "remote_data" not in account.run(only=["crm_contacts"]).records["crm_contacts"][0]


def test_an_unreadable_field_costs_the_field(caplog):
    """An unreadable value is null, named in _errors and counted; the row is emitted."""
    account = Account(contacts=20)
    number = next(f for f in account.world.tables["fields"] if f.type == "number")
    account.world.set_field(3, number.id, "many")
    with caplog.at_level(logging.INFO):
        ran = account.run(only=["crm_contacts"])
    record = ran.by_id("crm_contacts")["3"]
    key = number.perstag.lower()
    assert record["custom_fields"][key] is None
    assert record["_errors"] == [f"custom_fields.{key}: not a number"]
    assert "many" not in " ".join(record["_errors"])
    stats = ran.tap._report.stats_by_stream["crm_contacts"]
    assert (stats.emitted, stats.faulty) == (20, 1)
    assert any("1 times custom_fields" in text for text in caplog.messages)


def test_half_a_surrogate_pair_is_replaced():
    """A lone surrogate becomes U+FFFD, and emoji stay."""
    account = Account(contacts=0)
    account.world.add_contact("a@letters.example", firstName="lone \ud83d half", lastName="Zoë 🦊")
    record = account.run(only=["crm_contacts"]).records["crm_contacts"][0]
    assert record["first_name"] == "lone � half"
    assert record["last_name"] == "Zoë 🦊"


def test_a_field_may_be_called_like_a_column():
    """A custom field whose key is a column's name stays in custom_fields beside the column."""
    account = Account(contacts=5)
    field = account.world.add_field("Given name", "text", "FIRST_NAME")
    account.world.set_field(2, field.id, "Other")
    record = account.run(only=["crm_contacts"]).by_id("crm_contacts")["2"]
    assert record["custom_fields"]["first_name"] == "Other"
    assert record["first_name"] not in {None, "Other"}
    flat = account.run(only=["crm_contacts"], flattening_enabled=True, flattening_max_depth=1)
    assert flat.by_id("crm_contacts")["2"]["custom_fields__first_name"] == "Other"


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize(
    "shape", [Shape(), Shape(contact_fields=0, account_fields=0, deal_fields=0)], ids=["all", "few"]
)
def test_flattened_records_have_the_columns_of_their_schema(depth, shape):
    """Flattened records have exactly the columns of their SCHEMA."""
    account = Account(contacts=12, deals=6, accounts=5, shape=shape)
    ran = account.run(flattening_enabled=True, flattening_max_depth=depth)
    assert ran.code == 0
    for stream, records in ran.records.items():
        declared = set(ran.schemas[stream]["schema"]["properties"])
        assert set().union(*records) == declared, stream
    assert "identifiers" in ran.schemas["directory_users"]["schema"]["properties"]


@pytest.mark.parametrize("money_first", [True, False])
def test_columns_that_collide_when_flattened_get_names_of_their_own(money_first, caplog):
    """Columns that collide after flattening get unique names, and a warning names both."""
    account = Account(contacts=3, deals=4)
    w = account.world
    kinds = [("Margin", "currency", "1250"), ("Margin__Amount", "text", "high")]
    for label, kind, value in kinds if money_first else kinds[::-1]:
        field = w.add_custom_field("deal", label, kind)
        w.set_datum("deal", 1, field.id, value, "usd" if kind == "currency" else None)
    with caplog.at_level(logging.WARNING):
        ran = account.run(
            only=["crm_opportunities", "crm_users"], flattening_enabled=True, flattening_max_depth=3
        )
    assert ran.code == 0
    assert ran.records["crm_users"]
    record = ran.by_id("crm_opportunities")["1"]
    values = [v for k, v in record.items() if k.startswith("custom_fields__margin") and v]
    assert sorted(map(str, values)) == ["12.5", "USD", "high"]
    [line] = {message for message in caplog.messages if "would become the same column" in message}
    assert "'Margin'" in line
    assert "'Margin__Amount'" in line
