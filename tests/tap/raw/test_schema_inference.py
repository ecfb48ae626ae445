"""An inferred schema only grows: no column or type is removed or undeclared."""

from __future__ import annotations

import json

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_activecampaign_unified.raw import InferredSchema
from tests.tap.running import Account, select

from .account import schemas_of

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)
ROWS = st.lists(st.dictionaries(st.sampled_from("abcde"), VALUES, max_size=5), max_size=4)
DECLARED = {
    "type": "object",
    "properties": {"id": {"type": ["string"]}, "a": {"type": ["integer", "null"]}},
    "required": ["id"],
}


def account_with(rows, path="/webhooks", **options) -> Account:
    """Return an account whose webhooks are these."""
    account = Account(contacts=0)
    account.world.planted.plant(path, path.strip("/"), rows, **options)
    return account


def rows_of(how_many, **columns):
    """Return so many rows."""
    return [{"id": str(n), "name": f"hook {n}", **columns} for n in range(1, how_many + 1)]


def types_of(column):
    """Return a column's types in the order in which it names them."""
    return column.get("type") or [branch["type"] for branch in column["anyOf"]]


@given(pages=st.lists(ROWS, max_size=4))
def test_every_record_is_valid_under_the_schema_before_it(pages):
    """Every record is valid under the SCHEMA before it, for any rows.

    No type is removed later, and the state holds the schema.
    """
    shape, before = InferredSchema(DECLARED), {}
    for page in pages:
        rows = [{"id": "1", **row} for row in page]
        known = json.dumps(shape.schema())
        changed = shape.learn(rows)
        schema = shape.schema()
        assert changed or json.dumps(schema) == known
        checker = jsonschema.Draft7Validator(schema)
        for row in rows:
            assert checker.is_valid(row)
            assert set(row) <= set(schema["properties"])
        for name, types in before.items():
            assert set(types) <= set(types_of(schema["properties"][name]))
        before = {name: types_of(column) for name, column in schema["properties"].items()}
    again = InferredSchema(DECLARED, json.loads(json.dumps(shape.learned())))
    assert not again.learn([{"id": "1", **row} for page in pages for row in page])


def test_a_new_column_is_declared_before_its_first_record():
    """A new column causes one SCHEMA before its first record; earlier columns stay."""
    rows = rows_of(250)
    rows[180]["brand_new"] = {"deep": [1, {"er": None}]}
    ran = account_with(rows).run(only=["raw_webhooks"])
    first, second = schemas_of(ran, "raw_webhooks")
    assert "brand_new" not in first
    assert second["brand_new"]["type"] == ["object", "null"]
    assert set(first) < set(second)
    kinds = [m["type"] for m in ran.messages if m["type"] in {"SCHEMA", "RECORD"}]
    assert kinds.index("SCHEMA", 1) <= 180 + 1
    assert ran.records["raw_webhooks"] == rows


def test_a_column_of_two_types_has_both():
    """A column with values of two types has both; a column of nulls alone is text."""
    rows = rows_of(120, odd=None, count=1)
    rows[110] |= {"odd": 7, "count": "many"}
    first, second = schemas_of(account_with(rows).run(only=["raw_webhooks"]), "raw_webhooks")
    assert first["odd"]["type"] == ["string", "null"]
    assert first["count"]["type"] == ["integer", "null"]
    assert types_of(second["odd"]) == types_of(second["count"]) == ["string", "integer", "null"]


@pytest.mark.parametrize(
    ("pages", "types"),
    [
        ([[1], [2.5]], ["string", "integer", "number", "null"]),
        ([[1, 2.5], [3], [4.5]], ["integer", "number", "null"]),
        ([[1.5], [2]], ["integer", "number", "null"]),
        ([[True, 1]], ["string", "integer", "boolean", "null"]),
        ([["one", 1.5]], ["string", "number", "null"]),
        ([[1 << 63]], ["string", "integer", "null"]),
        ([["one", ["two"]]], ["string", "array", "null"]),
        ([[{}], [[]]], ["object", "array", "null"]),
    ],
)
def test_several_scalar_types_may_be_text_too(pages, types):
    """A column of several scalar types may be text, so a loader's column holds every value.

    Text is named first, for loaders that take the first type. Numbers stay numbers where no loader
    can have created an integer column, which would round 2.5 to 2.
    """
    shape = InferredSchema(DECLARED)
    for page in pages:
        shape.learn([{"id": "1", "odd": value} for value in page])
    assert types_of(shape.schema()["properties"]["odd"]) == types


def test_the_next_run_starts_with_the_inferred_schema():
    """The next run starts with the schema in the state, so a column's type does not alternate."""
    rows = rows_of(3, odd=1)
    account = account_with(rows)
    first = account.run(only=["raw_webhooks"])
    account.world.planted.plant("/webhooks", "webhooks", rows_of(3, odd="one"))
    second = account.run(first.state, only=["raw_webhooks"])
    third = account.run(second.state, only=["raw_webhooks"])
    assert schemas_of(third, "raw_webhooks")[0]["odd"] == {
        "anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}]
    }
    assert len(schemas_of(third, "raw_webhooks")) == 1
    assert third.records == second.records


def test_an_empty_collection_has_its_known_columns():
    """A collection without rows has a SCHEMA with its known columns."""
    ran = account_with([]).run(only=["raw_webhooks"])
    [schema] = schemas_of(ran, "raw_webhooks")
    assert {"id", "name", "url", "events"} <= set(schema)
    assert ran.records == {}


def test_deselected_columns_are_not_emitted():
    """A deselected column is not emitted; the key and new columns are."""
    account = account_with(rows_of(3, fresh=1))
    catalog = select(account.discover(), ["raw_webhooks"])
    for column in ("name", "id"):
        catalog["raw_webhooks"].metadata[("properties", column)].selected = False
    ran = account.run(catalog=catalog)
    assert ran.records["raw_webhooks"] == [{"id": str(n), "fresh": 1} for n in (1, 2, 3)]
    assert "name" not in schemas_of(ran, "raw_webhooks")[-1]


def test_flattened_nothing_is_lost():
    """With the SDK's flattening, nested values are text, and new columns are emitted."""
    rows = rows_of(150, nested={"a": {"b": 1}}, many=[1, 2])
    rows[140]["late"] = {"c": [3]}
    account = account_with(rows)
    ran = account.run(only=["raw_webhooks"], flattening_enabled=True, flattening_max_depth=3)
    declared = schemas_of(ran, "raw_webhooks")[-1]
    for record, row in zip(ran.records["raw_webhooks"], rows, strict=True):
        assert set(record) <= set(declared)
        assert json.loads(record["nested"]) == {"a": {"b": 1}}
        assert json.loads(record["many"]) == [1, 2]
        assert ("late" in row) is (record.get("late") is not None)


def test_stream_maps_apply_to_columns_known_and_new():
    """Stream maps apply to known and new columns."""
    rows = rows_of(150)
    rows[140]["late"] = "x"
    maps = {"raw_webhooks": {"name": "md5(name)", "__alias__": "hooks"}}
    ran = account_with(rows).run(only=["raw_webhooks"], stream_maps=maps)
    found = ran.records["hooks"]
    assert len(found) == 150
    assert all(len(record["name"]) == 32 for record in found)
    assert found[140]["late"] == "x"
    assert "late" in schemas_of(ran, "hooks")[-1]
