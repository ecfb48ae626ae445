"""Writing custom object records: complete, once, and with values not yet readable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox.custom_objects import acts

if TYPE_CHECKING:
    from tests.target.lab import Lab

STREAM = "custom_purchase_orders"
WHO = "lea@harbour.example"
RECORD: dict[str, Any] = {
    "external_id": "po-1",
    "title": "Boat",
    "unit_price": "12.50",
    "due": "2031-05-01T10:00:00+00:00",
    "state": "Open",
    "buyer": {"email": WHO},
}


@pytest.fixture(autouse=True)
def _object(lab: Lab) -> None:
    lab.world.add_contact(WHO)
    fields = [
        acts.field("title"),
        acts.field("unit-price", "currency", defaultCurrency="USD"),
        acts.field("due", "datetime"),
        acts.field("state", "dropdown", options=["Open", "Closed"]),
    ]
    acts.add_schema(lab.world, "purchase-orders", fields, [acts.relationship("buyer")])


def records(lab: Lab) -> list[dict[str, Any]]:
    """Return the account's records as documents."""
    return [row.document for row in lab.world.tables["customRecords"]]


@pytest.mark.parametrize("answers_id", [True, False])
def test_a_record_is_created_once_and_then_unchanged(lab: Lab, answers_id: bool) -> None:
    """A record is created once by external id, linked to the contact of its address."""
    lab.world.switches.record_answer_has_id = answers_id
    run = lab.send(STREAM, RECORD)
    assert (run.code, run.actions) == (0, ["created"])
    (document,) = records(lab)
    person = lab.world.find_contact(WHO)
    assert document["fields"]["unit-price"] == 12.5
    assert document["relationships"] == {"buyer": [str(person.id)]}
    again = lab.send(STREAM, RECORD)
    assert (again.actions, again.writes) == (["unchanged"], [])
    lab.clock.sleep(60)
    assert lab.send(STREAM, RECORD, force=True).actions == ["unchanged"]


@pytest.mark.parametrize("relations", ["cleared", "kept"])
@pytest.mark.parametrize("reading", ["replace", "patch"])
def test_a_partial_row_keeps_what_it_does_not_name(lab: Lab, reading: str, relations: str) -> None:
    """A partial row keeps the other fields: the target reads the record and sends it complete."""
    lab.world.switches.record_upsert = reading
    lab.world.switches.record_relationships = relations
    lab.batch_rows = 1
    run = lab.send(STREAM, RECORD, {"external_id": "po-1", "state": "Closed"})
    assert run.actions == ["created", "updated"]
    lab.clock.sleep(60)
    assert lab.send(STREAM, {"external_id": "po-1", "title": "Ship"}).actions == ["updated"]
    (document,) = records(lab)
    assert document["fields"] == {
        "title": "Ship",
        "unit-price": 12.5,
        "due": "2031-05-01T10:00:00Z",
        "state": "Closed",
    }
    assert document["relationships"]["buyer"]
    clear = {"external_id": "po-1", "title": None}
    lab.clock.sleep(60)
    lab.send(STREAM, clear, null_policy="clear")
    if reading == "replace":
        assert "title" not in records(lab)[0]["fields"]


@pytest.mark.parametrize(
    ("stream", "record", "word"),
    [
        (STREAM, RECORD | {"external_id": None}, "external_id"),
        (STREAM, RECORD | {"external_id": "../po"}, "external_id"),
        (STREAM, RECORD | {"unit_price": "much"}, "unit_price"),
        (STREAM, RECORD | {"buyer": {"email": "ghost@harbour.example"}}, "contact"),
        (STREAM, RECORD | {"state": "Lost"}, "ActiveCampaign refused"),
        ("custom_unicorns", RECORD, "custom_unicorns"),
    ],
)
def test_a_row_at_fault_is_rejected(
    lab: Lab, stream: str, record: dict[str, Any], word: str
) -> None:
    """A wrong row is rejected with the column or ActiveCampaign's text, and writes nothing."""
    run = lab.send(stream, record)
    assert run.actions == ["rejected"]
    assert run.reason().startswith(word)
    assert records(lab) == []


def test_an_external_id_may_hold_blanks_and_colons(lab: Lab) -> None:
    """A record is found again by an external id with blanks and colons."""
    odd = RECORD | {"external_id": "po 1:7"}
    assert lab.send(STREAM, odd).actions == ["created"]
    lab.clock.sleep(60)
    assert lab.send(STREAM, odd | {"title": "Ship"}).actions == ["updated"]
    assert len(records(lab)) == 1


def test_a_providers_object_is_never_written(lab: Lab) -> None:
    """Objects of an app, such as those of e-commerce, are never written."""
    acts.add_schema(lab.world, "ecommerce-orders", [acts.field("total", "number")], appId="x")
    run = lab.send("custom_ecommerce_orders", {"external_id": "o-1", "total": 3})
    assert run.actions == ["rejected"]
    assert "only read" in run.reason()
    assert run.writes == []


def test_an_unknown_column_is_said_and_a_lost_answer_repeated(lab: Lab) -> None:
    """An unknown column is named; an upsert whose answer is lost gives one record."""
    lab.world.faults.reset_after_apply("/customObjects/records", method="POST")
    run = lab.send(STREAM, RECORD | {"colour": "red"})
    assert run.actions == ["created"]
    assert "colour" in run.reason()
    assert len(records(lab)) == 1


def test_records_are_skipped_where_no_automation_may_start(lab: Lab) -> None:
    """With run_automations false records are skipped: their automations cannot be excluded."""
    assert lab.send(STREAM, RECORD, run_automations=False).actions == ["skipped"]
    assert lab.send(STREAM, RECORD, dry_run=True).actions == ["planned"]
    assert records(lab) == []
