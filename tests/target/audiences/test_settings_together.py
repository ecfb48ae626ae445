"""Audiences together with other settings that decide what is written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from target_activecampaign.holdout import position_of
from tests.target.airbyte.runs import Destination, catalog_of, record, status
from tests.target.runner import state_of, stream_of
from tests.target.undo.account import UndoRunner

from .scene import ALL, Scene, leavers, messages_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.postgres import Database

A, B, C = "ada@shop.example", "ben@shop.example", "cy@shop.example"
GIVEN = {"tags": ["trial"], "segments": ["News"], "custom_fields": {"plan": "pro"}}
GONE = {"tags": set(), "lists": set(), "plan": "", "automations": []}


def rows(*emails: str) -> list[dict[str, Any]]:
    """Return rows that give a tag, a list and a field."""
    return [{"email": one, **GIVEN} for one in emails]


def test_a_dry_run_shows_who_would_leave_and_changes_nothing(
    whole: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """A dry run has counts, samples, a planned result each, and the requests of the later run."""
    people = [f"p{n}@shop.example" for n in range(6)]
    whole.send(*rows(*people))
    before = [whole.has(one) for one in people]
    caplog.set_level("INFO")
    plan = whole.send(*rows(*people[3:]), dry_run=True)
    assert plan.code == 0
    assert plan.writes == []
    assert [whole.has(one) for one in people] == before
    assert [one["action"] for one in leavers(plan)] == ["planned"] * 3
    lost = ("the tag trial", "the subscription to the list News", "the value of the field Plan")
    assert plan.report["audiences"]["trial"]["taken_back"] == dict.fromkeys(lost, 3)
    for line in (
        "Dry run: audience trial: 3 of 6 members would leave",
        "Dry run: audience trial: 3 would lose the tag trial",
        "Dry run: audience trial: 3 would lose the subscription to the list News",
        "the API does not say which",
    ):
        assert line in caplog.text
    samples = plan.report["plan"]["samples"]
    assert len(samples) == 3
    assert all("the tag trial" in one["fields"] for one in samples)
    run = whole.send(*rows(*people[3:]))
    assert len(run.writes) == plan.report["plan"]["requests"]
    assert [one["id"] for one in leavers(run)] == [one["id"] for one in leavers(plan)]


def test_a_dry_run_of_a_first_input_knows_no_member(scene: Scene) -> None:
    """In a dry run of a first input no contact can leave, and no audience is stored."""
    assert leavers(scene.send(A, B, dry_run=True)) == []
    scene.send(A)
    plan = scene.send(B, dry_run=True)
    assert len(leavers(plan)) == 1
    assert scene.tags(A) == {"trial"}


def test_max_changes_lets_the_others_leave_in_later_runs(scene: Scene) -> None:
    """Each contact that leaves is a change; one beyond max_changes has a result and exit code 1."""
    people = [f"p{n}@shop.example" for n in range(5)]
    scene.send(*people)
    first = scene.send(people[0], max_changes=3)
    assert first.code == 1
    assert [one["action"] for one in leavers(first)] == ["updated"] * 3
    [waiting] = [one for one in first.results if one["action"] == "skipped"]
    assert waiting["reason"] == "max_changes is reached; the person leaves in another run"
    assert first.states == [{"bookmarks": {"at": 1}}]
    second = scene.send(people[0], max_changes=3)
    assert second.code == 0
    assert [one["action"] for one in leavers(second)] == ["updated"]
    assert all(scene.tags(one) == set() for one in people[1:])


def test_a_removal_that_fails_is_tried_by_the_next_run(scene: Scene) -> None:
    """A failed removal is `failed` with exit code 1, and the contact is still a member."""
    scene.send(A, B, C)
    retry = scene.runner.folder / "retry.jsonl"
    settings = {"retry_path": str(retry), "max_retry_seconds": 1}
    scene.world.faults.server_error("/contactTags", times=None, method="DELETE")
    run = scene.send(A, **settings)
    assert run.code == 1
    assert [one["action"] for one in leavers(run)] == ["failed", "failed"]
    assert retry.read_text() == ""
    scene.world.faults.clear()
    again = scene.send(A, **settings)
    assert again.code == 0
    assert [one["action"] for one in leavers(again)] == ["updated", "updated"]
    assert scene.tags(B) == scene.tags(C) == set()


def test_a_refused_removal_ends_a_run_under_on_reject_fail(scene: Scene) -> None:
    """A removal that ActiveCampaign refuses is rejected like a row."""
    scene.send(A, B)
    scene.world.faults.server_error("/contactTags", status=422, times=None, method="DELETE")
    run = scene.send(A, on_reject="fail")
    assert run.code == 1
    assert [one["action"] for one in leavers(run)] == ["rejected"]
    scene.world.faults.clear()
    assert len(leavers(scene.send(A))) == 1
    assert scene.tags(B) == set()


def test_without_automations_only_the_importer_takes_back(whole: Scene) -> None:
    """With `run_automations: false` tags stay with a reason until the setting is removed."""
    people = [f"p{n}@shop.example" for n in range(4)]
    whole.send(*rows(*people))
    whole.world.automation_log.clear()
    run = whole.send(*rows(people[0]), run_automations=False)
    whole.world.settle(at_once=True)
    assert {path for method, path in run.writes} == {"import/bulk_import"}
    assert not [one for one in whole.world.automation_log if one["starts"]]
    assert whole.has(people[1]) == GONE | {"tags": {"trial"}}
    assert all("run_automations is false" in one["reason"] for one in leavers(run))
    assert len(leavers(whole.send(*rows(people[0])))) == 3
    assert whole.has(people[1]) == GONE


def test_held_out_people_lose_only_subscriptions(whole: Scene) -> None:
    """A held-out contact loses only subscriptions, and the rest after the control group ends.

    The report counts these subscriptions too.
    """
    people = [f"p{n}@shop.example" for n in range(30)]
    held = {one for one in people if position_of(one, "") < 50}
    assert 5 < len(held) < 25
    whole.send(*rows(*people))
    run = whole.send(*rows(people[0]), holdout_percent=50)
    whole.world.settle(at_once=True)
    assert run.code == 0
    for one in people[1:]:
        assert whole.has(one)["lists"] == set()
        assert whole.has(one)["tags"] == ({"trial"} if one in held else set())
    for one in leavers(run):
        email = whole.world.tables["contacts"][int(one["id"])].email
        assert ("held out" in one["reason"]) == (email in held)
        assert ("tags" in one["taken_back"]) == (email not in held)
    lost = run.report["audiences"]["trial"]["taken_back"]
    assert lost["the subscription to the list News"] == 29
    assert lost["the tag trial"] == 29 - len(held - {people[0]})
    assert len(leavers(whole.send(*rows(people[0])))) == len(held - {people[0]})
    whole.world.settle(at_once=True)
    assert all(whole.has(one) == GONE for one in people[1:])


def test_held_out_people_in_the_input_have_not_left(scene: Scene) -> None:
    """A held-out row is still a row of the audience."""
    people = [f"p{n}@shop.example" for n in range(12)]
    scene.send(*people)
    assert leavers(scene.send(*people, holdout_percent=100)) == []
    assert leavers(scene.send(*people)) == []


def test_people_who_wait_for_room_are_in_the_audience(scene: Scene) -> None:
    """Rows held for the contact limit are in the audience; other contacts leave."""
    scene.send(A, B)
    scene.world.contact_limit = 2
    run = scene.send(A, C)
    assert run.code == 1
    assert len(leavers(run)) == 1
    assert scene.world.find_contact(C) is None
    scene.world.contact_limit = 10
    assert scene.send(A, C).code == 0
    assert scene.tags(C) == {"trial"}
    assert len(leavers(scene.send(A))) == 1
    assert scene.tags(C) == set()


def test_an_opt_out_is_neither_overridden_nor_claimed(whole: Scene) -> None:
    """An earlier opt-out is neither overridden nor attributed to the audience."""
    contact = whole.add(A)
    whole.world.subscribe(contact, whole.news.id, 2, by_self=True)
    whole.send(*rows(A, B))
    whole.world.subscribe(contact, whole.news.id, 1)  # a later opt-out of the person
    whole.send(*rows(B))
    assert whole.has(A) == GONE | {"lists": {"News"}}


def test_only_if_empty_fills_and_leaving_clears_what_it_filled(whole: Scene) -> None:
    """A field that the audience filled is cleared; one that had a value is not changed."""
    contact = whole.add(A)
    whole.world.set_field(contact, whole.plan.id, "free")
    filled = {"only_if_empty": ["plan"]}
    whole.send(*rows(A, B, C), **filled)
    assert (whole.has(A)["plan"], whole.has(B)["plan"]) == ("free", "pro")
    whole.send(*rows(C), **filled)
    assert (whole.has(A)["plan"], whole.has(B)["plan"]) == ("free", "")


def test_a_mirror_takes_a_tag_from_all_who_gave_it(scene: Scene) -> None:
    """A tag that a mirroring row removed belongs to no stream."""
    scene.send(A, B)
    mirror = {"tags_mode": "mirror", "tag_namespace": "tri"}
    other = [*stream_of("crm_contacts", {"email": A, "tags": ["trip"]}), state_of(1)]
    scene.runner.run(*other, **mirror)
    assert scene.tags(A) == {"trip"}
    scene.add(A, "trial")
    scene.send(B)
    assert scene.tags(A) == {"trial", "trip"}


def test_foreign_ids_mean_the_same_people(scene: Scene) -> None:
    """Rows with another account's ids join, stay by id alone, and leave."""
    foreign = {"source_ids": "foreign"}
    people = [
        {"id": str(900 + n), "email": f"p{n}@shop.example", "tags": ["trial"]} for n in range(3)
    ]
    scene.send(*people, **foreign)
    by_id = {"id": "900", "email": "p0@shop.example", "tags": ["trial"]}
    run = scene.send(by_id, people[1], **foreign)
    assert len(leavers(run)) == 1
    assert scene.tags("p2@shop.example") == set()
    assert scene.tags("p0@shop.example") == {"trial"}


def test_a_row_of_the_file_of_failed_rows_keeps_its_stream(scene: Scene) -> None:
    """A row of the retry file is a row of its audience."""
    retry = scene.runner.folder / "retry.jsonl"
    settings = {"retry_path": str(retry), "max_retry_seconds": 1}
    scene.world.faults.server_error("/contact/sync", times=None)
    scene.send(A, **settings)
    assert json.loads(retry.read_text())["input_stream"] == "trial"
    scene.world.faults.clear()
    scene.run(*stream_of("crm_accounts", {"name": "Fjord"}), state_of(1), **settings)
    assert scene.tags(A) == {"trial"}
    scene.send(B, **settings)
    assert scene.tags(A) == set()


def test_nothing_is_asked_or_kept_where_no_audience_is(scene: Scene) -> None:
    """Without the setting a run sends no request more and stores nothing."""
    plain = {"stream_aliases": {"trial": "crm_contacts"}}
    first = scene.runner.run(*messages_of(A, B), **plain)
    assert first.writes == [
        *[("POST", "contact/sync"), ("POST", "tags"), ("POST", "contactTags")],
        *[("POST", "contact/sync"), ("POST", "contactTags")],
    ]
    assert [path for method, path in first.requests if method == "GET" and path == "contacts"] == []
    assert first.report["audiences"] == {}


def test_two_machines_share_an_audience_in_postgresql(
    tmp_path: Path, postgres_database: Database
) -> None:
    """One machine gives and another removes, with only the database in common."""
    scene = Scene(tmp_path, on_leave=ALL)
    scene.settings["ledger_path"] = postgres_database.url()
    people = [f"p{n}@shop.example" for n in range(14)]
    scene.add(people[0], "trial")
    assert scene.send(*rows(*people)).code == 0
    assert scene.send(*rows(*people[:1]), stream="buyers").code == 0
    run = scene.send(*rows(people[13]))
    scene.world.settle(at_once=True)
    assert run.code == 0
    assert len(leavers(run)) == 13
    assert scene.has(people[0]) == {
        "tags": {"trial"}, "lists": {"News"}, "plan": "pro", "automations": []
    }  # fmt: skip
    assert all(scene.has(one) == GONE for one in people[1:13])
    text = repr(
        [
            postgres_database.rows("SELECT * FROM activecampaign_ledger." + name)  # noqa: S608
            for name in ("members", "given")
        ]
    )
    assert "audience:buyers" in text
    assert not [word for word in ("shop.example", "pro'", "News") if word in text]


def test_an_undo_gives_back_what_leaving_took(tmp_path: Path) -> None:
    """The people have their tag and value again, and are no members until they are in the input."""
    scene = Scene(tmp_path, on_leave=["remove_tags", "clear_fields"])
    runner = UndoRunner(scene.world, scene.clock, tmp_path)
    scene.runner = runner
    scene.settings |= runner.settings
    scene.send(*rows(A, B))
    before = scene.has(B)
    scene.clock.sleep(60)
    assert len(leavers(scene.send(*rows(A)))) == 1
    assert scene.has(B) == before | {"tags": set(), "plan": ""}
    undone = runner.undo(**scene.settings)
    assert undone.code == 0
    assert scene.has(B) == before
    assert leavers(scene.send(*rows(A))) == []
    assert scene.has(B) == before


def test_who_returns_after_an_undo_can_leave_again(tmp_path: Path) -> None:
    """What an undo gave back is still the audience's: the next time, leaving takes it."""
    scene = Scene(tmp_path, on_leave=["remove_tags", "clear_fields"])
    scene.runner = runner = UndoRunner(scene.world, scene.clock, tmp_path)
    scene.settings |= runner.settings
    scene.add(B, "user's own")
    scene.send(*rows(A, B))
    scene.send(*rows(A))
    run = runner.last_run
    scene.clock.sleep(60)
    runner.undo(run, plan=True, **scene.settings)
    runner.undo(run, **scene.settings)
    for people in ((A, B), (A,)):
        scene.clock.sleep(60)
        found = leavers(scene.send(*rows(*people)))
    assert [one["reason"] for one in found] == ["left the audience"]
    assert (scene.tags(B), scene.has(B)["plan"]) == ({"user's own"}, "")


def test_what_an_undo_took_and_a_user_gave_since_is_the_users(tmp_path: Path) -> None:
    """After the undo of the run that gave a tag, the audience takes no tag that a user adds."""
    scene = Scene(tmp_path)
    scene.runner = runner = UndoRunner(scene.world, scene.clock, tmp_path)
    scene.settings |= runner.settings
    scene.send(A, B)
    runner.undo(**scene.settings)
    assert scene.tags(B) == set()
    scene.add(B, "trial")
    scene.clock.sleep(60)
    scene.send(A, B)
    assert len(leavers(scene.send(A))) == 1
    assert scene.tags(B) == {"trial"}


def test_a_source_that_airbyte_did_not_see_finish_leaves_the_audience_alone(scene: Scene) -> None:
    """With the status COMPLETE of its stream people leave; without one of all streams none does."""
    destination = Destination(scene.runner)
    settings = {"audiences": {"crm_contacts": {"max_leave_share": 1}}}

    def write(*emails: str, ended: str) -> list[dict[str, Any]]:
        people = [record("crm_contacts", email=one, tags=["trial"]) for one in emails]
        messages = [status("crm_contacts", "STARTED"), *people, status("crm_contacts", ended)]
        catalog = catalog_of("crm_contacts")
        _, results = destination.write(catalog, *messages, **settings)
        return [one for one in results if "left the audience" in (one["reason"] or "")]

    assert write(A, B, ended="COMPLETE") == []
    assert write(A, ended="INCOMPLETE") == []
    assert scene.tags(B) == {"trial"}
    assert len(write(A, ended="COMPLETE")) == 1
    assert scene.tags(B) == set()


def test_the_report_page_says_who_left_and_why_not(scene: Scene) -> None:
    """The page has the members, how many left, what they lost, and the reason where none left."""
    page = scene.runner.folder / "report.html"
    scene.send(A, B)
    scene.send(A, run_report_html_path=str(page))
    text = page.read_text("utf-8")
    assert "Members and leavers of audiences" in text
    assert "lost the tag trial" in text
    assert B not in text
    scene.run(*stream_of("trial"), state_of(1), run_report_html_path=str(page))
    assert "no row of it came, and allow_empty is not set" in page.read_text("utf-8")


@pytest.mark.parametrize("column", ["email", "contact_id"])
def test_what_an_undo_took_from_another_stream_it_does_not_give(
    tmp_path: Path, column: str
) -> None:
    """A tag that another stream gave before an undo is the audience's when it gives it later."""
    scene = Scene(tmp_path)
    scene.runner = runner = UndoRunner(scene.world, scene.clock, tmp_path)
    scene.send(B)
    contact = scene.add(A)
    who = {"email": A, "contact_id": str(contact)}[column]
    pair = stream_of("marketing_contact_tags", {column: who, "tag_name": "trial"})
    runner.run(*pair, state_of(1), **runner.settings)
    assert scene.tags(A) == {"trial"}
    runner.undo(**scene.settings)
    assert scene.tags(A) == set()
    scene.send(A, B)
    scene.send(B)
    assert scene.tags(A) == set()


def test_what_a_row_gave_before_it_waited_for_its_account_is_the_audiences(tmp_path: Path) -> None:
    """A contact that is written and waits for its account, which comes later, loses its tag."""
    scene = Scene(tmp_path)
    scene.settings |= {"source_ids": "foreign"}
    scene.runner.batch_rows = 1
    row = {"email": A, "tags": ["trial"], "account": {"id": "77"}}
    rows = stream_of("trial", row, {"email": B, "tags": ["trial"]})
    accounts = stream_of("crm_accounts", {"id": "77", "name": "Fjord"})
    run = scene.run(*rows, *accounts, state_of(1))
    assert (run.code, run.actions) == (0, ["updated", "created", "created"])
    assert scene.tags(A) == {"trial"}
    scene.send(B)
    assert scene.tags(A) == set()
