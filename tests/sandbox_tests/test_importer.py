"""The bulk importer: refused batches, its clock, and its effects."""

from __future__ import annotations

import pytest

from tests.sandbox_tests.caller import Caller, caller_of

PATH = "/import/bulk_import"


@pytest.fixture
def caller() -> Caller:
    return caller_of()


def queue(caller, *contacts, **payload):
    return caller.ask("POST", PATH, {"contacts": list(contacts)} | payload)


def finish(caller):
    caller.world.clock.advance(10)
    caller.world.settle()


def test_statuses_follow_the_clock(caller):
    """A batch is False within a second, then waiting, active, completed, with created ids."""
    caller.world.add_contact("old@x.example")
    status, document = queue(caller, {"email": "old@x.example"}, {"email": "new@x.example"})
    assert (status, document["success"], document["queued_contacts"]) == (200, 1, 2)
    seen = []
    for _ in range(5):
        info = caller.get("/import/info", batchId=document["batchId"])
        seen.append(info["status"])
        caller.world.clock.advance(1)
    assert seen == [False, "waiting", "active", "active", "completed"]
    assert caller.get("/import/info", batchId=document["batchId"])["success"] == ["2"]
    assert caller.ask("GET", "/import/info")[0] == 400
    assert caller.get(PATH)["recentlyCompleted"][0]["contacts"] == "2"


def test_one_bad_address_refuses_the_batch(caller):
    """A malformed address refuses its whole batch with its index."""
    status, document = queue(caller, {"email": "a@x.example"}, {"email": "bad@"})
    assert (status, document["success"]) == (400, 0)
    assert document["failureReasons"][0]["contact"] == 1
    finish(caller)
    assert not len(caller.world.tables["contacts"])


@pytest.mark.parametrize(
    ("rows", "size", "status"), [(250, 0, 200), (251, 0, 400), (250, 1600, 400)]
)
def test_size_limits(caller, rows, size, status):
    """A batch has at most 250 rows and 399,999 bytes."""
    contacts = [{"email": f"a{n}@x.example", "first_name": "x" * size} for n in range(rows)]
    assert queue(caller, *contacts)[0] == status


@pytest.mark.parametrize(("rows", "most"), [(1, 20), (2, 100)])
def test_per_minute_limits(caller, rows, most):
    """Single rows have 20 requests a minute, batches 100; more is 400 with text."""
    contacts = [{"email": f"a{n}@x.example"} for n in range(rows)]
    assert {queue(caller, *contacts)[0] for _ in range(most)} == {200}
    status, document = queue(caller, *contacts)
    assert (status, document["message"]) == (400, "Rate limit exceeded.")
    assert isinstance(document["failureReasons"][0], str)
    caller.world.clock.advance(60)
    assert queue(caller, *contacts)[0] == 200


def test_rows_are_upserted_with_related_rows(caller):
    """Rows create tags, join lists, link accounts; empty text overwrites, absent keys do not."""
    world = caller.world
    world.add_contact("a@x.example", firstName="Ada", lastName="Abel")
    queue(
        caller,
        {
            "email": "A@x.example",
            "first_name": "",
            "tags": ["brandnew"],
            "fields": [{"id": 1, "value": "web"}],
            "subscribe": [{"listid": 1}],
            "customer_acct_name": "Fjord",
        },
        {"email": "b@x.example"},
    )
    finish(caller)
    row = world.tables["contacts"][1]
    assert (row.firstName, row.lastName) == ("", "Abel")
    assert world.field_value(1, 1).value == "web"
    assert world.membership(1, 1).status == 1
    assert caller.rows("/contacts/1/accountContacts")[0]["account"] == "1"
    assert caller.rows("/tags", search="brandnew")[0]["subscriber_count"] == "1"


@pytest.mark.parametrize("status", [2, 3])
def test_the_importer_resubscribes_no_contact(caller, status):
    """Contacts who unsubscribed or bounced keep their status."""
    caller.world.add_contact("a@x.example")
    caller.world.subscribe(1, 1, status)
    queue(caller, {"email": "a@x.example", "subscribe": [{"listid": 1}]})
    finish(caller)
    assert caller.world.membership(1, 1).status == status


def test_automations_run_unless_excluded_on_the_contact(caller):
    """exclude_automations counts on the row, or on the payload by a switch."""
    queue(caller, {"email": "a@x.example", "tags": ["x"], "exclude_automations": True})
    finish(caller)
    assert not any(entry["starts"] for entry in caller.world.automation_log)
    queue(caller, {"email": "b@x.example", "tags": ["x"]}, exclude_automations=True)
    finish(caller)
    assert any(entry["starts"] for entry in caller.world.automation_log)


def test_excluded_addresses_are_skipped(caller):
    """An address on an exclusion list fails alone."""
    caller.world.excluded_emails.add("a@x.example")
    batch = queue(caller, {"email": "a@x.example"}, {"email": "b@x.example"})[1]["batchId"]
    finish(caller)
    info = caller.get("/import/info", batchId=batch)
    assert (info["success"], info["failure"]) == (["1"], ["a@x.example"])
