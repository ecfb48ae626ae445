"""An undo removes the secondary contacts that a run added to deals, and no others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from target_activecampaign.undo.decisions.value_decision import UNKNOWN_ORIGIN
from tests.sandbox.rows_crm import ContactDeal
from tests.tap.client.clients import ManualClock, world_of

from .account import KillableRunner, differences, truth_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandbox import World

ROW = {"id": "1", "contact": [{"id": "1"}, {"id": "2"}]}
POST = ("POST", "/api/3/contactDeals")


@pytest.fixture
def runner(tmp_path: Path) -> KillableRunner:
    """A runner of an account whose deal has one contact."""
    clock = ManualClock()
    runner = KillableRunner(world_of(clock, contacts=3, deals=1, accounts=0), clock, tmp_path)
    table = runner.world.tables["contactDeals"]
    for link in list(table):
        table.delete(link.id)
    return runner


@pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
def test_a_contact_that_a_killed_run_added_is_removed(
    runner: KillableRunner, *, is_after: bool
) -> None:
    """A kill while the contact is added leaves nothing that the undo of both runs cannot remove."""
    before = truth_of(runner.world)
    sent = runner.send_rows("crm_opportunities", ROW)
    assert runner.undo().code == 0
    number = 1 + [(method, f"/api/3/{path}") for method, path in sent.requests].index(POST)
    (runner.folder / "ledger.sqlite").unlink()

    def write() -> None:
        runner.send_rows("crm_opportunities", ROW)

    runner.clock.sleep(60)
    assert runner.kill_at(number, is_after=is_after, act=write)
    assert len(runner.world.tables["contactDeals"]) == is_after
    write()
    assert len(runner.world.tables["contactDeals"]) == 1
    for run in runner.runs():
        assert runner.undo(run).code == 0
    assert differences(before, truth_of(runner.world)) == {}


def test_a_contact_that_another_client_added_meanwhile_stays(runner: KillableRunner) -> None:
    """If ActiveCampaign calls the contact a duplicate, the undo keeps it and says so."""

    def add(world: World, method: str, path: str, _query: Any) -> None:
        if (method, path) == POST:
            now = world.now()
            world.tables["contactDeals"].insert(ContactDeal(2, 1, now, now))

    runner.world.before_request(add)
    assert runner.send_rows("crm_opportunities", ROW).code == 0
    runner.world.hooks.clear()
    undone = runner.undo()
    [kept] = [result for result in undone.results if result["key"]["values"] == "contacts"]
    assert (kept["action"], kept["reason"]) == ("skipped", UNKNOWN_ORIGIN)
    assert len(runner.world.tables["contactDeals"]) == 1
