"""What the source reads: the tap's records, a state per stream, statuses and errors."""

from __future__ import annotations

import signal

import pytest

from tests.sandbox.custom_objects import acts
from tests.tap.running import Account, select

from .runs import Connector

STREAMS = ("crm_contacts", "marketing_contact_tags", "crm_accounts", "crm_opportunities")
TABLES = ("marketing_tags", "crm_fields")
ALL = (*STREAMS, *TABLES)
DONE = ["STARTED", "RUNNING", "COMPLETE"]


def test_a_read_emits_what_the_tap_emits(account, connector):
    """Every record of the tap comes once, equal to the tap's; each stream ends COMPLETE."""
    singer = account.run(only=ALL)
    answer = connector.read(connector.configured(ALL))
    assert answer.code == 0
    assert answer.records == singer.records
    assert answer.statuses == dict.fromkeys(ALL, DONE)
    assert answer.errors == []


def test_the_states_count_every_record(connector):
    """The record counts of a stream's states add up to its records; the last covers them all."""
    answer = connector.read(connector.configured(ALL))
    assert answer.covered == {name: len(rows) for name, rows in answer.records.items()}
    assert {state["type"] for state in answer.of("STATE")} == {"STREAM"}
    for name in ALL:
        kinds = [
            message["type"]
            for message in answer.messages
            if message["type"] in {"RECORD", "STATE"} and name in str(message)[:200]
        ]
        assert kinds[-1] == "STATE"


def test_the_next_read_emits_what_changed(account, connector):
    """With the states of the last read, an incremental stream emits only changed rows."""
    catalog = connector.configured(STREAMS)
    first = connector.read(catalog)
    account.wait(hours=2)
    account.world.edit_contact(5, firstName="Anew")
    second = connector.read(catalog, first.states)
    assert set(second.records) == {"crm_contacts", "marketing_contact_tags"}
    assert [row["id"] for row in second.records["crm_contacts"]] == ["5"]
    assert {row["contact_id"] for row in second.records["marketing_contact_tags"]} == {"5"}
    assert set(second.states) == set(STREAMS)
    account.wait(hours=2)
    assert connector.read(catalog, second.states).records == {}


def test_full_refresh_is_honoured_for_each_stream(account, connector):
    """A stream in full refresh is read whole whatever its state; the stream beside it is not."""
    streams = ("crm_contacts", "crm_opportunities")
    first = connector.read(connector.configured(streams))
    account.wait(hours=2)
    catalog = connector.configured(streams, full_refresh=["crm_opportunities"])
    second = connector.read(catalog, first.states)
    assert second.records == {"crm_opportunities": first.records["crm_opportunities"]}
    assert second.covered == {"crm_opportunities": 30}


def test_only_selected_fields_are_emitted(connector):
    """A stream whose configured schema has fewer fields emits these and its key."""
    fields = {"crm_contacts": ["first_name", "updated_at"], "raw_tags": ["tag"]}
    answer = connector.read(connector.configured([*fields, "crm_accounts"], fields=fields))
    assert {tuple(sorted(row)) for row in answer.records["crm_contacts"]} == {
        ("first_name", "id", "updated_at")
    }
    assert {tuple(sorted(row)) for row in answer.records["raw_tags"]} == {("id", "tag")}
    assert "website" in answer.records["crm_accounts"][0]


def test_deselected_fields_cost_no_requests(account, connector):
    """Without related fields selected, the source requests contacts only."""
    catalog = connector.configured(["crm_contacts"], fields={"crm_contacts": ["first_name"]})
    before = len(account.world.log)
    connector.read(catalog)
    paths = {request.path.removeprefix("/api/3/") for request in account.world.log[before:]}
    assert paths <= {"contacts", "users/me"}


def test_a_new_custom_field_comes_without_a_new_catalog(account, connector):
    """Records have a custom field that is newer than the configured catalog."""
    catalog = connector.configured(["crm_contacts"])
    field = account.world.add_field("Shoe size", "text")
    account.world.set_field(7, field.id, "42")
    rows = {row["id"]: row for row in connector.read(catalog).records["crm_contacts"]}
    assert rows["7"]["custom_fields"]["shoe_size"] == "42"


def test_the_rows_to_come_are_estimated(connector):
    """Each stream that ActiveCampaign counts has one ESTIMATE with its number of rows."""
    answer = connector.read(connector.configured(["crm_contacts", "marketing_tags"]))
    found = {trace["name"]: trace["row_estimate"] for trace in answer.traces("ESTIMATE")}
    assert found == {name: len(rows) for name, rows in answer.records.items()}
    assert len(answer.traces("ESTIMATE")) == 2


def test_a_stream_that_fails_is_incomplete_and_the_others_complete(account, connector):
    """The failed stream has a transient error of its own and no state; the exit code is 1."""
    catalog = connector.configured(["crm_notes", "marketing_tags"])
    account.world.faults.server_error("/notes", status=500, times=None)
    answer = connector.read(catalog, max_retry_seconds=5)
    assert answer.code == 1
    assert answer.statuses == {
        "crm_notes": ["STARTED", "INCOMPLETE"],
        "marketing_tags": DONE,
    }
    assert answer.errors == [("crm_notes", "transient_error")]
    assert "crm_notes" not in answer.states


def test_a_read_continues_from_its_last_state_after_a_crash(account, connector):
    """After a crash, states cover the rows that were emitted; the next read emits the others."""
    account = Account(contacts=2500)
    connector = Connector(account, connector.folder)
    catalog = connector.configured(["crm_contacts"])
    account.world.faults.server_error("/api/3/contacts", status=500, times=None, after=16)
    first = connector.read(catalog, max_retry_seconds=5)
    assert first.code == 1
    assert first.statuses == {"crm_contacts": ["STARTED", "RUNNING", "INCOMPLETE"]}
    assert 0 < first.covered["crm_contacts"] <= len(first.records["crm_contacts"])
    account.world.faults.clear()
    second = connector.read(catalog, first.states)
    assert second.code == 0
    ids = [row["id"] for answer in (first, second) for row in answer.records["crm_contacts"]]
    assert set(ids) == {str(number) for number in range(1, 2501)}
    assert len(second.records["crm_contacts"]) < 1600


@pytest.mark.parametrize(
    ("act", "kind"),
    [
        (lambda world: setattr(world, "api_key", "another"), "config_error"),
        (lambda world: world.faults.lapsed(), "config_error"),
    ],
    ids=["bad key", "unpaid account"],
)
def test_a_bad_key_ends_the_run_with_one_error(account, connector, act, kind):
    """A bad key or an unpaid account ends the run with 1, and each stream is INCOMPLETE once."""
    catalog = connector.configured(["crm_contacts", "marketing_tags"])
    act(account.world)
    answer = connector.read(catalog)
    assert answer.code == 1
    assert [error for _, error in answer.errors] == [kind]
    assert {name: found[-1] for name, found in answer.statuses.items()} == {
        "crm_contacts": "INCOMPLETE",
        "marketing_tags": "INCOMPLETE",
    }


def test_a_defect_is_a_system_error(account, connector):
    """An unexpected exception ends the read with 1 and one system error without values of a row."""
    catalog = connector.configured(["marketing_tags"])

    def break_down(_world, _method, path, _query):
        if path.endswith("tags"):
            raise ZeroDivisionError("ann@example.com")

    account.world.before_request(break_down)
    answer = connector.read(catalog)
    assert answer.code == 1
    assert answer.errors == [(None, "system_error")]
    assert "ann@" not in str(answer.messages)
    assert answer.statuses["marketing_tags"][-1] == "INCOMPLETE"


def test_a_stopped_read_reports_the_signal(account, connector):
    """SIGTERM ends the read with 143: streams are INCOMPLETE, states cover what was emitted.

    One error names the signal.
    """
    account = Account(contacts=2500)
    connector = Connector(account, connector.folder)
    catalog = connector.configured(["crm_contacts", "marketing_tags"])
    paths = []

    def hook(_world, _method, path, _query):
        paths.append(path)
        if len(paths) == 16:
            account.stop(signal.SIGTERM)

    account.world.before_request(hook)
    answer = connector.read(catalog)
    assert answer.code == 128 + signal.SIGTERM
    assert {name: found[-1] for name, found in answer.statuses.items()} == {
        "crm_contacts": "INCOMPLETE",
        "marketing_tags": "INCOMPLETE",
    }
    assert answer.errors == [(None, "transient_error")]
    assert answer.covered["crm_contacts"] == len(answer.records["crm_contacts"])


def test_a_stop_after_a_failed_stream_is_an_error_of_its_own(connector):
    """The failed stream has one error, and the signal that ends the run has another."""
    account = connector.account = Account(contacts=950, accounts=5)
    catalog = connector.configured(["crm_accounts", "crm_contacts"])
    account.world.faults.server_error("/accounts", status=500, times=None)

    def hook(_world, _method, _path, query):
        if ("id_greater", "200") in query:
            account.stop(signal.SIGTERM)

    account.world.before_request(hook)
    answer = connector.read(catalog, max_retry_seconds=5)
    assert answer.code == 128 + signal.SIGTERM
    assert answer.errors == [("crm_accounts", "transient_error"), (None, "transient_error")]


def test_deleted_rows_come_as_airbyte_marks_them(account, connector):
    """A deleted contact is emitted once with `_ab_cdc_deleted_at`, but not in a full refresh."""
    catalog = connector.configured(["crm_contacts"], detect_deletes=True)
    first = connector.read(catalog, detect_deletes=True)
    assert {row["_ab_cdc_deleted_at"] for row in first.records["crm_contacts"]} == {None}
    account.world.delete_contact(9)
    account.wait(hours=2)
    second = connector.read(catalog, first.states, detect_deletes=True)
    (tombstone,) = second.records["crm_contacts"]
    assert tombstone["id"] == "9"
    assert tombstone["_ab_cdc_deleted_at"] == tombstone["updated_at"]
    assert "_sdc_deleted_at" not in tombstone
    account.world.delete_contact(10)
    account.wait(hours=2)
    whole = connector.configured(["crm_contacts"], full_refresh=["crm_contacts"])
    third = connector.read(whole, second.states, detect_deletes=True)
    assert "10" not in {row["id"] for row in third.records["crm_contacts"]}


def test_custom_objects_are_streams_of_their_own(connector):
    """Each is discovered with its fields, and read with the fields that are selected."""
    account = connector.account = Account(contacts=3)
    schema = acts.add_schema(
        account.world, "purchase-orders", [acts.field("title"), acts.field("count", "number")]
    )
    acts.put_record(account.world, schema, "po-1", {"title": "Pallets", "count": 4}, {}, lags=False)
    stream = "custom_purchase_orders"
    found = connector.discover()[stream]
    assert "number" in found["json_schema"]["properties"]["count"]["type"]
    whole = connector.read(connector.configured([stream]))
    assert whole.statuses == {stream: DONE}
    (row,) = whole.records[stream]
    assert (row["title"], row["count"]) == ("Pallets", 4)
    chosen = connector.read(connector.configured([stream], fields={stream: ["title"]}))
    assert [set(row) for row in chosen.records[stream]] == [{"id", "title"}]


def test_a_custom_object_that_is_gone_is_a_config_error(connector):
    """The error for a deleted custom object names the stream; the exit code is 2."""
    stream = {"name": "custom_pets", "json_schema": {}}
    catalog = {"streams": [{"stream": stream, "sync_mode": "full_refresh"}]}
    answer = connector.read(catalog)
    assert answer.code == 2
    assert answer.errors == [(None, "config_error")]
    assert "custom_pets" in answer.lines[0]


def test_the_account_label_is_in_key_and_records(connector):
    """With `account_label` each record has it, and it is part of the primary key."""
    found = connector.discover(account_label="emea")["marketing_tags"]
    assert found["source_defined_primary_key"] == [["id"], ["account_label"]]
    catalog = connector.configured(["marketing_tags"], account_label="emea")
    answer = connector.read(catalog, account_label="emea")
    assert {row["account_label"] for row in answer.records["marketing_tags"]} == {"emea"}


def test_the_source_ignores_settings_of_the_sdk(connector):
    """The source ignores the SDK's stream maps and flattening."""
    catalog = connector.configured(["marketing_tags"])
    maps = {"marketing_tags": None}
    answer = connector.read(catalog, stream_maps=maps, flattening_enabled=True)
    assert answer.code == 0
    assert answer.records["marketing_tags"]


GLOBAL = {"type": "GLOBAL", "global": {"stream_states": []}}


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("catalog", {"streams": []}, "holds no streams"),
        ("catalog", {"streams": [{"stream": {"name": "crm_pets"}}]}, "crm_pets, which does not"),
        ("catalog", {"streams": [{}]}, "a stream without a name"),
        ("catalog", "{", "is not JSON"),
        ("state", {"a": GLOBAL}, "a message of type GLOBAL"),
        ("state", {"a": {"type": "STREAM"}}, "one STREAM state per stream"),
    ],
)
def test_a_file_that_cannot_be_used_is_a_config_error(connector, file, text, words):
    """A bad catalog or state ends the read with 2 and one line that names the problem."""
    good = connector.configured(["marketing_tags"])
    catalog = text if file == "catalog" else good
    answer = connector.read(catalog, text if file == "state" else None)
    assert answer.code == 2
    assert answer.errors == [(None, "config_error")]
    assert len(answer.lines) == 1
    assert words in answer.lines[0]


def test_a_state_that_no_run_wrote_is_a_config_error(connector):
    """The source rejects a state entry of another shape and names its stream."""
    entry = {"stream_descriptor": {"name": "crm_contacts"}, "stream_state": {"progress": 1}}
    states = {"crm_contacts": {"type": "STREAM", "stream": entry}}
    answer = connector.read(connector.configured(["crm_contacts"]), states)
    assert answer.code == 2
    assert "crm_contacts" in answer.lines[0]


def test_records_are_the_taps_for_every_stream(connector):
    """Source and tap emit the same number of records of every stream."""
    account = connector.account = Account(contacts=20, deals=6, accounts=4)
    catalog = account.discover()
    names = [entry.tap_stream_id for entry in catalog.streams]
    singer = account.run(catalog=select(catalog, names))
    answer = connector.read(connector.configured(names))
    assert answer.code == 0
    assert {name: len(rows) for name, rows in answer.records.items()} == {
        name: len(rows) for name, rows in singer.records.items()
    }
    assert answer.covered == {name: len(rows) for name, rows in answer.records.items()}
