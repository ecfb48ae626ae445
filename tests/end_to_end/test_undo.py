"""The command `--undo RUN` as a user runs it: a process, over HTTP."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from target_activecampaign.undo.decisions.list_status_decision import UNKNOWN_UNSUBSCRIBE
from target_activecampaign.undo.decisions.value_decision import UNKNOWN_ORIGIN
from tests import forked, length
from tests.sandbox import World, serve
from tests.target.combinations import combinations, settings_of
from tests.target.runner import state_of, stream_of
from tests.target.test_singer import config_of, text_of
from tests.target.undo.account import differences, truth_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.process import BaseProcess
    from pathlib import Path

    from tests.sandbox.server import Served

OPTIONS = ("--undo-creates", "--undo-unsubscribes")
PEOPLE = 24
#: How many tests share the requests to kill at: every request in the longest search, else some.
SHARES = 4
STEP = 1 if length.LONG else 5
#: Every combination of the settings beside `undo_path`: one after the other, at each kill point.
OTHERS = combinations("undo_path")
#: What may stay after a kill, and the reason that results have then: records whose create was not
#: answered, and unsubscriptions by the importer that was not answered.
LEFT = {
    "contacts": UNKNOWN_ORIGIN,
    "accounts": UNKNOWN_ORIGIN,
    "notes": UNKNOWN_ORIGIN,
    "lists": UNKNOWN_UNSUBSCRIBE,
}


def world_of_people() -> World:
    """Return an account whose contacts all are on one list."""
    world = World(contacts=PEOPLE, deals=6, accounts=4, requests_per_second=0)
    for contact in list(world.tables["contacts"]):
        world.subscribe(contact.id, 1)
    world.add_automation("Welcome")
    return world


def rows_of(world: World) -> str:
    """Return rows of all kinds that an undo covers, also for the importer."""
    t = world.tables
    wrong: dict[str, Any] = {
        "first_name": "Wrong",
        "tags": ["wrong join"],
        "segments": [{"id": "1", "status": "unsubscribed"}],
        "title": "Boss",
        "company": t["accounts"][1].name,
    }
    people = list(t["contacts"])
    deals = [
        {
            "id": str(deal.id),
            "name": "Wrong",
            "status": "lost",
            "amount": "1",
            "contact": [{"id": "1"}, {"id": "2"}],
        }
        for deal in t["deals"]
    ]
    pairs = [
        {"contact_id": str(applied.contact), "tag_id": str(applied.tag), "status": "removed"}
        for applied in list(t["contactTags"])[:4]
    ]
    notes = [{"id": str(note.id), "content": "Wrong"} for note in list(t["notes"])[:3]]
    return text_of(
        *stream_of("crm_contacts", *({"email": person.email, **wrong} for person in people[:14])),
        *stream_of("crm_contacts", {"email": "new@shop.example", "first_name": "New"}),
        state_of(1),
        *stream_of(
            "marketing_contacts", *({"id": str(person.id), **wrong} for person in people[14:17])
        ),
        *stream_of("crm_contacts", {"id": "20", "automations": ["Welcome"]}),
        *stream_of("marketing_contact_tags", *pairs),
        state_of(2),
        *stream_of("crm_accounts", {"id": "1", "name": "Wrong"}, {"name": "Wrong too"}),
        *stream_of("crm_opportunities", *deals),
        *stream_of("crm_notes", *notes, {"content": "Wrong", "contact": {"id": "3"}}),
        state_of(3),
    )


class Program:
    """The target as a process."""

    def __init__(self, served: Served, folder: Path, *others: str) -> None:
        """Write the settings; ``others`` are names of `combinations`."""
        self.folder = folder
        self._process: BaseProcess | None = None
        command = config_of(
            served.url,
            folder,
            allow_automations=True,
            max_deletes=10,
            **settings_of(("undo_path", *others), folder),
        )
        self._options = command[command.index("--config") :]

    def run(self, text: str = "", *options: str) -> tuple[int, str]:
        """Run it; return the exit code and its log."""
        rows, log = self.folder / "rows.jsonl", self.folder / "log.txt"
        rows.write_text(text)
        self._process = forked.start(
            "target-activecampaign",
            [*self._options, *options],
            self.folder,
            dict(os.environ),
            stdin=rows,
            err=log,
        )
        return forked.ended(self._process), log.read_text()

    def kill(self) -> None:
        """Kill the process."""
        assert self._process is not None
        self._process.kill()

    @property
    def results(self) -> list[dict[str, Any]]:
        """The results of the last run."""
        lines = (self.folder / "results.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def undo(self, run: str, *options: str) -> tuple[int, str]:
        """Undo a run."""
        return self.run("", "--undo", run, *options)


@pytest.fixture
def account(tmp_path: Path) -> Iterator[tuple[World, Program]]:
    """An account over HTTP, and the program for it."""
    world = world_of_people()
    with serve(world) as served:
        yield world, Program(served, tmp_path)


def run_of(program: Program) -> str:
    """Return the id of the last run."""
    return str(program.results[0]["run"])


@pytest.mark.long
def test_a_run_of_all_kinds_is_undone_by_one_command(account: tuple[World, Program]) -> None:
    """One command restores contacts, pairs, links, deals, accounts, notes and an enrolment."""
    world, program = account
    before = truth_of(world)
    code, log = program.run(rows_of(world))
    assert code == 0, log
    run = run_of(program)
    assert f"Run {run}" in log
    changed = differences(before, truth_of(world))
    assert {"contacts", "tags", "lists", "links", "deals", "accounts", "notes"} < changed.keys()
    after = truth_of(world)
    code, log = program.undo(run, "--plan", *OPTIONS)
    assert (code, differences(after, truth_of(world))) == (0, {}), log
    planned = sum(result["action"] == "planned" for result in program.results)
    code, log = program.undo(run, *OPTIONS)
    assert code == 0, log
    assert "What cannot be undone stays" in log
    assert differences(before, truth_of(world)) == {}
    assert sum(result["action"] == "updated" for result in program.results) == planned > 0


@contextlib.contextmanager
def killed_at(world: World, program: Program, number: int) -> Iterator[None]:
    """Kill the program at this request: every other request before the account answers it."""
    answer, seen = world.answer, itertools.count(1)
    is_before = number // STEP % 2 == 0

    def killing(*arguments: Any, **named: Any) -> Any:
        is_now = next(seen) == number
        if is_now and is_before:
            program.kill()
        found = answer(*arguments, **named)
        if is_now:
            program.kill()
        return found

    world.answer = killing  # type: ignore[method-assign]
    try:
        yield
    finally:
        world.answer = answer  # type: ignore[method-assign]


@pytest.mark.long
@pytest.mark.parametrize("share", range(1, SHARES + 1))
def test_killed_at_every_request_of_the_run_and_of_the_undo(tmp_path: Path, share: int) -> None:
    """After kills in the run and in the undo, each value is as before, or named."""
    number, codes = share * STEP, [-signal.SIGKILL]
    while -signal.SIGKILL in codes:
        world = world_of_people()
        (tmp_path / f"{number}").mkdir()
        others = OTHERS[number // STEP // 2 % len(OTHERS)]
        with serve(world) as served:
            codes = kill_both(world, Program(served, tmp_path / f"{number}", *others), number)
        number += SHARES * STEP


def kill_both(world: World, program: Program, number: int) -> list[int]:
    """Kill a run and its undo at this request, let both go on; return their first exit codes."""
    before, rows = truth_of(world), rows_of(world)
    with killed_at(world, program, number):
        codes = [program.run(rows)[0]]
    world.settle(at_once=True)
    code, log = program.run(rows)
    assert code == 0, (number, log)
    _, log = program.undo("nothing")
    runs = log.partition("the newest are: ")[2].split("\n")[0].split(", ")
    with killed_at(world, program, number):
        codes.append(program.undo(runs[0], *OPTIONS)[0])
    reasons = set()
    for run in runs:
        code, log = program.undo(run, *OPTIONS)
        assert code == 0, (number, log)
        reasons |= {result["reason"] for result in program.results}
    # The rows under way at the kill were never confirmed, and the results say so.
    left = differences(before, truth_of(world))
    for table, reason in LEFT.items():
        assert table not in left or reason in reasons, (number, left)
    assert left.keys() <= LEFT.keys(), (number, left)
    for table in {"contacts", "accounts", "notes"} & left.keys():
        assert {was for was, _ in left[table].values()} == {None}, (number, left)
    return codes


def test_wrong_options_are_one_line(account: tuple[World, Program]) -> None:
    """--plan alone, an unknown run, and a missing undo_path end with 2 and one line."""
    _, program = account
    for options, word in (
        (["--plan"], "belong to --undo RUN"),
        (["--undo", "20310101T000000Z-00000000"], "the file holds no run"),
    ):
        code, log = program.run("", *options)
        assert code == 2, log
        assert word in log
        assert "Traceback" not in log
    config = program.folder / "config.json"
    settings = json.loads(config.read_text())
    del settings["undo_path"]
    config.write_text(json.dumps(settings))
    code, log = program.undo("x")
    assert (code, "--undo needs undo_path" in log) == (2, True)
