"""Custom objects: the upsert that clears, its answer without an id, late reads."""

from __future__ import annotations

import pytest

from tests.sandbox.custom_objects import acts
from tests.sandbox_tests.caller import caller_of


def account(**switches):
    """Return a caller of an account with one custom object, and the path of its records."""
    caller = caller_of(is_empty=True, **switches)
    fields = [
        acts.field("title"),
        acts.field("total", "number", scale=2),
        acts.field("state", "dropdown", options=["Open", "Closed"]),
        acts.field("due", "datetime"),
    ]
    links = [acts.relationship("buyer", hasMany=False)]
    schema = acts.add_schema(caller.world, "purchase-orders", fields, links)
    return caller, f"/customObjects/records/{schema.uuid}"


def record(**fields):
    """Return a record's body by its external id."""
    values = [{"id": name, "value": value} for name, value in fields.items()]
    return {"record": {"externalId": "po-1", "fields": values, "relationships": {"buyer": [7]}}}


def later(caller):
    """Advance the clock until reads show all writes."""
    caller.world.clock.advance(60)


def values_of(row):
    """Return a record's fields by name."""
    return {field["id"]: field["value"] for field in row["fields"]}


def test_an_account_without_custom_objects_has_an_empty_list():
    """Without custom objects the list of schemas is empty with a total of 0."""
    document = caller_of().get("/customObjects/schemas", limit=100)
    assert document["schemas"] == []
    assert document["meta"]["total"] == 0


def test_schemas_show_fields_and_relationships_with_millisecond_stamps():
    """A deleted field is shown only on request; times have 3 digits, or 9."""
    caller, _ = account()
    world = caller.world
    schema = next(iter(world.tables["customSchemas"]))
    schema.document["fields"].append(acts.field("old", status="marked_for_deletion"))
    (shown,) = caller.rows("/customObjects/schemas")
    assert [field["id"] for field in shown["fields"]] == ["title", "total", "state", "due"]
    assert shown["relationships"][0]["namespace"] == "contacts"
    assert len(shown["createdTimestamp"]) == len("2031-03-03T15:00:00.000Z")
    (every,) = caller.rows("/customObjects/schemas", showFields="all")
    assert len(every["fields"]) == 5
    world.switches.record_stamp_digits = 9
    assert len(caller.rows("/customObjects/schemas")[0]["createdTimestamp"]) == 30


def test_an_upsert_answers_201_without_an_id_and_is_read_some_seconds_later():
    """Create and update answer 201 without an id, and reads show them seconds later."""
    caller, path = account()
    status, document = caller.ask("POST", path, record(title="A", total="12.5"))
    assert status == 201
    assert "id" not in document["record"]
    assert caller.get(path)["records"] == []
    assert caller.call("GET", f"{path}/external/po-1").status_code == 404
    later(caller)
    (row,) = caller.get(path)["records"]
    assert values_of(row) == {"title": "A", "total": 12.5}
    assert row["relationships"] == {"buyer": ["7"]}
    assert caller.get(f"{path}/{row['id']}")["record"] == row
    assert caller.get(f"{path}/external/po-1")["record"] == row
    caller.world.switches.record_answer_has_id = True
    status, document = caller.ask("POST", path, record(title="B"))
    assert (status, document["record"]["id"]) == (201, row["id"])


@pytest.mark.parametrize(
    ("reading", "total"), [("replace", None), ("patch", 5.0)], ids=["replace", "patch"]
)
def test_the_upsert_clears_what_is_left_out(reading, total):
    """An absent field is cleared, or kept by a switch."""
    caller, path = account(record_upsert=reading)
    caller.ask("POST", path, record(title="A", total=5))
    caller.ask("POST", path, record(title="B"))
    later(caller)
    (row,) = caller.get(path)["records"]
    assert (values_of(row).get("title"), values_of(row).get("total")) == ("B", total)


@pytest.mark.parametrize(("reading", "kept"), [("cleared", {}), ("kept", {"buyer": ["7"]})])
def test_relationships_left_out_are_cleared_or_kept(reading, kept):
    """Absent relationships are cleared or kept, by a switch: the API is undocumented."""
    caller, path = account(record_relationships=reading, record_lag_seconds=0)
    caller.ask("POST", path, record(title="A"))
    caller.ask("POST", path, {"record": {"externalId": "po-1", "fields": []}})
    assert caller.get(path)["records"][0]["relationships"] == kept


def test_bad_values_and_paths_are_refused_as_live_answers_were():
    """A 422 names the field; only the schema's id is a path; a record has no PUT."""
    caller, path = account(record_lag_seconds=0)
    for bad in ({"state": "Lost"}, {"total": "many"}, {"due": "soon"}, {"nonsense": 1}):
        status, document = caller.ask("POST", path, record(**bad))
        assert status == 422
        assert next(iter(bad)) in str(document["errors"][0]["source"])
    caller.world.switches.record_unknown_field = "dropped"
    assert caller.ask("POST", path, record(title="A", nonsense=1))[0] == 201
    assert caller.call("GET", "/customObjects/records", schemaId="x").status_code == 400
    assert caller.call("GET", "/customObjects/records/purchase-orders").status_code == 400
    unknown = "/customObjects/records/00000000-0000-5000-8000-000000000000"
    assert caller.ask("GET", unknown) == (404, {"message": "Not Found"})
    (row,) = caller.get(path)["records"]
    assert caller.call("PUT", f"{path}/{row['id']}", record()).status_code == 405


def test_a_deleted_record_is_gone_at_once():
    """A delete is 202 without a body and visible at once; a missing record is 202 or 404."""
    caller, path = account(record_lag_seconds=0)
    caller.ask("POST", path, record(title="A"))
    answer = caller.call("DELETE", f"{path}/external/po-1")
    assert (answer.status_code, answer.content) == (202, b"")
    assert caller.get(path)["records"] == []
    assert caller.call("DELETE", f"{path}/external/po-1").status_code == 202
    caller.world.switches.record_delete_missing = 404
    assert caller.call("DELETE", f"{path}/external/po-1").status_code == 404


def test_a_range_of_stamps_empties_the_answer_and_the_exact_stamp_matches():
    """A range of createdTimestamp gives no records; an exact value and the order work."""
    caller, path = account(record_lag_seconds=0)
    caller.ask("POST", path, record(title="A"))
    caller.world.clock.advance(10)
    body = record(title="B")
    body["record"]["externalId"] = "po-2"
    caller.ask("POST", path, body)
    rows = caller.get(path, **{"orders[createdTimestamp]": "DESC"})["records"]
    assert [row["externalId"] for row in rows] == ["po-2", "po-1"]
    stamp = rows[1]["createdTimestamp"]
    assert len(caller.get(path, **{"filters[createdTimestamp]": stamp})["records"]) == 1
    later_than = {"filters[createdTimestamp][gt]": stamp}
    assert caller.get(path, **later_than)["meta"]["total"] == 0
    caller.world.switches.record_created_ranges = "honoured"
    assert caller.get(path, **later_than)["meta"]["total"] == 1
    linked = caller.get(path, **{"filters[relationships.buyer][eq]": "7"})
    assert linked["meta"]["total"] == 2


def test_an_upsert_by_id_finds_the_record_or_makes_another():
    """An upsert by `id` updates or creates, by a switch."""
    caller, path = account(record_lag_seconds=0)
    caller.ask("POST", path, record(title="A"))
    (row,) = caller.get(path)["records"]
    body = {"record": {"id": row["id"], "fields": [{"id": "title", "value": "B"}]}}
    caller.ask("POST", path, body)
    assert [values_of(record) for record in caller.get(path)["records"]] == [{"title": "B"}]
    caller.world.switches.record_upsert_by_id = False
    caller.ask("POST", path, body)
    assert caller.get(path)["meta"]["total"] == 2


def test_a_providers_records_are_read_and_never_written():
    """A schema of an app refuses writes; its numbers may be text."""
    caller, _ = account(record_numbers="text")
    schema = acts.add_schema(
        caller.world, "ecommerce-orders", [acts.field("total", "number")], appId="deep-data"
    )
    acts.put_record(caller.world, schema, "o-1", {"total": 3}, lags=False)
    path = f"/customObjects/records/{schema.uuid}"
    assert values_of(caller.get(path)["records"][0]) == {"total": "3"}
    assert caller.call("POST", path, record()).status_code == 403
