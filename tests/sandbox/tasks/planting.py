"""Planting task types, outcomes and tasks, with a random generator of their own."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from tests.sandbox.tasks.rows import Task, TaskOutcome, TaskType, TypeOutcome

if TYPE_CHECKING:
    from tests.sandbox.shape import Shape
    from tests.sandbox.world import World

_TYPES = ("Call", "Email", "To-do", "Demo")


def plant_tasks(w: World, shape: Shape, latest: int) -> None:
    """Create the types, one of them with outcomes, and the tasks."""
    if not shape.tasks:
        return
    w.switches.tasks = "served"
    t = w.tables
    define_types(w)
    dice = random.Random(f"{w.seed}/tasks")
    for number in range(shape.tasks):
        table = t["deals"] if number % 2 and len(t["deals"]) else t["contacts"]
        if not len(table):
            return
        reltype = "Deal" if table.name == "deals" else "Subscriber"
        at = latest - dice.randrange(100 * 86400)
        task = Task(
            reltype,
            dice.choice(table.ids()),
            1 + number % 3,
            at + 86400,
            at + 86400 + 900,
            at,
            at,
            title=f"Task {number}",
            note="Ask about the renewal",
        )
        if number % 3 == 0:
            task.status, task.done = 1, at + 3600
        t["dealTasks"].insert(task)


def define_types(w: World) -> None:
    """Create four task types; the last type needs an outcome on completion."""
    t, now = w.tables, w.now()
    for title in _TYPES:
        t["dealTasktypes"].insert(TaskType(title))
    for title, sentiment in (("Reached", "Positive"), ("No answer", "Negative")):
        outcome = t["taskOutcomes"].insert(TaskOutcome(title, sentiment, now))
        t["tasktypeOutcomeRels"].insert(TypeOutcome(len(_TYPES), outcome.id))
