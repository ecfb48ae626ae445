"""Writing events: once, for existing contacts, and without the API key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tap_activecampaign_unified.config.settings import SettingsError
from tests.tap.client.lab import KEY
from tests.target.lab import state_of, stream_of

if TYPE_CHECKING:
    from tests.target.lab import Lab, Run

WHO = "lea@harbour.example"
EVENT: dict[str, Any] = {
    "external_id": "e-1",
    "name": "signup",
    "contact": {"email": WHO},
    "value": "gold",
}


@pytest.fixture(autouse=True)
def _person(lab: Lab) -> None:
    lab.world.add_contact(WHO)


def send(lab: Lab, *records: dict[str, Any], **settings: Any) -> Run:
    """Send events with the settings of event tracking."""
    own = {"event_account_id": lab.world.event_account_id, "event_key": lab.world.event_key}
    return lab.send("marketing_events", *records, **(own | settings))


def events(lab: Lab) -> list[tuple[str, str]]:
    """Return name and value of each recorded event."""
    return [(row.type, row.value) for row in lab.world.tables["trackingLogs"]]


@pytest.mark.parametrize("answer", ["json", "text"])
def test_an_event_is_recorded_once_however_often_it_is_delivered(lab: Lab, answer: str) -> None:
    """An event is recorded once, however often its row is delivered.

    Both forms of the answer are read. The API key is sent only to the account.
    """
    lab.world.switches.event_answer = answer
    run = send(lab, EVENT)
    assert (run.code, run.actions) == (0, ["created"])
    assert send(lab, EVENT).actions == ["unchanged"]
    assert send(lab, EVENT | {"value": "silver"}).actions == ["unchanged"]
    assert send(lab, EVENT, force=True).actions == ["unchanged"]
    assert events(lab) == [("signup", "gold")]
    sent = [entry for entry in lab.world.log if entry.path == "/event"]
    assert len(sent) == 1
    assert KEY not in str((sent[0].headers, sent[0].body))
    assert send(lab, EVENT | {"external_id": "e-2"}).actions == ["created"]


@pytest.mark.parametrize(
    ("fault", "options"),
    [
        ("reset_after_apply", {}),
        ("reset", {}),
        ("late_trouble", {}),
        ("server_error", {"status": 500}),
        ("empty_body", {}),
        ("html_200", {}),
        ("truncated_json", {}),
    ],
)
def test_an_event_without_a_clear_answer_is_never_sent_again(
    lab: Lab, fault: str, options: dict[str, Any]
) -> None:
    """An event without a clear answer fails, no state covers it, and no run sends it again."""
    getattr(lab.world.faults, fault)("/event", method="POST", **options)
    retry = str(lab.folder / "retry.jsonl")
    run = send(lab, EVENT, retry_path=retry)
    assert (run.code, run.actions, run.states) == (1, ["failed"], [])
    before = len(events(lab))
    again = send(lab, EVENT, retry_path=retry)
    assert (again.code, again.actions) == (1, ["failed"])
    assert "never" in again.reason()
    assert len(events(lab)) == before
    assert sum(entry.path == "/event" for entry in lab.world.log) == 1


def test_names_are_registered_before_they_are_used(lab: Lab) -> None:
    """Event names are read once, and a new one is added, also if another client was faster."""
    rows = [EVENT | {"external_id": f"e-{n}", "name": "bought a mug"} for n in range(3)]
    run = send(lab, *rows)
    assert run.actions == ["created"] * 3
    assert "bought a mug" in lab.world.event_names
    assert run.requests.count(("GET", "eventTrackingEvents")) == 1
    assert run.requests.count(("POST", "eventTrackingEvents")) == 1


def test_an_event_waits_for_its_contact(lab: Lab) -> None:
    """An event waits for its contact in the same input; no event is sent without a contact."""
    own = {"event_account_id": lab.world.event_account_id, "event_key": lab.world.event_key}
    late = EVENT | {"contact": {"email": "new@harbour.example"}}
    run = lab.run(
        *stream_of("marketing_events", late),
        *stream_of("marketing_contacts", {"email": "new@harbour.example"}),
        state_of(1),
        **own,
    )
    assert run.actions == ["created", "created"]
    assert send(lab, EVENT | {"external_id": "e-9", "contact": "ghost@x.example"}).actions == [
        "rejected"
    ]
    person = lab.world.find_contact(WHO)
    by_id = EVENT | {"external_id": "e-3", "contact": {"id": str(person.id)}}
    assert send(lab, by_id).actions == ["created"]
    assert len(events(lab)) == 2


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"name": None}, "name"),
        ({"name": "x" * 33}, "name"),
        ({"contact": None}, "contact"),
        ({"value": {"a": 1}}, "value"),
    ],
)
def test_a_row_at_fault_is_rejected_with_its_column(
    lab: Lab, change: dict[str, Any], word: str
) -> None:
    """A wrong row is rejected with its column and sends nothing."""
    run = send(lab, EVENT | change)
    assert run.actions == ["rejected"]
    assert run.reason().startswith(word)
    assert events(lab) == []


def test_a_refused_event_is_rejected_and_may_be_sent_later(lab: Lab) -> None:
    """An event that is refused for a wrong key or disabled tracking is sent by a later run."""
    assert send(lab, EVENT, event_key="wrong").actions == ["rejected"]
    lab.world.is_event_tracking_on = False
    assert send(lab, EVENT).actions == ["rejected"]
    run = send(lab, EVENT | {"name": "unheard of"})
    assert "tracking is off" in run.reason()
    lab.world.is_event_tracking_on = True
    assert send(lab, EVENT).actions == ["created"]
    assert lab.send("marketing_events", EVENT | {"external_id": "e-5"}).actions == ["rejected"]


def test_a_dry_run_counts_who_would_get_which_event(lab: Lab) -> None:
    """A dry run counts events by name and sends none."""
    run = send(lab, EVENT, dry_run=True)
    assert run.actions == ["planned"]
    assert events(lab) == []
    assert "the event signup" in str(run.report)


def test_events_are_skipped_where_no_automation_may_start(lab: Lab) -> None:
    """With run_automations false events are skipped."""
    assert send(lab, EVENT, run_automations=False).actions == ["skipped"]
    assert events(lab) == []


@pytest.mark.parametrize(
    "settings",
    [
        {"event_url": "http://trackcmp.net/event"},
        {"event_url": "ftp://localhost/event"},
        {"event_key": None},
    ],
)
def test_wrong_settings_are_said_in_a_line(lab: Lab, settings: dict[str, Any]) -> None:
    """An http address, or one of the two settings alone, is one error line."""
    with pytest.raises(SettingsError, match="event_"):
        send(lab, EVENT, **settings)
