"""An undo restores whether a task is completed, and its outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_activecampaign.undo.decisions.record_decisions import NOT_EMPTIED, STARTS_AGAIN
from tests.target.undo.account import reasons_of

if TYPE_CHECKING:
    from tests.target.undo.account import UndoRunner


def test_a_task_that_the_run_reopened_is_completed_again(runner: UndoRunner) -> None:
    """A task has its outcome again, and stays open if its completion starts an automation."""
    table = runner.world.tables["dealTasks"]
    done = [row for row in table if row.status == 1][:2]
    for task in done:
        table.change(task, type=4, outcome=1)
    rows = [{"id": str(task.id), "status": "open"} for task in done]
    runner.send_rows("crm_tasks", *rows)
    assert [task.status for task in done] == [0, 0]
    table.change(done[1], doneAutomation=1)
    undone = runner.undo()
    assert [(task.status, task.outcome) for task in done] == [(1, 1), (0, 1)]
    assert reasons_of(undone)["fields"] == {"updated: put back", f"skipped: status: {STARTS_AGAIN}"}


def test_an_outcome_that_a_task_did_not_have_is_named(runner: UndoRunner) -> None:
    """ActiveCampaign cannot empty the outcome of a task; the task is open again."""
    table = runner.world.tables["dealTasks"]
    task = next(row for row in table if row.status == 0)
    table.change(task, type=4)
    row = {"id": str(task.id), "status": "completed", "outcome": "Reached", "outcome_note": "x"}
    runner.send_rows("crm_tasks", row)
    assert (task.status, task.outcome) == (1, 1)
    undone = runner.undo()
    assert (task.status, task.outcomeInfo) == (0, "")
    assert reasons_of(undone)["fields"] == {f"updated: put back; outcome: {NOT_EMPTIED}"}
