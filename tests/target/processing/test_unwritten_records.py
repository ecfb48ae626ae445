"""A row that names a record whose own row is left for another run is left with it, not rejected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.target.runner import state_of, stream_of

if TYPE_CHECKING:
    from tests.target.runner import TargetRunner

WHO = {"email": "lea@harbour.example"}
KEYED = {"opportunity_external_id_field": "Order number"}
DEAL = {"external_id": "d-1", "name": "Boat", "amount": 1, "currency": "USD", "contact": WHO}


def messages() -> list[dict[str, Any]]:
    """Return rows that name a contact or its deal, a state, and then the contact."""
    return [
        *stream_of("crm_notes", {"content": "of Lea", "contact": WHO}),
        *stream_of("crm_notes", {"content": "of the boat", "opportunity": {"external_id": "d-1"}}),
        *stream_of("crm_opportunities", {**DEAL, "stage": {"name": "New"}}),
        *stream_of("marketing_contact_tags", {"contact": WHO, "tag": {"name": "vip"}}),
        state_of(1),
        *stream_of("crm_contacts", {**WHO, "first_name": "Lea"}),
        state_of(2),
    ]


@pytest.fixture(autouse=True)
def _pipeline(runner: TargetRunner) -> None:
    runner.world.add_stage("New", runner.world.add_pipeline("Sales").id)
    runner.world.add_custom_field("deal", "Order number", "text")


def test_rows_of_a_contact_beyond_the_limit_are_held_with_it(runner: TargetRunner) -> None:
    """No state covers a row whose contact waits for room, and the next run writes all of them."""
    runner.world.contact_limit = len(runner.world.tables["contacts"])
    run = runner.run(*messages(), **KEYED)
    assert (run.code, run.states, set(run.actions)) == (1, [], {"skipped"})
    assert {result["reason"].partition(":")[0] for result in run.results} == {
        "respect_contact_limit"
    }
    runner.world.contact_limit += 10
    later = runner.run(*messages(), **KEYED)
    assert (later.code, len(later.states)) == (0, 1)
    assert set(later.actions) <= {"created", "updated"}


def test_rows_of_a_contact_that_failed_are_tried_again_with_it(runner: TargetRunner) -> None:
    """No state covers a row whose contact was never confirmed."""
    for path in ("/contact/sync", "/import/bulk_import"):
        runner.world.faults.server_error(path, times=None, method="POST")
    run = runner.run(*messages(), **KEYED)
    assert (run.code, run.states, set(run.actions)) == (1, [], {"failed"})
    runner.world.faults.clear()
    later = runner.run(*messages(), **KEYED)
    assert (later.code, len(later.states)) == (0, 1)


def test_a_note_on_the_deal_of_a_held_out_contact_is_held_out(runner: TargetRunner) -> None:
    """Rows of the control group, and rows that name their deals, are skipped."""
    run = runner.run(*messages(), **KEYED, holdout_percent=100)
    assert run.code == 0
    assert [(result["action"], result["reason"]) for result in run.results] == [
        ("skipped", "held out")
    ] * 5


def test_a_row_with_an_unknown_contact_is_still_rejected(runner: TargetRunner) -> None:
    """A contact that no row of the input creates is a fault of the row."""
    runner.world.contact_limit = len(runner.world.tables["contacts"])
    other = {"content": "of another", "contact": {"email": "another@harbour.example"}}
    run = runner.run(*stream_of("crm_notes", other), *messages(), **KEYED)
    assert run.actions[0] == "rejected"
