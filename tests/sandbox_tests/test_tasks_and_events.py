"""Tasks of deals and contacts, and events on a separate host."""

from __future__ import annotations

import json

import pytest
import requests

from tests.sandbox import Shape
from tests.sandbox.tasks.planting import define_types
from tests.sandbox_tests.caller import caller_of

DUE = "2031-04-01T10:00:00-05:00"


@pytest.fixture
def caller():
    """An account with contacts, deals and the types of tasks."""
    made = caller_of(contacts=9, deals=4, tasks="served")
    define_types(made.world)
    return made


def task(**columns):
    """Return the body of a task."""
    return {"dealTask": {"relid": "2", "duedate": DUE, "dealTasktype": "1", **columns}}


def test_a_task_without_an_owner_type_lands_on_the_deal_of_that_number(caller):
    """Without `ownerType` a task is on the deal with that number, which must exist."""
    status, document = caller.ask("POST", "/dealTasks", task(note="Call"))
    assert status == 201
    assert (document["dealTask"]["reltype"], document["dealTask"]["status"]) == ("Deal", 0)
    assert caller.ask("POST", "/dealTasks", task(relid="9"))[0] == 422
    status, document = caller.ask("POST", "/dealTasks", task(relid="9", ownerType="contact"))
    assert document["dealTask"]["owner"] == {"type": "contact", "id": "9"}
    assert document["dealTask"]["edate"] == "2031-04-01T10:15:00-05:00"
    assert [row["status"] for row in caller.rows("/dealTasks")] == ["0", "0"]


def test_required_columns_and_unknown_types_are_refused(caller):
    """relid, duedate and dealTasktype are required; a type must exist."""
    for name in ("relid", "duedate", "dealTasktype"):
        body = task()
        del body["dealTask"][name]
        assert caller.ask("POST", "/dealTasks", body)[0] == 422
    assert caller.ask("POST", "/dealTasks", task(dealTasktype="99"))[0] == 422
    assert caller.ask("POST", "/dealTasks", task(duedate="soon"))[0] == 422
    assert caller.rows("/dealTasks") == []


def test_completing_a_task_asks_for_an_outcome_where_its_type_has_some(caller):
    """A completion without an outcome is 422 or accepted; the server sets its time."""
    caller.ask("POST", "/dealTasks", task(dealTasktype="4"))
    done = {"dealTask": {"status": 1}}
    assert caller.ask("PUT", "/dealTasks/1", done)[0] == 422
    status, document = caller.ask(
        "PUT", "/dealTasks/1", {"dealTask": {"status": 1, "outcomeId": 1, "outcomeInfo": "ok"}}
    )
    assert (status, document["dealTask"]["outcomeId"]) == (200, 1)
    assert document["dealTask"]["donedate"]
    caller.ask("PUT", "/dealTasks/1", {"dealTask": {"status": 0}})
    assert caller.get("/dealTasks/1")["dealTask"]["donedate"] is None
    caller.ask("POST", "/dealTasks", task(dealTasktype="4"))
    caller.world.switches.task_needs_outcome = False
    assert caller.ask("PUT", "/dealTasks/2", done)[0] == 200


def test_tasks_are_filtered_by_their_columns_and_deleted(caller):
    """`filters[status]` and `filters[reltype]` work; there is none for the date of a change."""
    caller.ask("POST", "/dealTasks", task())
    caller.ask("POST", "/dealTasks", task(ownerType="contact", status=1))
    assert [row["id"] for row in caller.rows("/dealTasks", **{"filters[status]": "0"})] == ["1"]
    found = caller.rows("/dealTasks", **{"filters[reltype]": "Subscriber"})
    assert [row["id"] for row in found] == ["2"]
    assert caller.ask("DELETE", "/dealTasks/1") == (200, {})
    assert caller.ask("GET", "/dealTasks/1")[0] == 404


def test_types_have_a_title_once(caller):
    """A type is created with 201; its title is unique."""
    body = {"dealTasktype": {"title": "Visit"}}
    assert caller.ask("POST", "/dealTasktypes", body)[0] == 201
    assert caller.ask("POST", "/dealTasktypes", body)[0] == 422
    assert {"1", "2"} == set(caller.rows("/dealTasktypes")[3]["outcomes"])


def test_planted_tasks_belong_to_contacts_and_deals():
    """Half of the planted tasks are of contacts, half of deals, and a third is completed."""
    made = caller_of(contacts=5, deals=5, shape=Shape(tasks=30))
    rows = made.rows("/dealTasks", limit=100)
    assert {row["reltype"] for row in rows} == {"Deal", "Subscriber"}
    assert sum(row["status"] == "1" for row in rows) == 10
    assert len(caller_of().rows("/dealTasks")) == 3
    assert caller_of().call("POST", "/dealTasks", task()).status_code == 404


def event(caller, headers=None, **form):
    """Send an event to the host of events; return the decoded answer."""
    form = {
        "actid": caller.world.event_account_id,
        "key": caller.world.event_key,
        "event": "signup",
        "visit": json.dumps({"email": caller.world.tables["contacts"][1].email}),
    } | form
    session = requests.Session()
    session.mount("https://", caller.session.get_adapter("https://trackcmp.net"))
    answer = session.post("https://trackcmp.net/event", data=form, headers=headers, timeout=60)
    assert answer.status_code == 200
    return answer.json()


def test_an_event_is_recorded_each_time_it_is_sent():
    """Each event is recorded, without the API key and beyond the account's limit."""
    caller = caller_of(contacts=2, requests_per_second=1)
    for _ in range(3):
        assert event(caller, eventdata="gold") == {"success": 1, "message": "Event spawned"}
    events = caller.get("/contacts/1/trackingLogs")["trackingLogs"]
    assert [(row["type"], row["value"]) for row in events] == [("signup", "gold")] * 3


def test_bad_events_are_0_with_status_200():
    """A wrong key, a long or unknown name, or no address is `success` 0, or the text 0."""
    caller = caller_of(contacts=2)
    assert event(caller, key="nonsense")["success"] == 0
    assert event(caller, event="x" * 33)["success"] == 0
    assert event(caller, event="unknown")["success"] == 0
    assert event(caller, visit="{}")["success"] == 0
    switches = caller.world.switches
    switches.event_answer = "text"
    assert event(caller, event="unknown") == 0
    assert event(caller) == 1
    switches.event_unregistered = "accepted"
    assert event(caller, event="unknown") == 1
    caller.world.is_event_tracking_on = False
    assert event(caller) == 0


@pytest.mark.parametrize(
    ("reading", "success", "made"), [("accepted", 1, 0), ("refused", 0, 0), ("creates", 1, 1)]
)
def test_an_unknown_address_is_accepted_refused_or_a_contact(reading, success, made):
    """An event of an unknown address is ignored, refused, or creates a contact, by a switch."""
    caller = caller_of(contacts=1, event_unknown_email=reading)
    visit = json.dumps({"email": "stranger@x.example"})
    assert event(caller, visit=visit)["success"] == success
    assert len(caller.world.tables["contacts"]) == 1 + made


def test_names_of_events_are_added_while_tracking_is_on():
    """A known name is 422 or 201, and a name can be deleted."""
    caller = caller_of()
    body = {"eventTrackingEvent": {"name": "bought a mug"}}
    assert caller.ask("POST", "/eventTrackingEvents", body)[0] == 201
    assert caller.ask("POST", "/eventTrackingEvents", body)[0] == 422
    caller.world.switches.event_name_again = 201
    assert caller.ask("POST", "/eventTrackingEvents", body)[0] == 201
    assert caller.rows("/eventTrackingEvents") == [{"name": "signup"}, {"name": "bought a mug"}]
    assert caller.ask("DELETE", "/eventTrackingEvents/bought%20a%20mug") == (200, {})
    off = {"eventTracking": {"enabled": False}}
    assert caller.ask("PUT", "/eventTracking", off) == (200, off)
    assert caller.ask("POST", "/eventTrackingEvents", body)[0] == 403
    assert caller.world.event_account_id in caller.call("GET", "/siteTracking/code").text


def test_events_can_be_lost_and_spoiled():
    """The account's faults also affect the host of events."""
    caller = caller_of(contacts=1)
    caller.world.faults.reset_after_apply("/event")
    with pytest.raises(requests.ConnectionError):
        event(caller)
    assert len(caller.world.tables["trackingLogs"]) == 1
