"""Tasks: on the right contact or deal, once, and completed with the outcome of their type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox.tasks.planting import define_types

if TYPE_CHECKING:
    from tests.target.runner import Run, TargetRunner

WHO = "lea@harbour.example"
TASK: dict[str, Any] = {
    "external_id": "t-1",
    "subject": "Call Lea",
    "content": "Ask for the berth",
    "type": "call",
    "due_at": "2031-04-01T10:00:00-05:00",
    "contact": {"email": WHO},
}


@pytest.fixture(autouse=True)
def _tasks(runner: TargetRunner) -> None:
    runner.world.switches.tasks = "served"
    define_types(runner.world)
    runner.world.add_contact(WHO)


def tasks(runner: TargetRunner) -> list[Any]:
    """Return the tasks of the account."""
    return list(runner.world.tables["dealTasks"])


def send(runner: TargetRunner, *records: dict[str, Any], **settings: Any) -> Run:
    """Send rows of tasks."""
    return runner.send("crm_tasks", *records, **settings)


def test_a_task_lands_on_the_contact_that_the_row_names(runner: TargetRunner) -> None:
    """A task is on the row's contact, and not on the deal with that number."""
    person, deal = runner.world.tables["contacts"][5], runner.world.tables["deals"][5]
    run = send(runner, {**TASK, "contact": {"email": person.email}})
    (task,) = tasks(runner)
    assert (run.actions, task.reltype, task.relid) == (["created"], "Subscriber", person.id)
    assert (task.title, task.note, task.type) == ("Call Lea", "Ask for the berth", 1)
    on_deal = {**TASK, "external_id": "t-2", "opportunity": {"id": str(deal.id)}}
    assert send(runner, on_deal).actions == ["created"]
    assert tasks(runner)[1].reltype == "Deal"


def test_a_task_delivered_again_is_the_same_task(runner: TargetRunner) -> None:
    """A task that is delivered again is never created again.

    It is unchanged, changed, completed or reopened.
    """
    send(runner, TASK)
    again = send(runner, TASK)
    assert (again.actions, again.writes) == (["unchanged"], [])
    later = {**TASK, "due_at": "2031-04-02T10:00:00-05:00"}
    assert send(runner, later).actions == ["updated"]
    assert send(runner, {**later, "status": "completed"}).actions == ["updated"]
    (task,) = tasks(runner)
    assert (task.status, task.done is not None) == (1, True)
    assert send(runner, {**later, "status": "open"}).actions == ["updated"]
    assert tasks(runner)[0].status == 0
    without_key = {name: TASK[name] for name in TASK if name != "external_id"}
    assert send(runner, without_key, without_key).actions == ["created", "updated"]
    assert send(runner, without_key).actions == ["unchanged"]
    assert len(tasks(runner)) == 2


@pytest.mark.parametrize("kind", ["reset_after_apply", "reset", "late_trouble"])
def test_an_answer_that_is_lost_makes_no_second_task(runner: TargetRunner, kind: str) -> None:
    """After a lost answer the target looks for the task at its contact before it sends it again."""
    getattr(runner.world.faults, kind)("/dealTasks", method="POST")
    run = send(runner, TASK)
    assert (run.code, run.actions) == (0, ["created"])
    assert len(tasks(runner)) == 1


def test_a_task_whose_type_has_outcomes_is_completed_with_an_outcome(runner: TargetRunner) -> None:
    """A task whose type has outcomes is completed only with an outcome.

    Without it the row is rejected, or the new task stays open and the result gives the reason.
    """
    demo = {**TASK, "type": "Demo"}
    run = send(runner, {**demo, "status": "completed"})
    assert run.actions == ["created"]
    assert "is open" in run.reason()
    assert tasks(runner)[0].status == 0
    refused = send(runner, {**demo, "status": "completed"})
    assert refused.actions == ["rejected"]
    run = send(runner, {**demo, "status": "completed", "outcome": "Reached", "outcome_note": "yes"})
    assert run.actions == ["updated"]
    (task,) = tasks(runner)
    assert (task.status, task.outcome, task.outcomeInfo) == (1, 1, "yes")
    runner.world.switches.task_needs_outcome = False
    other = {**demo, "external_id": "t-9", "status": "completed"}
    assert send(runner, other).actions == ["created"]
    assert tasks(runner)[1].status == 1


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"due_at": None}, "due_at"),
        ({"type": None}, "type"),
        ({"type": "Dance"}, "type"),
        ({"contact": None}, "contact"),
        ({"contact": {"email": "nobody@harbour.example"}}, "contact"),
        ({"status": "halfway"}, "status"),
        ({"due_at": "soon"}, "due_at"),
        ({"id": "999", "external_id": None}, "id"),
    ],
)
def test_a_row_at_fault_is_rejected_with_the_column(
    runner: TargetRunner, change: dict[str, Any], word: str
) -> None:
    """A wrong row is rejected with its column and writes nothing."""
    run = send(runner, TASK | change)
    assert run.actions == ["rejected"]
    assert run.reason().startswith(word)
    assert tasks(runner) == []


def test_a_dry_run_counts_and_writes_nothing(runner: TargetRunner) -> None:
    """A dry run plans a task with its request and writes nothing."""
    run = send(runner, TASK, dry_run=True)
    assert run.actions == ["planned"]
    assert tasks(runner) == []


def test_tasks_are_skipped_where_no_automation_may_start(runner: TargetRunner) -> None:
    """With run_automations false tasks are skipped."""
    assert send(runner, TASK, run_automations=False).actions == ["skipped"]
    assert tasks(runner) == []


def test_owners_are_found_and_an_unknown_owner_is_left_out(runner: TargetRunner) -> None:
    """An owner is found by address; an unknown owner is left out with a reason."""
    user = next(iter(runner.world.tables["users"]))
    run = send(runner, TASK | {"owner": {"email": user.email}})
    assert (run.actions, tasks(runner)[0].assignee) == (["created"], user.id)
    run = send(runner, TASK | {"owner": {"email": "ghost@harbour.example"}})
    assert "owner" in run.reason()


def test_a_task_that_was_deleted_is_created_by_the_next_delivery(runner: TargetRunner) -> None:
    """A change of a deleted task is rejected with the reason, and the next delivery creates it."""
    send(runner, TASK)
    (task,) = tasks(runner)
    runner.world.tables["dealTasks"].delete(task.id)
    changed = {**TASK, "content": "Ask again"}
    run = send(runner, changed)
    assert run.actions == ["rejected"]
    assert "was deleted" in run.reason()
    assert send(runner, changed).actions == ["created"]
    assert [task.note for task in tasks(runner)] == ["Ask again"]
