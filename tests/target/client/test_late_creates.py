"""A create is not sent again while ActiveCampaign may still carry out the first one."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.target.kills import Killed
from tests.target.sinks.test_recordless_answers import ROWS, prepare

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.target.runner import TargetRunner

PATHS = ["accounts", "tags", "lists", "dealGroups", "notes", "deals"]
LATE = 20


def apply_late(runner: TargetRunner, table: str) -> None:
    """Lose the answer to the next create, and carry it out some seconds later."""
    world = runner.world
    later = partial(world.jobs.add, world.clock(), LATE)
    world.faults.apply_late(f"/{table}", later, method="POST")


@pytest.mark.parametrize("table", PATHS)
def test_a_create_that_is_carried_out_late_is_sent_once(runner: TargetRunner, table: str) -> None:
    """A gateway gives up, and ActiveCampaign carries out the create some seconds later."""
    prepare(runner)
    before = len(list(runner.world.tables[table]))
    apply_late(runner, table)
    stream, row = ROWS[table]
    run = runner.send(stream, row)
    assert run.actions == ["created"]
    runner.world.settle(at_once=True)
    assert len(list(runner.world.tables[table])) == before + 1
    assert runner.send(stream, row).actions == ["unchanged"]


@pytest.mark.parametrize("table", ["notes", "deals"])
def test_the_run_after_a_kill_waits_for_a_late_create(runner: TargetRunner, table: str) -> None:
    """The next run starts before ActiveCampaign carried out the create of the killed run."""
    prepare(runner)
    before = len(list(runner.world.tables[table]))

    def kill(later: Callable[[Callable[[], object]], None], handle: Callable[[], object]) -> None:
        later(handle)
        raise Killed

    world = runner.world
    later = partial(world.jobs.add, world.clock(), LATE)
    world.faults.apply_late(f"/{table}", partial(kill, later), method="POST")
    stream, row = ROWS[table]
    with contextlib.suppress(Killed):
        runner.send(stream, row)
    assert runner.send(stream, row).actions == ["created"]
    world.settle(at_once=True)
    assert len(list(world.tables[table])) == before + 1
