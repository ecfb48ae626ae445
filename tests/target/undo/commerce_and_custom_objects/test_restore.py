"""An undo of tasks, records of stores and custom objects restores the earlier values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.target.undo.account import UndoRunner, differences, reasons_of
from tests.target.undo.commerce_and_custom_objects.runs import (
    READINGS,
    STREAMS,
    change_elsewhere,
    runner_of,
    truth_after,
)
from tests.target.undo.stores import VISITS, changed_rows, new_rows

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("readings", READINGS, ids=range(len(READINGS)))
@pytest.mark.parametrize("stream", STREAMS)
def test_an_undo_puts_back_what_rows_changed(
    tmp_path: Path, stream: str, readings: dict[str, Any]
) -> None:
    """Records are as before, under each reading of the account; a second undo writes nothing.

    An undo right after the run waits until reads show what the run wrote.
    """
    runner = runner_of(tmp_path, **readings)
    world = runner.world
    before = truth_after(world)
    run = runner.send_rows(stream, *changed_rows(world)[stream])
    assert set(run.actions) == {"updated"}, run.results
    undone = runner.undo()
    assert undone.code == 0
    left = differences(before, truth_after(world))
    if stream == "crm_tasks":
        assert {name for _, name in left.pop("dealTasks", {})} <= {"outcome"}
    assert left == {}
    assert {result["key"]["values"] for result in undone.results} == {"fields"}
    assert len(undone.results) == len({str(result["key"]) for result in undone.results}) == 2
    again = runner.undo(runner.runs()[0])
    assert again.writes == []
    assert {result["action"] for result in again.results} == {"unchanged"}
    assert differences(before, truth_after(world)).keys() <= {"dealTasks"}


@pytest.mark.parametrize("stream", STREAMS)
def test_a_plan_shows_the_same_and_writes_nothing(runner: UndoRunner, stream: str) -> None:
    """With --plan each group has the result that the undo will have, and nothing is written."""
    runner.send_rows(stream, *changed_rows(runner.world)[stream])
    run = runner.last_run
    written = truth_after(runner.world)
    plan = runner.undo(run, plan=True)
    assert truth_after(runner.world) == written
    undone = runner.undo(run)
    shown = [(result["key"], result["action"]) for result in plan.results]
    done = [
        (result["key"], result["action"].replace("updated", "planned")) for result in undone.results
    ]
    assert shown == done


@pytest.mark.parametrize("stream", STREAMS)
def test_a_change_of_another_client_stays(runner: UndoRunner, stream: str) -> None:
    """A column that another client changed since stays and is named; the others are put back."""
    rows = changed_rows(runner.world)[stream]
    if stream == "commerce_orders":
        rows = [row | {"store_status": "z"} for row in rows]
    if stream == "commerce_subscriptions":
        rows = [row | {"name": "Z"} for row in rows]
    before = truth_after(runner.world)
    runner.send_rows(stream, *rows)
    runner.clock.sleep(60)
    runner.world.settle(at_once=True)
    change_elsewhere(runner.world, stream)
    undone = runner.undo()
    left = differences(before, truth_after(runner.world))
    found = [
        value
        for table in left.values()
        for (_, name), value in table.items()
        if (name, stream) != ("outcome", "crm_tasks")
    ]
    if stream == "commerce_order_lines":
        found = [row for row in found if row[1] == "Foreign"]
        assert len(found) == 1
        return
    assert [value for _, value in found] == ["Foreign"]
    assert any("changed since: " in reason for reason in reasons_of(undone)["fields"])


@pytest.mark.parametrize("stream", STREAMS)
def test_a_later_run_keeps_its_value_and_is_named(runner: UndoRunner, stream: str) -> None:
    """The undo of an earlier run leaves what a later run has, and names that run."""
    rows = changed_rows(runner.world)[stream]
    before = truth_after(runner.world)
    runner.send_rows(stream, *rows)
    first = runner.last_run
    runner.clock.sleep(60)
    column = {"crm_tasks": "subject", "commerce_orders": "url", VISITS: "title"}
    runner.send_rows(stream, *(row | {column.get(stream, "name"): "https://y"} for row in rows))
    second = runner.last_run
    later = "" if stream == "commerce_subscriptions" else f"run {second} has it"
    assert later in " ".join(reasons_of(runner.undo(first))["fields"])
    runner.undo(second)
    runner.undo(first)
    left = differences(before, truth_after(runner.world))
    assert left.keys() <= {"dealTasks"}


@pytest.mark.parametrize("stream", STREAMS)
def test_the_next_run_sends_the_undone_rows_again(runner: UndoRunner, stream: str) -> None:
    """The ledger does not know undone rows as confirmed, and the next run reads what is undone."""
    rows = changed_rows(runner.world)[stream]
    runner.send_rows(stream, *rows)
    written = truth_after(runner.world)
    assert set(runner.send_rows(stream, *rows).actions) == {"unchanged"}
    runner.undo(runner.runs()[1])
    assert set(runner.send_rows(stream, *rows).actions) == {"updated"}
    assert differences(written, truth_after(runner.world)).keys() <= {"dealTasks"}


def test_a_row_that_was_refused_with_its_batch_is_not_in_the_undo(runner: UndoRunner) -> None:
    """ActiveCampaign refuses a whole batch for one row: the undo has the rows that were written."""
    before = truth_after(runner.world)
    for stream in ("commerce_orders", "commerce_subscriptions"):
        good = changed_rows(runner.world)[stream]
        bad = {**new_rows(runner.world)[stream][0], "currency": "NOPE"}
        run = runner.send_rows(stream, *good, bad)
        assert run.actions == ["updated", "updated", "rejected"]
        assert runner.undo().actions == ["updated", "updated"]
    assert differences(before, truth_after(runner.world)) == {}
