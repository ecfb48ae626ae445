"""An undo restores what a run replaced, and nothing that changed later."""

from __future__ import annotations

import html
import stat
from typing import TYPE_CHECKING, Any

import pytest

from tap_activecampaign_unified.config.read_settings import SettingsError
from target_activecampaign.undo.decisions.list_status_decision import (
    NO_UNSUBSCRIBES,
    PERSON_OPTED_OUT,
    UNKNOWN_UNSUBSCRIBE,
)
from target_activecampaign.undo.decisions.record_decisions import NOT_DELETED
from target_activecampaign.undo.recording.written_rows import NOT_UNDOABLE
from tests.target.runner import state_of, stream_of
from tests.target.undo.account import UNDO_FILE, differences, reasons_of, truth_of

if TYPE_CHECKING:
    from tests.sandbox import World
    from tests.target.undo.account import UndoRunner


def subscribed(world: World, count: int) -> list[int]:
    """Return contacts that are active on the first list, and on no other."""
    found = [world.add_contact(f"s{number}@shop.example").id for number in range(count)]
    for contact_id in found:
        world.subscribe(contact_id, 1)
    return found


def everything(runner: UndoRunner) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return rows of all kinds that an undo covers."""
    t = runner.world.tables
    runner.world.add_automation("Welcome")
    people, deals = list(t["contacts"])[:40], list(t["deals"])[:4]
    accounts, notes = list(t["accounts"])[:3], list(t["notes"])[:2]
    change = {"first_name": "Zed", "tags": ["vip"], "company": "Initech", "title": "Boss"}
    return [
        ("crm_contacts", [{"id": str(p.id), **change} for p in people[:5]]),
        ("crm_contacts", [{"email": p.email, **change} for p in people[5:]]),
        ("crm_contacts", [{"id": str(p.id), "automations": ["Welcome"]} for p in people[:2]]),
        (
            "marketing_contact_tags",
            [
                {"contact_id": str(r.contact), "tag_id": str(r.tag), "status": "removed"}
                for r in list(t["contactTags"])[:5]
            ],
        ),
        (
            "crm_opportunities",
            [
                {
                    "id": str(d.id),
                    "name": "Z",
                    "amount": "7.5",
                    "status": "won",
                    "contact": [{"id": "3"}, {"id": "4"}],
                }
                for d in deals
            ],
        ),
        ("crm_accounts", [{"id": str(a.id), "name": f"Z {a.id}"} for a in accounts]),
        ("crm_notes", [{"id": str(n.id), "content": "Z"} for n in notes]),
    ]


def test_an_undo_puts_back_every_kind_of_value(runner: UndoRunner) -> None:
    """Contacts, pairs, links, deals, accounts, notes and enrolments are as before their runs."""
    for stream, rows in everything(runner):
        before = truth_of(runner.world)
        runner.send_rows(stream, *rows, allow_automations=True)
        assert differences(before, truth_of(runner.world)), stream
        undone = runner.undo()
        assert undone.code == 0
        left = differences(before, truth_of(runner.world))
        left.pop(
            "accounts", None
        ) if stream == "crm_contacts" else None  # The account Initech stays
        assert left == {}, stream


def test_a_plan_writes_nothing_and_shows_the_same(runner: UndoRunner) -> None:
    """With --plan each group that would be restored has the result `planned`."""
    stream, rows = everything(runner)[1]
    runner.send_rows(stream, *rows)
    run = runner.last_run
    after = truth_of(runner.world)
    plan = runner.undo(run, plan=True)
    assert plan.writes == []
    assert truth_of(runner.world) == after
    undone = runner.undo(run)
    shown = [(result["key"], result["action"]) for result in plan.results]
    done = [
        (result["key"], result["action"].replace("updated", "planned")) for result in undone.results
    ]
    assert shown == done
    assert ("planned: would be put back") in reasons_of(plan)["fields"]


def test_an_undo_of_an_undone_run_does_nothing(runner: UndoRunner) -> None:
    """A second undo sends no write, and its results are `unchanged`."""
    stream, rows = everything(runner)[0]
    runner.send_rows(stream, *rows)
    run = runner.last_run
    runner.undo(run)
    again = runner.undo(run)
    assert again.writes == []
    others = [result for result in again.results if result["key"]["values"] != "created"]
    assert {result["action"] for result in others} == {"unchanged"}


def test_a_later_change_is_not_undone(runner: UndoRunner) -> None:
    """A value that a user changed after the run stays, and the result names it."""
    [first, other] = list(runner.world.tables["contacts"])[:2]
    phone = other.phone
    rows = [{"id": str(p.id), "first_name": "Zed", "phone": "55"} for p in (first, other)]
    runner.send_rows("crm_contacts", *rows)
    runner.world.edit_contact(first.id, firstName="Ann", phone="77")
    runner.world.edit_contact(other.id, firstName="Ann")
    undone = runner.undo()
    assert (first.firstName, first.phone, other.firstName) == ("Ann", "77", "Ann")
    assert other.phone == phone
    assert reasons_of(undone)["fields"] == {
        "skipped: changed since: first_name, phone_numbers",
        "updated: put back; changed since: first_name",
    }


def test_a_later_run_keeps_its_value_and_is_named(runner: UndoRunner) -> None:
    """The undo of an earlier run keeps a later run's value and names that run."""
    person = runner.world.tables["contacts"][1]
    first = person.firstName
    runner.send_rows("crm_contacts", {"id": "1", "first_name": "One"})
    run_id = runner.last_run
    runner.clock.sleep(5)
    runner.send_rows("crm_contacts", {"id": "1", "first_name": "Two"})
    two = runner.last_run
    undone = runner.undo(run_id)
    assert person.firstName == "Two"
    assert undone.reason() == f"changed since: run {two} has it: first_name"
    runner.undo(two)
    assert person.firstName == "One"
    runner.undo(run_id)
    assert person.firstName == first


@pytest.mark.parametrize("count", [3, 30])
def test_people_are_subscribed_again_only_if_that_is_asked_for(
    runner: UndoRunner, count: int
) -> None:
    """An unsubscription of a run or import is undone only with --undo-unsubscribes."""
    people = subscribed(runner.world, count)
    rows = [{"id": str(p), "segments": [{"id": "1", "status": "unsubscribed"}]} for p in people]
    before = truth_of(runner.world)
    runner.send_rows("crm_contacts", *rows)
    run = runner.last_run
    assert reasons_of(runner.undo(run))["segments"] == {f"skipped: {NO_UNSUBSCRIBES}"}
    undone = runner.undo(run, unsubscribes=True)
    assert reasons_of(undone)["segments"] == {"updated: put back"}
    assert differences(before, truth_of(runner.world)) == {}


@pytest.mark.parametrize("count", [3, 30])
def test_a_later_opt_out_is_not_undone(runner: UndoRunner, count: int) -> None:
    """A contact who opted out after the run, of any list, is not subscribed again."""
    people = subscribed(runner.world, count)
    rows = [{"id": str(p), "segments": [{"id": "1", "status": "unsubscribed"}]} for p in people]
    runner.send_rows("crm_contacts", *rows)
    runner.clock.sleep(120)
    runner.world.subscribe(people[0], 1, 2, by_self=True)
    runner.world.subscribe(people[1], 2, 2, by_self=True)
    undone = runner.undo(unsubscribes=True)
    statuses = {contact_id: runner.world.membership(contact_id, 1).status for contact_id in people}  # type: ignore[union-attr]
    assert statuses == dict.fromkeys(people, 1) | {people[0]: 2, people[1]: 2}
    assert {f"skipped: {UNKNOWN_UNSUBSCRIBE}", f"skipped: {PERSON_OPTED_OUT}"} < reasons_of(undone)[
        "segments"
    ]


def test_an_imported_contact_with_another_address_by_now_is_named(runner: UndoRunner) -> None:
    """An undo does not say that a contact is as before the run if it cannot find it."""
    rows = [{"email": f"n{n}@shop.example", "first_name": "N"} for n in range(12)]
    runner.send_rows("crm_contacts", *rows)
    moved = runner.world.find_contact("n1@shop.example")
    assert moved is not None
    runner.world.edit_contact(moved.id, email="moved@shop.example")
    undone = runner.undo(creates=True, max_deletes=100)
    assert runner.world.find_contact("moved@shop.example") is not None
    [kept] = [result for result in undone.results if result["action"] != "updated"]
    assert kept["action"] == "skipped"
    assert kept["reason"] == "changed since"
    assert kept["id"] == str(moved.id)


@pytest.mark.parametrize("body", [{"contact": {"fieldValues": [3]}}, {"contact": [1]}, [1]])
def test_a_raw_request_of_any_shape_is_sent_and_not_undone(runner: UndoRunner, body: Any) -> None:
    """Raw requests go out as they are; an undo leaves what they wrote and says so."""
    wanted = {"contact": {"firstName": "Raw"}}
    rows = [{"method": "PUT", "path": "contacts/1", "body": sent} for sent in (wanted, body)]
    run = runner.send_rows("raw_requests", *rows, allow_raw_requests=True)
    assert run.actions[0] == "updated"
    assert len(run.results) == len(run.writes) == len(rows)
    undone = runner.undo()
    assert undone.writes == []
    assert runner.world.tables["contacts"][1].firstName == "Raw"
    assert {result["action"] for result in undone.results} == {"skipped"}


@pytest.mark.parametrize("other", ["results_path", "retry_path", "ledger_path", "run_report_path"])
def test_the_undo_file_is_no_other_file_of_the_run(runner: UndoRunner, other: str) -> None:
    """Two settings that name one file are a wrong setting, before anything is written."""
    path = runner.settings["undo_path"]
    with pytest.raises(SettingsError) as found:
        runner.send_rows("crm_contacts", {"id": "1", "first_name": "Zed"}, **{other: path})
    assert "must be different files" in found.value.lines[0]
    assert runner.world.log == []


@pytest.mark.parametrize("count", [1, 12])
def test_who_subscribed_again_after_the_run_stays_subscribed(
    runner: UndoRunner, count: int
) -> None:
    """A subscription that ended and began again since the run is not the run's any more."""
    world = runner.world
    people = [world.add_contact(f"s{n}@shop.example") for n in range(count)]
    runner.send_rows("crm_contacts", *({"email": p.email, "lists": ["1"]} for p in people))
    run = runner.last_run
    for status in (2, 1):
        runner.clock.sleep(3600)
        world.subscribe(people[0].id, 1, status=status, by_self=True)
    undone = runner.undo(run)
    statuses = [m.status for p in people if (m := world.membership(p.id, 1))]
    assert statuses == [1] + [2] * (count - 1)
    assert undone.actions.count("skipped") == 1


def test_the_next_run_sends_the_undone_rows_again(runner: UndoRunner) -> None:
    """Undone values are no longer confirmed in the ledger."""
    row = {"id": "1", "first_name": "Zed"}
    runner.send_rows("crm_contacts", row)
    runner.undo()
    assert runner.world.tables["contacts"][1].firstName != "Zed"
    assert runner.send_rows("crm_contacts", row).actions == ["updated"]
    assert runner.world.tables["contacts"][1].firstName == "Zed"


def test_what_an_undo_does_not_cover_is_named(runner: UndoRunner) -> None:
    """Tags, events and raw requests of a run each have a result that says that they stay."""
    world = runner.world
    event = {"name": "signup", "contact": {"id": "1"}, "external_id": "1"}
    tag = {"method": "POST", "path": "tags", "body": {"tag": {"tag": "x", "tagType": "contact"}}}
    run = runner.run(
        *stream_of("marketing_tags", {"name": "made by the run"}),
        *stream_of("marketing_events", event),
        *stream_of("raw_requests", tag),
        state_of(1),
        allow_raw_requests=True,
        event_account_id=world.event_account_id,
        event_key=world.event_key,
        **runner.settings,
    )
    assert run.actions == ["created"] * 3
    undone = runner.undo(creates=True, max_deletes=5)
    assert undone.writes == []
    found = {
        (result["stream"], result["row"], result["action"], result["reason"])
        for result in undone.results
    }
    assert ("marketing_tags", 1, "skipped", NOT_DELETED) in found
    assert ("marketing_events", 2, "skipped", NOT_UNDOABLE) in found
    assert ("raw_requests", 3, "skipped", NOT_UNDOABLE) in found


def test_the_report_and_its_page_have_the_command(runner: UndoRunner) -> None:
    """The report has the command that undoes the run; without changes it has none."""
    page = runner.folder / "report.html"
    row = {"id": "1", "first_name": "Zed"}
    run = runner.send_rows("crm_contacts", row, run_report_html_path=str(page))
    command = f"target-activecampaign --config <config> --undo {run.report['run']}"
    assert run.report["undo"] == command
    assert f"<code>{html.escape(command)}</code>" in page.read_text()
    again = runner.send_rows("crm_contacts", row, run_report_html_path=str(page))
    assert again.report["undo"] is None
    assert "To undo this run" not in page.read_text()
    assert runner.send("crm_contacts", {"id": "2", "first_name": "Zed"}).report["undo"] is None


def test_the_report_has_no_command_after_refused_requests(runner: UndoRunner) -> None:
    """A run whose only request was refused changed nothing, so its report has no undo command."""
    row = {"id": "1", "name": "Renamed"}
    fault = {"errors": [{"title": "The title is invalid."}]}
    runner.world.faults.refuse("/deals/1", fault, None, method="PUT")
    run = runner.send_rows("crm_opportunities", row)
    assert run.actions == ["rejected"]
    assert run.report["undo"] is None


def test_the_file_is_private_holds_no_key_and_forgets(runner: UndoRunner) -> None:
    """The file has mode 0600 and no API key, and removes a run after undo_days."""
    runner.send_rows("crm_contacts", {"id": "1", "first_name": "Zed"})
    first = runner.last_run
    path = runner.folder / UNDO_FILE
    files = list(runner.folder.glob(f"{UNDO_FILE}*"))
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert all(b"sandbox-key" not in file.read_bytes() for file in files)
    assert b"Zed" in path.read_bytes()
    runner.clock.sleep(3 * 86_400)
    runner.send_rows("crm_contacts", {"id": "2", "first_name": "Amy"}, undo_days=2)
    assert b"Zed" not in path.read_bytes()
    with pytest.raises(SettingsError, match="has no run"):
        runner.undo(first)


@pytest.mark.parametrize("options", [{}, {"undo_path": None}])
def test_an_undo_that_names_no_run_leaves_results_and_report(
    runner: UndoRunner, options: dict[str, Any]
) -> None:
    """A wrong id of a run, or no undo_path, replaces neither the results nor the report."""
    runner.send_rows("crm_contacts", {"id": "1", "first_name": "Zed"})
    kept = [runner.folder / name for name in ("results.jsonl", "report.json")]
    before = [path.read_bytes() for path in kept]
    assert all(before)
    with pytest.raises(SettingsError, match=r"has no run|needs undo_path"):
        runner.undo("nope", **options)
    assert [path.read_bytes() for path in kept] == before


def test_a_record_that_the_key_may_not_read_is_not_changed(runner: UndoRunner) -> None:
    """A run does not change a record whose earlier values the key may not read."""
    world = runner.world
    before = truth_of(world)
    world.faults.forbid("/notes/1", None, method="GET")
    run = runner.send_rows("crm_notes", {"id": "1", "content": "Another text"})
    assert [result["action"] for result in run.results] == ["rejected"]
    assert differences(before, truth_of(world)) == {}
