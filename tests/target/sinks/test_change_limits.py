"""Limits and guards, and the same rows without them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.target.runner import TargetRunner, state_of, stream_of

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("every_combination")


@pytest.mark.parametrize("count", [4, 30])
def test_max_changes_stops_changing(runner: TargetRunner, count: int) -> None:
    """Rows beyond max_changes are skipped without a state, and the run ends with 1.

    Without the setting all rows are written.
    """
    rows = [{"email": f"x{n}@shop.example"} for n in range(count)]
    run = runner.send("crm_contacts", *rows, max_changes=count - 1)
    assert (run.code, run.states) == (1, [])
    assert run.actions.count("created") == count - 1
    assert run.actions.count("skipped") == 1
    rest = runner.send("crm_contacts", *rows, max_changes=count - 1)
    assert (rest.code, len(rest.states)) == (0, 1)
    assert rest.actions.count("unchanged") == count - 1


@pytest.mark.parametrize("count", [1, 20])
def test_another_address_behind_an_id_is_rejected(runner: TargetRunner, count: int) -> None:
    """A row whose address is not that of its id's contact is rejected.

    With allow_email_change the contact gets the new address.
    """
    people = [runner.world.add_contact(f"s{n}@shop.example", firstName="Own") for n in range(count)]
    rows = [
        {"id": str(p.id), "email": f"other{n}@shop.example", "first_name": "Thief"}
        for n, p in enumerate(people)
    ]
    run = runner.send("crm_contacts", *rows)
    assert set(run.actions) == {"rejected"}
    assert "source_ids" in run.reason()
    assert {p.firstName for p in people} == {"Own"}
    run = runner.send("crm_contacts", *rows, allow_email_change=True)
    assert set(run.actions) == {"updated"}
    assert people[0].email == "other0@shop.example"


@pytest.mark.parametrize("count", [1, 20])
def test_only_if_empty_fills_and_never_overwrites(runner: TargetRunner, count: int) -> None:
    """only_if_empty keeps an existing name and writes a missing phone."""
    field = runner.world.add_field("Level", "text", "LEVEL")
    people = [
        runner.world.add_contact(f"o{n}@shop.example", firstName="Kept") for n in range(count)
    ]
    runner.world.set_field(people[0].id, field.id, "old")
    rows = [
        {
            "email": p.email,
            "first_name": "New",
            "phone_numbers": [{"number": "55"}],
            "custom_fields": {"level": "new"},
        }
        for p in people
    ]
    names = ["first_name", "phone_numbers", "custom_fields.level"]
    run = runner.send("crm_contacts", *rows, only_if_empty=names)
    assert run.code == 0
    assert {(p.firstName, p.phone) for p in people} == {("Kept", "55")}
    assert runner.world.field_value(people[0].id, field.id).value == "old"
    runner.send("crm_contacts", *rows)
    assert people[0].firstName == "New"


@pytest.mark.parametrize("flag", ["deleted", "anonymized", "is_deleted"])
def test_marked_rows_are_skipped(runner: TargetRunner, flag: str) -> None:
    """A row that the tap marks as deleted creates no contact."""
    run = runner.send("crm_contacts", {"email": "gone@shop.example", flag: True})
    assert run.actions == ["skipped"]
    assert runner.world.find_contact("gone@shop.example") is None
    assert runner.send("crm_opportunities", {"id": "1", "is_disabled": True}).actions == ["skipped"]


@pytest.mark.parametrize(
    ("stream", "table"),
    [
        ("crm_contacts", "contacts"),
        ("crm_accounts", "accounts"),
        ("crm_opportunities", "deals"),
        ("crm_notes", "notes"),
    ],
)
def test_a_deleted_row_is_deleted_once(runner: TargetRunner, stream: str, table: str) -> None:
    """A delete that is delivered again costs no request; `force` sends it again."""
    w = runner.world
    w.add_note("Subscriber", next(iter(w.tables["contacts"])).id, "Called.")
    row = {"id": str(next(iter(w.tables[table])).id), "_sdc_deleted_at": "2031-01-01"}
    allowed = {"delete_mode": "delete", "max_deletes": 1}
    assert runner.send(stream, row, **allowed).actions == ["updated"]
    again = runner.send(stream, row, **allowed)
    assert (again.actions, again.reason(), again.requests) == (
        ["unchanged"],
        "deleted by an earlier row",
        [],
    )
    newer = row | {"_sdc_deleted_at": "2031-02-02"}
    assert runner.send(stream, newer, **allowed).reason() == "deleted already"
    assert runner.send(stream, row, force=True, **allowed).reason() == "deleted already"
    assert sum(runner.clock.slept) < 10, "a note that is gone is not asked for again and again"


def test_deletes_of_stages_and_tags_are_refused(runner: TargetRunner) -> None:
    """Deletes of stages and tags are refused: a stage's deals would be deleted too."""
    stage = next(iter(runner.world.tables["dealStages"]))
    row = {"id": str(stage.id), "_sdc_deleted_at": "2031-01-01T00:00:00Z"}
    run = runner.send("crm_stages", row, delete_mode="delete", max_deletes=5)
    assert run.actions == ["rejected"]
    assert stage.id in runner.world.tables["dealStages"]


def test_without_automations_deals_notes_and_accounts_are_skipped(runner: TargetRunner) -> None:
    """With run_automations false the target skips deals, notes and accounts."""
    before = len(runner.world.automation_log)
    run = runner.run(
        *stream_of("crm_opportunities", {"id": "1", "stage": {"id": "2"}}),
        *stream_of("crm_notes", {"content": "x", "contact": {"id": "1"}}),
        *stream_of("crm_accounts", {"id": "1", "name": "Y"}),
        state_of(1),
        run_automations=False,
    )
    assert run.actions == ["skipped"] * 3
    assert run.writes == []
    assert len(runner.world.automation_log) == before


def test_a_plan_counts_people_not_rows(make_runner: Callable[..., TargetRunner]) -> None:
    """A plan counts three people, not the rows of both contact streams."""
    runner = make_runner()
    runner.world.add_contact("p0@shop.example")
    people = [{"email": f"p{n}@shop.example", "tags": ["promo"]} for n in range(3)]
    run = runner.run(
        *stream_of("crm_contacts", *people), *stream_of("marketing_contacts", *people), dry_run=True
    )
    assert run.report["plan"]["gains"] == {"the tag promo": 3}


def test_a_dry_run_writes_nothing_and_reports_everything(
    make_runner: Callable[..., TargetRunner],
) -> None:
    """A dry run reports actions, changes, samples, unknown names, requests and time.

    It sends no write and emits no state.
    """
    runner = make_runner()
    runner.world.add_list("News")
    known = runner.world.add_contact("known@shop.example", firstName="Old")
    runner.world.tag(known.id, runner.world.add_tag("loyal").id)
    rows: list[dict[str, Any]] = [
        {"email": f"d{n}@shop.example", "tags": ["promo"], "segments": ["News"]} for n in range(20)
    ]
    rows += [
        {"email": known.email, "first_name": "New", "tags": ["loyal"]},
        {"email": "none"},
        {"email": "d0@shop.example", "tags": ["loyal"]},
    ]
    deal = next(d for d in runner.world.tables["deals"])
    stage = next(
        s for s in runner.world.tables["dealStages"].by("group", deal.group) if s.id != deal.stage
    )
    run = runner.run(
        *stream_of("crm_contacts", *rows),
        *stream_of("crm_opportunities", {"id": str(deal.id), "stage__name": stage.title}),
        *stream_of("nobody_knows", {"id": "1"}),
        state_of(1),
        dry_run=True,
    )
    assert run.code == 0
    assert run.writes == []
    assert run.states == []
    assert run.actions.count("planned") == 23
    assert run.actions.count("rejected") == 2
    plan = run.report["plan"]
    assert plan["actions"] == {"created": 20, "updated": 3, "rejected": 2}
    assert plan["gains"]["the tag promo"] == 20
    assert plan["gains"]["the list News"] == 20
    assert plan["gains"]["the tag loyal"] == 1
    assert plan["stages"] == {stage.title: 1}
    assert plan["unknown"] == {"tag promo": 20}
    assert {
        "stream": "crm_contacts",
        "id": str(known.id),
        "fields": {"firstName": ["Old", "New"]},
    } in (plan["samples"])
    assert plan["requests"] >= 2
    assert plan["seconds"] > 0
    assert runner.send("crm_contacts", rows[0]).actions == ["created"]
