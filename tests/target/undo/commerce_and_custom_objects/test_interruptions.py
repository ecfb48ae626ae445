"""Kills and lost answers leave nothing of a run that is undone."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from tests.target.undo.account import UNDO_FILE, KillableRunner, UndoRunner, differences
from tests.target.undo.commerce_and_custom_objects.runs import STREAMS, runner_of, truth_after
from tests.target.undo.stores import TABLES, VISITS, changed_rows

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandbox import World
    from tests.target.runner import Run


@pytest.mark.long
@pytest.mark.usefixtures("other_combinations")
@pytest.mark.parametrize("stream", STREAMS)
def test_a_run_or_an_undo_that_was_killed_ends_like_any_other(tmp_path: Path, stream: str) -> None:
    """After a kill at any request of a run or of its undo and a second try, nothing is left."""
    for number in range(1, 30):
        is_over = True
        for program in ("run", "undo"):
            runner = runner_of(tmp_path / f"{number} {program}")
            rows = changed_rows(runner.world)[stream]
            before = truth_after(runner.world)

            def write(runner: KillableRunner = runner, rows: Any = rows) -> Run:
                return runner.send_rows(stream, *rows)

            if program == "run":
                is_killed = runner.kill_at(number, is_after=True, act=write)
                write()
            else:
                write()
                run = runner.last_run
                is_killed = runner.kill_at(
                    number, is_after=True, act=lambda runner=runner, run=run: runner.undo(run)
                )
            for run_id in runner.runs():
                assert runner.undo(run_id).code == 0
            assert differences(before, truth_after(runner.world)).keys() <= {"dealTasks"}, number
            is_over &= not is_killed
        if is_over:
            return
    raise AssertionError(number)


@pytest.mark.parametrize("stream", STREAMS)
def test_no_change_goes_out_before_its_earlier_value_is_on_disk(
    runner: UndoRunner, stream: str
) -> None:
    """At each write, the file has the earlier values of the records of the request."""
    counts = []

    def look(_world: World, method: str, path: str, _query: Any) -> None:
        is_read = path.endswith("ecom/graphql") and b"mutation" not in runner.world.log[-1].body
        if method != "GET" and not is_read:
            with contextlib.closing(sqlite3.connect(runner.folder / UNDO_FILE)) as file:
                [(count,)] = file.execute("SELECT count(DISTINCT id) FROM entries").fetchall()
                counts.append(count)

    rows = changed_rows(runner.world)[stream]
    runner.world.before_request(look)
    runner.send_rows(stream, *rows)
    assert counts
    batch = stream in TABLES
    assert counts == [2] * len(counts) if batch else [1, 2]


@pytest.mark.parametrize("fault", ["reset_after_apply", "reset", "late_trouble"])
@pytest.mark.parametrize("stream", STREAMS)
def test_writes_whose_answers_were_lost_are_undone(
    runner: UndoRunner, stream: str, fault: str
) -> None:
    """An answer that is lost in the run or in its undo leaves no value of the run."""
    path = {"crm_tasks": "/dealTasks", VISITS: "/customObjects/records"}
    method = "PUT" if stream == "crm_tasks" else "POST"
    before = truth_after(runner.world)
    rows = changed_rows(runner.world)[stream]
    for act in (lambda: runner.send_rows(stream, *rows), lambda: runner.undo(runner.runs()[0])):
        getattr(runner.world.faults, fault)(path.get(stream, "/ecom/graphql"), method=method)
        assert act().code == 0
    assert differences(before, truth_after(runner.world)).keys() <= {"dealTasks"}
