"""Writing custom object records: complete, once, and with values not yet readable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from target_activecampaign.sinks.custom_objects import DROPPED
from tests.sandbox.custom_objects import acts
from tests.tap.running import Account
from tests.target.runner import state_of, stream_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.target.runner import TargetRunner

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
def _object(runner: TargetRunner) -> None:
    runner.world.add_contact(WHO)
    fields = [
        acts.field("title"),
        acts.field("unit-price", "currency", defaultCurrency="USD"),
        acts.field("due", "datetime"),
        acts.field("state", "dropdown", options=["Open", "Closed"]),
    ]
    acts.add_schema(runner.world, "purchase-orders", fields, [acts.relationship("buyer")])


def records(runner: TargetRunner) -> list[dict[str, Any]]:
    """Return the account's records as documents."""
    return [row.document for row in runner.world.tables["customRecords"]]


@pytest.mark.parametrize("answers_id", [True, False])
def test_a_record_is_created_once_and_then_unchanged(
    runner: TargetRunner, answers_id: bool
) -> None:
    """A record is created once by external id, linked to the contact of its address."""
    runner.world.switches.record_answer_has_id = answers_id
    run = runner.send(STREAM, RECORD)
    assert (run.code, run.actions) == (0, ["created"])
    (document,) = records(runner)
    person = runner.world.find_contact(WHO)
    assert document["fields"]["unit-price"] == 12.5
    assert document["relationships"] == {"buyer": [str(person.id)]}
    again = runner.send(STREAM, RECORD)
    assert (again.actions, again.writes) == (["unchanged"], [])
    runner.clock.sleep(60)
    assert runner.send(STREAM, RECORD, force=True).actions == ["unchanged"]


@pytest.mark.parametrize("relations", ["cleared", "kept"])
@pytest.mark.parametrize("reading", ["replace", "patch"])
def test_a_partial_row_keeps_what_it_does_not_name(
    runner: TargetRunner, reading: str, relations: str
) -> None:
    """A partial row keeps the other fields: the target reads the record and sends it complete."""
    runner.world.switches.record_upsert = reading
    runner.world.switches.record_relationships = relations
    runner.batch_rows = 1
    run = runner.send(STREAM, RECORD, {"external_id": "po-1", "state": "Closed"})
    assert run.actions == ["created", "updated"]
    runner.clock.sleep(60)
    assert runner.send(STREAM, {"external_id": "po-1", "title": "Ship"}).actions == ["updated"]
    (document,) = records(runner)
    assert document["fields"] == {
        "title": "Ship",
        "unit-price": 12.5,
        "due": "2031-05-01T10:00:00Z",
        "state": "Closed",
    }
    assert document["relationships"]["buyer"]
    clear = {"external_id": "po-1", "title": None}
    runner.clock.sleep(60)
    runner.send(STREAM, clear, null_policy="clear")
    if reading == "replace":
        assert "title" not in records(runner)[0]["fields"]


@pytest.mark.parametrize("answers_id", [True, False])
def test_a_row_of_which_one_field_changed_is_updated(
    runner: TargetRunner, answers_id: bool
) -> None:
    """A field may be called as a part of a contact that goes alone, such as its job title."""
    runner.world.switches.record_answer_has_id = answers_id
    runner.send(STREAM, RECORD)
    runner.clock.sleep(60)
    runner.send(STREAM, RECORD | {"state": "Closed"})
    runner.clock.sleep(60)
    run = runner.send(STREAM, RECORD | {"state": "Closed", "title": "Ship"})
    assert run.actions == ["updated"], run.reason()
    assert records(runner)[0]["fields"]["title"] == "Ship"


def test_a_field_that_activecampaign_drops_is_said_on_each_run_and_sent_once(
    runner: TargetRunner,
) -> None:
    """The record is not written again, and its automations are not started again, until it changes.

    The first result names the field, and the later results give the reason.
    """
    world = runner.world
    world.switches.record_unknown_field = "dropped"
    schema = next(iter(world.tables["customSchemas"]))
    fields = list(schema.document["fields"])

    def drop(_world: Any, method: str, _path: str, _query: Any) -> None:
        known = fields[1:] if method == "POST" else fields
        world.tables["customSchemas"].change(schema, document=schema.document | {"fields": known})

    world.before_request(drop)
    run = runner.send(STREAM, RECORD)
    assert (run.code, run.actions) == (0, ["created"])
    assert run.reason() == f"ActiveCampaign left out title; {DROPPED}"
    runner.clock.sleep(60)
    for _ in range(2):
        again = runner.send(STREAM, RECORD)
        assert (again.actions, again.reason(), again.writes) == (["skipped"], DROPPED, [])
    assert runner.send(STREAM, RECORD | {"state": "Closed"}).actions == ["updated"]
    assert records(runner)[0]["fields"]["state"] == "Closed"


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
    runner: TargetRunner, stream: str, record: dict[str, Any], word: str
) -> None:
    """A wrong row is rejected with the column or ActiveCampaign's text, and writes nothing."""
    run = runner.send(stream, record)
    assert run.actions == ["rejected"]
    assert run.reason().startswith(word)
    assert records(runner) == []


def test_a_run_right_after_another_one_clears_no_field(runner: TargetRunner) -> None:
    """Reads show a record some seconds late: the next run waits before it reads."""
    runner.world.switches.record_lag_seconds = 20
    assert runner.send(STREAM, RECORD).actions == ["created"]
    partial = {"external_id": "po-1", "state": "Closed"}
    assert runner.send(STREAM, partial).actions == ["updated"]
    (document,) = records(runner)
    assert (document["fields"]["title"], document["fields"]["state"]) == ("Boat", "Closed")


def test_an_answer_without_the_record_does_not_mean_that_there_is_none(
    runner: TargetRunner,
) -> None:
    """A read that is answered without the record fails the row, so that nothing is cleared."""
    assert runner.send(STREAM, RECORD).actions == ["created"]
    runner.clock.sleep(60)
    runner.world.faults.rewrite("/customObjects/records", lambda body: body.clear())
    run = runner.send(STREAM, {"external_id": "po-1", "state": "Closed"})
    assert (run.code, run.actions) == (1, ["failed"])
    assert records(runner)[0]["fields"]["title"] == "Boat"


def test_an_external_id_may_hold_blanks_and_colons(runner: TargetRunner) -> None:
    """A record is found again by an external id with blanks and colons."""
    odd = RECORD | {"external_id": "po 1:7"}
    assert runner.send(STREAM, odd).actions == ["created"]
    runner.clock.sleep(60)
    assert runner.send(STREAM, odd | {"title": "Ship"}).actions == ["updated"]
    assert len(records(runner)) == 1


def test_a_providers_object_is_never_written(runner: TargetRunner) -> None:
    """Objects of an app, such as those of e-commerce, are never written."""
    acts.add_schema(runner.world, "ecommerce-orders", [acts.field("total", "number")], appId="x")
    run = runner.send("custom_ecommerce_orders", {"external_id": "o-1", "total": 3})
    assert run.actions == ["rejected"]
    assert "only read" in run.reason()
    assert run.writes == []


def test_a_dry_run_plans_a_record_of_a_contact_that_it_plans(runner: TargetRunner) -> None:
    """A record whose contact comes in the same input is planned as well."""
    new = {"email": "new@harbour.example"}
    rows = [*stream_of("crm_contacts", new), *stream_of(STREAM, {**RECORD, "buyer": new})]
    run = runner.run(*rows, state_of(1), dry_run=True)
    assert run.actions == ["planned", "planned"]


def test_an_unknown_column_is_said_and_a_lost_answer_repeated(runner: TargetRunner) -> None:
    """An unknown column is named; an upsert whose answer is lost gives one record."""
    runner.world.faults.reset_after_apply("/customObjects/records", method="POST")
    run = runner.send(STREAM, RECORD | {"colour": "red"})
    assert run.actions == ["created"]
    assert "colour" in run.reason()
    assert len(records(runner)) == 1


def test_records_are_skipped_where_no_automation_may_start(runner: TargetRunner) -> None:
    """With run_automations false records are skipped: their automations cannot be excluded."""
    assert runner.send(STREAM, RECORD, run_automations=False).actions == ["skipped"]
    assert runner.send(STREAM, RECORD, dry_run=True).actions == ["planned"]
    assert records(runner) == []


def test_a_copy_relates_its_records_to_the_copies_of_people_firms_and_deals(
    make_runner: Callable[..., TargetRunner],
) -> None:
    """Another account's ids mean nothing here: relations go to the copies, by the same input.

    A record without an external id cannot be found again, and is rejected.
    """
    source = Account(contacts=6, deals=3, accounts=3)
    relations = [
        acts.relationship("buyer"),
        acts.relationship("firm", "accounts"),
        acts.relationship("deals", "deals", hasMany=True),
    ]
    fields = [acts.field("title"), acts.field("total", "number"), acts.field("due", "datetime")]
    schema = acts.add_schema(source.world, "visits", fields, relations)
    for number in range(1, 4):
        acts.put_record(
            source.world,
            schema,
            f"v-{number}",
            {"title": f"Visit {number}", "total": number, "due": "2031-05-01T10:00:00Z"},
            {"buyer": [str(number)], "firm": [str(number)], "deals": [str(number), "1"][:number]},
            lags=False,
        )
    acts.put_record(source.world, schema, None, {"title": "In the app"}, {}, lags=False)
    runner = make_runner(contacts=40, deals=20, accounts=0)
    acts.add_schema(runner.world, "visits", fields[::-1], relations[::-1])
    streams = ("crm_pipelines", "crm_stages", "crm_contacts", "crm_accounts", "crm_opportunities")
    ran = source.run(only=(*streams, "custom_visits"))
    messages = [
        message
        for name in ("custom_visits", *streams)
        for message in stream_of(name, *ran.records[name], keys=["id"])
    ]
    run = runner.run(*messages, state_of(1), source_ids="foreign", create_missing_fields=True)
    visits = [result for result in run.results if result["stream"] == "custom_visits"]
    assert [result["action"] for result in sorted(visits, key=lambda result: result["row"])] == [
        *["created"] * 3,
        "rejected",
    ]
    copy, origin = runner.world.tables, source.world.tables
    assert sorted(str(record["fields"]) for record in records(runner)) == sorted(
        str({name: record.document["fields"][name] for name in ("title", "total", "due")})
        for record in origin["customRecords"]
        if record.externalId
    )
    names = {
        "buyer": ("contacts", "email"),
        "firm": ("accounts", "name"),
        "deals": ("deals", "title"),
    }
    for row in copy["customRecords"]:
        other = next(
            record for record in origin["customRecords"] if record.externalId == row.externalId
        )
        for name, (table, column) in names.items():
            found, expected = (
                [
                    getattr(t[table][int(row_id)], column)
                    for row_id in document["relationships"][name]
                ]
                for t, document in ((copy, row.document), (origin, other.document))
            )
            assert [str(value).casefold() for value in found] == [
                str(value).casefold() for value in expected
            ]
    runner.clock.sleep(60)
    again = runner.run(*messages, state_of(1), source_ids="foreign", create_missing_fields=True)
    assert {
        result["action"] for result in again.results if result["stream"] == "custom_visits"
    } == {
        "unchanged",
        "rejected",
    }
