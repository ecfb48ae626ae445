"""Rows of the tables of tasks; instants are whole seconds UTC."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Task:
    """A task of a `Deal` or a `Subscriber`."""

    reltype: str
    relid: int
    type: int
    due: int
    end: int
    created: int
    updated: int
    title: str | None = None
    note: str = ""
    status: int = 0
    user: int = 1
    assignee: int | None = None
    done: int | None = None
    doneAutomation: int | None = None
    automation: int | None = None
    outcome: int | None = None
    outcomeInfo: str = ""
    id: int = 0


@dataclass(slots=True)
class TaskType:
    """A type of task; status 1 is inactive."""

    title: str
    status: int = 0
    id: int = 0


@dataclass(slots=True)
class TaskOutcome:
    """An outcome of a completed task."""

    title: str
    sentiment: str
    created: int
    id: int = 0


@dataclass(slots=True)
class TypeOutcome:
    """The link of a task type and an outcome."""

    type: int
    outcome: int
    id: int = 0
