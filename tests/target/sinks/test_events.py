"""Writing events: once, for existing contacts, and without the API key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tap_activecampaign_unified.config.read_settings import SettingsError
from tests.tap.client.clients import KEY
from tests.target.runner import state_of, stream_of

if TYPE_CHECKING:
    from tests.target.runner import Run, TargetRunner

WHO = "lea@harbour.example"
EVENT: dict[str, Any] = {
    "external_id": "e-1",
    "name": "signup",
    "contact": {"email": WHO},
    "value": "gold",
}


@pytest.fixture(autouse=True)
def _person(runner: TargetRunner) -> None:
    runner.world.add_contact(WHO)


def send(runner: TargetRunner, *records: dict[str, Any], **settings: Any) -> Run:
    """Send events with the settings of event tracking."""
    own = {"event_account_id": runner.world.event_account_id, "event_key": runner.world.event_key}
    return runner.send("marketing_events", *records, **(own | settings))


def events(runner: TargetRunner) -> list[tuple[str, str]]:
    """Return name and value of each recorded event."""
    return [(row.type, row.value) for row in runner.world.tables["trackingLogs"]]


@pytest.mark.parametrize("answer", ["json", "text"])
def test_an_event_is_recorded_once_however_often_it_is_delivered(
    runner: TargetRunner, answer: str
) -> None:
    """An event is recorded once, however often its row is delivered.

    Both forms of the answer are read. The API key is sent only to the account.
    """
    runner.world.switches.event_answer = answer
    run = send(runner, EVENT)
    assert (run.code, run.actions) == (0, ["created"])
    assert send(runner, EVENT).actions == ["unchanged"]
    assert send(runner, EVENT | {"value": "silver"}).actions == ["unchanged"]
    assert send(runner, EVENT, force=True).actions == ["unchanged"]
    assert events(runner) == [("signup", "gold")]
    sent = [entry for entry in runner.world.log if entry.path == "/event"]
    assert len(sent) == 1
    assert KEY not in str((sent[0].headers, sent[0].body))
    assert send(runner, EVENT | {"external_id": "e-2"}).actions == ["created"]


def test_a_value_that_is_a_whole_float_loses_its_fraction(runner: TargetRunner) -> None:
    """A column of whole numbers with a gap is a column of floats in pandas."""
    assert send(runner, EVENT | {"value": 12.0}).actions == ["created"]
    assert events(runner) == [("signup", "12")]


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
    runner: TargetRunner, fault: str, options: dict[str, Any]
) -> None:
    """An event without a clear answer fails, no state covers it, and no run sends it again."""
    getattr(runner.world.faults, fault)("/event", method="POST", **options)
    retry = str(runner.folder / "retry.jsonl")
    run = send(runner, EVENT, retry_path=retry)
    assert (run.code, run.actions, run.states) == (1, ["failed"], [])
    before = len(events(runner))
    again = send(runner, EVENT, retry_path=retry)
    assert (again.code, again.actions) == (1, ["failed"])
    assert "never" in again.reason()
    assert len(events(runner)) == before
    assert sum(entry.path == "/event" for entry in runner.world.log) == 1


def test_names_are_registered_before_they_are_used(runner: TargetRunner) -> None:
    """Event names are read once, and a new name is added, also if another client was faster."""
    rows = [EVENT | {"external_id": f"e-{n}", "name": "bought a mug"} for n in range(3)]
    run = send(runner, *rows)
    assert run.actions == ["created"] * 3
    assert "bought a mug" in runner.world.event_names
    assert run.requests.count(("GET", "eventTrackingEvents")) == 1
    assert run.requests.count(("POST", "eventTrackingEvents")) == 1


@pytest.mark.parametrize("unregistered", ["refused", "accepted"])
@pytest.mark.parametrize("again", [422, 201])
@pytest.mark.parametrize("unknown", ["accepted", "refused", "creates"])
def test_events_end_the_same_under_every_reading(
    runner: TargetRunner, unregistered: str, again: int, unknown: str
) -> None:
    """Unregistered names, names that exist and unknown addresses give the same events and results.

    Another client adds the name between the target's read and its own request. No event of a
    person who is not a contact is sent.
    """
    world = runner.world
    switches = world.switches
    switches.event_unregistered, switches.event_name_again = unregistered, again
    switches.event_unknown_email = unknown

    def faster(_: Any, method: str, path: str, __: Any) -> None:
        if (method, path) == ("POST", "/api/3/eventTrackingEvents"):
            world.event_names.append("bought a mug")

    world.before_request(faster)
    stranger = {"external_id": "e-3", "contact": {"email": "stranger@harbour.example"}}
    run = send(runner, EVENT | {"name": "bought a mug"}, EVENT | stranger)
    assert run.actions == ["created", "rejected"]
    assert "contact" in run.reason(2)
    assert events(runner) == [("bought a mug", "gold")]
    assert world.find_contact("stranger@harbour.example") is None


def test_an_event_waits_for_its_contact(runner: TargetRunner) -> None:
    """An event waits for its contact in the same input; no event is sent without a contact."""
    own = {"event_account_id": runner.world.event_account_id, "event_key": runner.world.event_key}
    late = EVENT | {"contact": {"email": "new@harbour.example"}}
    run = runner.run(
        *stream_of("marketing_events", late),
        *stream_of("marketing_contacts", {"email": "new@harbour.example"}),
        state_of(1),
        **own,
    )
    assert run.actions == ["created", "created"]
    assert send(runner, EVENT | {"external_id": "e-9", "contact": "ghost@x.example"}).actions == [
        "rejected"
    ]
    person = runner.world.find_contact(WHO)
    by_id = EVENT | {"external_id": "e-3", "contact": {"id": str(person.id)}}
    assert send(runner, by_id).actions == ["created"]
    assert len(events(runner)) == 2


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
    runner: TargetRunner, change: dict[str, Any], word: str
) -> None:
    """A wrong row is rejected with its column and sends nothing."""
    run = send(runner, EVENT | change)
    assert run.actions == ["rejected"]
    assert run.reason().startswith(word)
    assert events(runner) == []


def test_a_refused_event_is_rejected_and_may_be_sent_later(runner: TargetRunner) -> None:
    """An event that is refused for a wrong key or disabled tracking is sent by a later run."""
    assert send(runner, EVENT, event_key="wrong").actions == ["rejected"]
    runner.world.is_event_tracking_on = False
    assert send(runner, EVENT).actions == ["rejected"]
    run = send(runner, EVENT | {"name": "unheard of"})
    assert "tracking is off" in run.reason()
    runner.world.is_event_tracking_on = True
    assert send(runner, EVENT).actions == ["created"]
    assert runner.send("marketing_events", EVENT | {"external_id": "e-5"}).actions == ["rejected"]


def test_a_dry_run_counts_who_would_get_which_event(runner: TargetRunner) -> None:
    """A dry run counts events by name and sends none."""
    run = send(runner, EVENT, dry_run=True)
    assert run.actions == ["planned"]
    assert events(runner) == []
    assert "the event signup" in str(run.report)


def test_events_are_skipped_where_no_automation_may_start(runner: TargetRunner) -> None:
    """With run_automations false events are skipped."""
    assert send(runner, EVENT, run_automations=False).actions == ["skipped"]
    assert events(runner) == []


@pytest.mark.parametrize(
    "settings",
    [
        {"event_url": "http://trackcmp.net/event"},
        {"event_url": "ftp://localhost/event"},
        {"event_key": None},
    ],
)
def test_wrong_settings_are_said_in_a_line(runner: TargetRunner, settings: dict[str, Any]) -> None:
    """An http address, or one of the two settings alone, is one error line."""
    with pytest.raises(SettingsError, match="event_"):
        send(runner, EVENT, **settings)
