"""Deals: found, moved by stage name, and created once whatever happens to the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from target_activecampaign.ledger.ledger import Ledger
from tests.target.runner import TargetRunner, state_of, stream_of

if TYPE_CHECKING:
    from collections.abc import Callable


def deals_of(runner: TargetRunner, title: str) -> list[Any]:
    """Return the deals of a title."""
    return [deal for deal in runner.world.tables["deals"] if deal.title == title]


@pytest.fixture
def shop(make_runner: Callable[..., TargetRunner]) -> TargetRunner:
    """An account with two pipelines that share stage names, and a field for our key."""
    runner = make_runner(deals=0)
    for title in ("Orders", "Returns"):
        pipeline = runner.world.add_pipeline(title)
        for stage in ("Open", "Won it"):
            runner.world.add_stage(stage, pipeline.id)
    runner.world.add_custom_field("deal", "Order number", "text")
    runner.world.add_contact("buyer@shop.example")
    return runner


def order(**more: Any) -> dict[str, Any]:
    """Return a row of a deal."""
    return {
        "name": "Pallet",
        "amount": 450.5,
        "currency": "EUR",
        "contact": {"email": "buyer@shop.example"},
        "pipeline": {"name": "Orders"},
        "stage": {"name": "open"},
        "owner": {"id": "1"},
        **more,
    }


def test_a_deal_is_created_with_everything_and_moved_by_name(shop: TargetRunner) -> None:
    """A deal is created with all its columns, and a stage name moves it without a second deal."""
    run = shop.send("crm_opportunities", order())
    assert (run.code, run.actions) == (0, ["created"])
    deal = deals_of(shop, "Pallet")[0]
    assert (deal.value, deal.currency, deal.status) == (45050, "eur", 0)
    moved = {"id": str(deal.id), "stage__name": "Won it", "status": "won"}
    assert shop.send("crm_opportunities", moved).actions == ["updated"]
    assert shop.world.tables["dealStages"][deal.stage].title == "Won it"
    assert (deal.status, deal.group) == (1, shop.world.tables["dealStages"][deal.stage].group)
    across = {"id": str(deal.id), "stage__name": "Open", "pipeline__name": "Returns"}
    assert shop.send("crm_opportunities", across).actions == ["updated"]
    assert shop.world.tables["dealGroups"][deal.group].title == "Returns"


@pytest.mark.parametrize("kind", ["reset", "chunk", "timeout"])
@pytest.mark.parametrize("keyed", [True, False])
def test_a_lost_create_is_never_a_second_deal(shop: TargetRunner, kind: str, keyed: bool) -> None:
    """A create whose answer is lost twice is found and adopted."""
    row = order(**({"external_id": "A-1"} if keyed else {}))
    settings = {"opportunity_external_id_field": "Order number"} if keyed else {}
    shop.world.faults.reset_after_apply("/deals", times=1, method="POST", kind=kind)
    run = shop.send("crm_opportunities", row, **settings)
    assert run.actions == ["created"]
    assert len(deals_of(shop, "Pallet")) == 1
    again = shop.send("crm_opportunities", row, **settings)
    assert again.actions == ["unchanged"]
    assert len(deals_of(shop, "Pallet")) == 1


@pytest.mark.usefixtures("long_combinations")
def test_a_run_killed_after_the_create_finds_its_deal_next_time(
    shop: TargetRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next run finds the deal of a killed create, because the ledger had the intent."""

    class Killed(BaseException):
        pass

    def kill(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "record_id", kill)
        with pytest.raises(Killed):
            shop.send("crm_opportunities", order())
    run = shop.send("crm_opportunities", order())
    assert run.actions == ["created"]
    assert len(deals_of(shop, "Pallet")) == 1


def test_several_candidates_are_no_guess(
    shop: TargetRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a twin of the deal exists, the row fails and no third deal is created."""
    shop.world.faults.reset_after_apply("/deals", times=1, method="POST")

    def twin(world: Any, method: str, path: str, _: Any) -> None:
        if method == "GET" and path.endswith("/deals") and len(deals_of(shop, "Pallet")) == 1:
            first = deals_of(shop, "Pallet")[0]
            world.add_deal(
                "Pallet",
                contact=first.contact,
                value=first.value,
                group=first.group,
                stage=first.stage,
            )

    shop.world.before_request(twin)
    run = shop.send("crm_opportunities", order())
    assert (run.code, run.actions, run.states) == (1, ["failed"], [])
    assert len(deals_of(shop, "Pallet")) == 2


def test_our_own_key_finds_the_deal_of_another_ledger(shop: TargetRunner) -> None:
    """With a new ledger the custom field finds the deal."""
    settings = {"opportunity_external_id_field": "Order number"}
    shop.send("crm_opportunities", order(external_id="A-7"), **settings)
    (shop.folder / "ledger.sqlite").unlink()
    run = shop.send("crm_opportunities", order(external_id="A-7", name="Renamed"), **settings)
    assert run.actions == ["updated"]
    assert len(deals_of(shop, "Renamed")) == 1
    assert deals_of(shop, "Pallet") == []


def test_name_and_contact_match_where_that_is_asked_for(shop: TargetRunner) -> None:
    """With the setting a deal is found by name and contact; without it a second deal is created."""
    shop.world.add_deal(
        "Pallet", contact=shop.world.find_contact("buyer@shop.example").id, group=1, stage=1
    )
    ways = ["id", "external_id", "name+contact"]
    run = shop.send("crm_opportunities", order(amount=9), match_opportunities_on=ways)
    assert run.actions == ["updated"]
    assert len(deals_of(shop, "Pallet")) == 1


def test_deals_of_one_name_stay_apart_unless_asked(shop: TargetRunner) -> None:
    """Two rows without a key are two deals if any value differs, each created once."""
    rows = [order(amount=1), order(amount=2)]
    assert shop.send("crm_opportunities", *rows).actions == ["created", "created"]
    assert shop.send("crm_opportunities", *rows).actions == ["unchanged", "unchanged"]
    assert len(deals_of(shop, "Pallet")) == 2


@pytest.mark.long
def test_a_thousand_deals_are_moved_with_one_request_each(
    make_runner: Callable[..., TargetRunner],
) -> None:
    """1,000 moves by stage name cost at most 1,000 writes and a few lookups."""
    runner = make_runner(deals=1000, contacts=50)
    stages = runner.world.tables["dealStages"]
    rows = []
    for deal in runner.world.tables["deals"]:
        target = next(s for s in stages.by("group", deal.group) if s.id != deal.stage)
        rows.append({"id": str(deal.id), "stage": {"name": target.title}})
    run = runner.send("crm_opportunities", *rows)
    assert set(run.actions) == {"updated"}
    assert len(run.writes) == 1000
    assert len(run.requests) - 1000 <= 20


def test_three_moves_of_one_deal_start_one_automation(shop: TargetRunner) -> None:
    """Three rows of one deal in a batch are merged: the deal moves once, to the last stage."""
    shop.send("crm_opportunities", order())
    deal = deals_of(shop, "Pallet")[0]
    before = shop.world.count("PUT", "/deals")
    rows = [{"id": str(deal.id), "stage__name": name} for name in ("Won it", "Open", "Won it")]
    run = shop.send("crm_opportunities", *rows)
    assert run.actions == ["updated"] * 3
    assert shop.world.count("PUT", "/deals") - before == 1
    assert shop.world.tables["dealStages"][deal.stage].title == "Won it"


@pytest.mark.parametrize(
    ("row", "word"),
    [
        (order(stage={"name": "Nowhere"}), "stage"),
        (order(contact=None), "contact"),
        (order(amount="a lot"), "amount"),
        (order(amount=-1), "amount"),
        (order(status="maybe"), "status"),
        (order(id="99999"), "id"),
        (order(contact={"email": "nobody@shop.example"}), "contact"),
    ],
)
def test_a_wrong_deal_is_rejected_with_the_field(
    shop: TargetRunner, row: dict[str, Any], word: str
) -> None:
    """A wrong deal is rejected with its field, and nothing is written."""
    run = shop.send("crm_opportunities", row)
    assert run.actions == ["rejected"]
    assert word in run.reason()
    assert [call for call in run.writes if call[0] == "POST"] == []


def test_an_unknown_owner_is_left_out_with_a_reason(shop: TargetRunner) -> None:
    """An unknown owner is left out with a reason; the rest of the row is written."""
    run = shop.send("crm_opportunities", order())
    assert run.actions == ["created"]
    deal = deals_of(shop, "Pallet")[0]
    row = {"id": str(deal.id), "owner": {"email": "no@one.example"}, "amount": 3}
    run = shop.send("crm_opportunities", row)
    assert run.actions == ["updated"]
    assert deal.value == 300
    assert "owner" in run.reason()


def test_a_note_waits_for_its_deal_and_is_written_once(shop: TargetRunner) -> None:
    """A note before its deal waits, holds back the state, and is written at the end."""
    note = {"id": "n1", "content": "Call back", "opportunity": [{"id": "d1"}]}
    messages = [
        *stream_of("crm_notes", note, keys=["id"]),
        state_of(1),
        *stream_of("crm_opportunities", order(id="d1"), keys=["id"]),
        state_of(2),
    ]
    shop.world.faults.reset_after_apply("/notes", times=1, method="POST")
    run = shop.run(*messages, source_ids="foreign")
    assert run.code == 0
    assert run.actions == ["created", "created"]
    assert run.states[-1] == {"bookmarks": {"at": 2}}
    notes = [n for n in shop.world.tables["notes"] if n.note == "Call back"]
    assert len(notes) == 1
    again = shop.run(*messages, source_ids="foreign")
    assert again.actions == ["unchanged", "skipped"]  # its owner is not a user of this account
    assert again.reason(2) == "owner: the account has no such user; left out"
    assert run.reason(2).startswith(again.reason(2))
    assert again.writes == []


def test_a_note_is_written_once_however_often_it_comes(shop: TargetRunner) -> None:
    """A note without a key is known by content and parent and written once."""
    row = {"content": "Hello", "contact__email": "buyer@shop.example"}
    assert shop.send("crm_notes", row, row).actions == ["created", "updated"]
    shop.send("crm_notes", row)
    assert len([n for n in shop.world.tables["notes"] if n.note == "Hello"]) == 1


def test_a_stage_of_another_pipeline_is_not_called_missing(shop: TargetRunner) -> None:
    """The reason says that the deal's pipeline lacks the stage if another pipeline has it."""
    returns = next(group for group in shop.world.tables["dealGroups"] if group.title == "Returns")
    shop.world.add_stage("Inspect", returns.id)
    shop.send("crm_opportunities", order())
    deal = {"id": str(deals_of(shop, "Pallet")[0].id)}
    run = shop.send("crm_opportunities", {**deal, "stage": "Inspect"}, order(stage="Inspect"))
    assert run.actions == ["rejected", "rejected"]
    assert run.reason(1) == run.reason(2)
    assert run.reason().startswith("stage: the deal's pipeline has none with this name")
    missing = shop.send("crm_opportunities", {**deal, "stage": "Nowhere"})
    assert missing.reason().startswith("stage: the account has none with this name")


def test_a_stage_in_another_case_is_found_in_its_pipeline(shop: TargetRunner) -> None:
    """The exact spelling in another pipeline does not hide a stage of the deal's pipeline."""
    returns = next(group for group in shop.world.tables["dealGroups"] if group.title == "Returns")
    shop.world.add_stage("OPEN", returns.id)
    assert shop.send("crm_opportunities", order(stage="OPEN")).actions == ["created"]


def test_the_owner_of_a_row_without_owner_is_logged_once(
    shop: TargetRunner, caplog: pytest.LogCaptureFixture
) -> None:
    """Only a row that names an unknown owner has the remark; for others, the log says it once."""
    rows = [order(name=f"Deal {n}", owner=None) for n in range(3)]
    with caplog.at_level("INFO"):
        run = shop.send("crm_opportunities", *rows, order(owner={"email": "no@one.example"}))
    assert run.actions == ["created"] * 4
    reasons = {line["row"]: line["reason"] for line in run.results}
    assert [reasons[number] for number in (1, 2, 3)] == [None] * 3
    assert "the owner is the API key's user" in reasons[4]
    lines = [line for line in caplog.messages if "new deal without owner" in line]
    assert len(lines) == 1


def test_the_plan_does_not_call_a_stage_new(
    shop: TargetRunner, caplog: pytest.LogCaptureFixture
) -> None:
    """A dry run does not say that a deal gains a stage that it may be in."""
    shop.send("crm_opportunities", order())
    deal = {"id": str(deals_of(shop, "Pallet")[0].id), "stage": "Open", "amount": 3}
    with caplog.at_level("INFO"):
        run = shop.send("crm_opportunities", deal, dry_run=True)
    assert run.report["plan"]["stages"] == {"Open": 1}
    assert "Dry run: 1 would be put into the stage Open" in caplog.messages
    assert not [line for line in caplog.messages if "would gain" in line]
