"""The destination writes rows into the account and returns states and errors to Airbyte."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from target_activecampaign.config.target_settings import TARGET
from tests.tap.client.clients import KEY

from .runs import Destination, catalog_of, record, state, status

if TYPE_CHECKING:
    from tests.target.runner import TargetRunner

CONTACTS = "crm_contacts"


@pytest.fixture
def destination(runner: TargetRunner) -> Destination:
    """The destination of a small account."""
    return Destination(runner)


def test_the_form_holds_our_settings_and_no_other(destination):
    """`spec` lists the target's settings, hides its secrets and names the modes it can do."""
    (spec,) = destination.call("spec").of("SPEC")
    fields = spec["connectionSpecification"]["properties"]
    assert list(fields) == [setting.name for setting in TARGET]
    hidden = {name for name, field in fields.items() if field.get("airbyte_secret")}
    assert hidden == {setting.name for setting in TARGET if setting.secret}
    assert spec["supported_destination_sync_modes"] == ["append", "append_dedup"]
    assert fields["stream_aliases"]["type"] == "string"
    assert fields["match_opportunities_on"]["items"]["enum"] == [
        "id",
        "external_id",
        "name+contact",
    ]


def test_check_reaches_the_account_and_writes_nothing(destination, runner):
    """`check` passes with a good key and a usable ledger, and keeps the last results file."""
    results = runner.folder / "results.jsonl"
    results.write_text("{}\n")
    assert destination.check() == {"status": "SUCCEEDED"}
    assert results.read_text() == "{}\n"
    assert {entry.method for entry in runner.world.log} == {"GET"}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"api_key": "wrong"}, "key"),
        ({"tags_mode": "mirror"}, "tag_namespace"),
        ({"ledger_path": "/proc/nowhere/ledger.sqlite"}, "ledger_path"),
        ({"max_deletes": -1}, "max_deletes must be at least 0"),
    ],
)
def test_check_fails_with_the_reason(destination, settings, words):
    """A failed `check` names the setting that prevents writing."""
    found = destination.check(**settings)
    assert found["status"] == "FAILED"
    assert words in found["message"]
    assert KEY not in found["message"]


def test_rows_are_written_and_each_state_comes_back(destination, runner):
    """Each state is returned once, unchanged and in order, with the number of records it covers."""
    messages = [
        record(CONTACTS, email="ann@example.com", first_name="Ann"),
        record(CONTACTS, email="bo@example.com", first_name="Bo"),
        state(CONTACTS, 1),
        record("marketing_tags", name="from airbyte", type="contact"),
        record(CONTACTS, email="cy@example.com", first_name="Cy"),
        state("marketing_tags", 2),
        state(CONTACTS, 3),
    ]
    answer, results = destination.write(catalog_of(CONTACTS, "marketing_tags"), *messages)
    assert answer.code == 0
    assert [result["action"] for result in results] == ["created"] * 4
    assert runner.world.find_contact("cy@example.com").firstName == "Cy"
    sent = [message["state"] for message in messages if message["type"] == "STATE"]
    back = answer.of("STATE")
    assert [{**state, "destinationStats": None} for state in back] == [
        {**state, "destinationStats": None} for state in sent
    ]
    assert [state["destinationStats"]["recordCount"] for state in back] == [2, 1, 1]


def test_no_state_comes_back_before_its_rows_have_results(destination, runner):
    """When a state comes back, the results file holds every row before it."""
    runner.batch_rows = 1
    seen = []
    results = runner.folder / "results.jsonl"
    make = destination.make_target

    def watching():
        class Watching(make()):
            def _write_state_message(self, value):
                seen.append(len(results.read_text().splitlines()))
                super()._write_state_message(value)

        return Watching

    destination.make_target = watching
    rows = [record(CONTACTS, email=f"p{n}@example.com") for n in range(4)]
    mixed = [*rows[:2], state(CONTACTS, 1), *rows[2:], state(CONTACTS, 2)]
    answer, _ = destination.write(catalog_of(CONTACTS), *mixed)
    assert len(answer.of("STATE")) == 2
    assert seen == [2, 4]


def test_a_rejected_row_is_no_error(destination, runner, caplog):
    """A rejected row is in log, results and state counts; the exit code is 0."""
    messages = [
        record(CONTACTS, email="ann@example.com"),
        record(CONTACTS, email="no address"),
        record("crm_pets", id="1"),
        state(CONTACTS),
    ]
    answer, results = destination.write(catalog_of(CONTACTS, "crm_pets"), *messages)
    assert answer.code == 0
    assert answer.errors == []
    assert [result["action"] for result in sorted(results, key=lambda result: result["row"])] == [
        "created",
        "rejected",
        "rejected",
    ]
    (back,) = answer.of("STATE")
    assert back["destinationStats"] == {"recordCount": 1.0, "rejectedRecordCount": 1.0}
    assert "rejected: email" in caplog.text
    assert "no address" not in caplog.text


def test_a_rejected_row_is_an_error_where_that_is_asked_for(destination, runner):
    """With `on_reject: fail` the run ends with 1, one error, and no state after the row."""
    messages = [
        record(CONTACTS, email="ann@example.com"),
        state(CONTACTS, 1),
        record(CONTACTS, email="no address"),
        state(CONTACTS, 2),
    ]
    answer, _ = destination.write(catalog_of(CONTACTS), *messages, on_reject="fail")
    assert answer.code == 1
    assert answer.errors == [(None, "config_error")]
    assert [state["id"] for state in answer.of("STATE")] == [1]


def test_a_failed_row_is_a_transient_error(destination, runner):
    """An unconfirmed row ends the run with 1, a transient error, and without its state."""
    runner.world.faults.server_error("/accounts", status=500, times=None, method="POST")
    messages = [
        record(CONTACTS, email="ann@example.com"),
        state(CONTACTS),
        record("crm_accounts", name="Acme"),
        state("crm_accounts"),
    ]
    answer, results = destination.write(
        catalog_of(CONTACTS, "crm_accounts"), *messages, max_retry_seconds=5
    )
    assert {result["stream"]: result["action"] for result in results} == {
        CONTACTS: "created",
        "crm_accounts": "failed",
    }
    assert answer.code == 1
    assert answer.errors == [(None, "transient_error")]
    assert [state["stream"]["stream_descriptor"]["name"] for state in answer.of("STATE")] == [
        CONTACTS
    ]


def test_a_wrong_key_is_a_config_error(destination):
    """The run ends with 1, one error and no state."""
    messages = [record(CONTACTS, email="ann@example.com"), state(CONTACTS)]
    answer, _ = destination.write(catalog_of(CONTACTS), *messages, api_key="wrong")
    assert answer.code == 1
    assert answer.errors == [(None, "config_error")]
    assert answer.of("STATE") == []


def test_a_dry_run_returns_no_state(destination, runner):
    """A dry run returns no state."""
    messages = [record(CONTACTS, email="ann@example.com"), state(CONTACTS)]
    answer, results = destination.write(catalog_of(CONTACTS), *messages, dry_run=True)
    assert answer.code == 0
    assert [result["action"] for result in results] == ["planned"]
    assert answer.of("STATE") == []
    assert runner.world.find_contact("ann@example.com") is None


def test_whole_tables_are_not_replaced(destination):
    """A stream in mode overwrite is rejected before any row is written."""
    catalog = catalog_of(CONTACTS, mode="overwrite")
    answer, _ = destination.write(catalog, record(CONTACTS, email="ann@example.com"))
    assert answer.code == 2
    assert answer.errors == [(None, "config_error")]
    (line,) = answer.lines
    assert line == (
        "stream crm_contacts: destination_sync_mode overwrite is not possible here: "
        "use append or append_dedup"
    )


def test_columns_of_airbyte_are_none_of_the_rows(destination, runner):
    """Airbyte's own columns are neither written nor named in a reason."""
    row = record(
        CONTACTS,
        email="ann@example.com",
        first_name="Ann",
        _airbyte_raw_id="01J",
        _airbyte_extracted_at="2026-01-01T00:00:00",
        _airbyte_meta={},
        _ab_cdc_deleted_at=None,
    )
    answer, results = destination.write(catalog_of(CONTACTS), row, state(CONTACTS))
    assert answer.code == 0
    assert [(result["action"], result["reason"]) for result in results] == [("created", None)]


def test_the_primary_key_of_the_catalog_is_the_key_of_the_rows(destination):
    """Results name a row by the columns of the configured primary key."""
    catalog = catalog_of(CONTACTS, crm_contacts=["email"])
    _, results = destination.write(catalog, record(CONTACTS, email="ann@example.com", phone="1"))
    assert results[0]["key"] == {"email": "ann@example.com"}


def test_rows_that_airbyte_marks_as_deleted_are_deleted(destination, runner):
    """`_ab_cdc_deleted_at` means what `_sdc_deleted_at` means to the target."""
    contact = runner.world.add_contact("gone@example.com")
    row = record(CONTACTS, id=str(contact.id), _ab_cdc_deleted_at="2026-01-01T00:00:00Z")
    settings = {"delete_mode": "delete", "max_deletes": 1}
    _, results = destination.write(catalog_of(CONTACTS), row, **settings)
    assert [(result["action"], result["reason"]) for result in results] == [("updated", "deleted")]
    assert runner.world.find_contact("gone@example.com") is None


def test_other_messages_are_passed_over(destination):
    """Logs, estimates and statuses are ignored."""
    messages = [
        {"type": "LOG", "log": {"level": "INFO", "message": "hello"}},
        status(CONTACTS, "STARTED"),
        record(CONTACTS, email="ann@example.com"),
        {"type": "TRACE", "trace": {"type": "ESTIMATE", "emitted_at": 1}},
        state(CONTACTS),
        status(CONTACTS, "COMPLETE"),
    ]
    answer, results = destination.write(catalog_of(CONTACTS), *messages)
    assert answer.code == 0
    assert len(results) == 1
    assert len(answer.of("STATE")) == 1


@pytest.mark.parametrize("last", ["STARTED", "RUNNING", "INCOMPLETE"])
def test_a_stream_that_the_source_did_not_finish_is_an_error(destination, last):
    """Rows and state of an INCOMPLETE stream are processed; the run ends with 1, transient."""
    messages = [
        record(CONTACTS, email="ann@example.com"),
        state(CONTACTS),
        status("marketing_tags", "COMPLETE"),
        status(CONTACTS, last),
    ]
    answer, results = destination.write(catalog_of(CONTACTS, "marketing_tags"), *messages)
    assert answer.code == 1
    assert answer.errors == [(None, "transient_error")]
    (error,) = answer.traces("ERROR")
    assert error["message"].startswith("the source did not read crm_contacts to the end")
    assert [result["action"] for result in results] == ["created"]
    assert len(answer.of("STATE")) == 1


def test_a_trace_of_another_shape_is_passed_over(destination):
    """A TRACE without its parts is ignored."""
    odd = [{"type": "STREAM_STATUS", "stream_status": status} for status in (None, {}, [])]
    messages = [{"type": "TRACE", "trace": trace} for trace in (*odd, None, "x", {"type": "ERROR"})]
    answer, results = destination.write(catalog_of(CONTACTS), *messages)
    assert answer.code == 0
    assert results == []


def test_a_line_that_is_no_message_costs_itself(destination):
    """A broken line is a rejected row; the next row is written."""
    good = json.dumps(record(CONTACTS, email="ann@example.com"))
    answer, results = destination.write(catalog_of(CONTACTS), good[:60] + "\n", good + "\n")
    assert answer.code == 0
    assert [result["action"] for result in sorted(results, key=lambda result: result["row"])] == [
        "rejected",
        "created",
    ]


def test_a_state_for_all_streams_comes_back_too(destination):
    """A GLOBAL state counts the records of every stream since the last state."""
    message = {"type": "STATE", "state": {"type": "GLOBAL", "global": {"stream_states": []}}}
    rows = [record(CONTACTS, email=f"p{n}@example.com") for n in range(3)]
    answer, _ = destination.write(catalog_of(CONTACTS), *rows, message)
    (back,) = answer.of("STATE")
    assert back["destinationStats"]["recordCount"] == 3


def test_aliases_are_given_as_json_text(destination):
    """Aliases are JSON text, because Airbyte's form has no objects."""
    aliases = json.dumps({"scores": CONTACTS})
    messages = [record("scores", email="no address"), state("scores")]
    answer, results = destination.write(catalog_of("scores"), *messages, stream_aliases=aliases)
    assert [result["stream"] for result in results] == [CONTACTS]
    (back,) = answer.of("STATE")
    assert back["destinationStats"] == {"recordCount": 0.0, "rejectedRecordCount": 1.0}
