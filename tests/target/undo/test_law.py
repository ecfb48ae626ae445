"""The law of undo: the account is as before, except for values that the results name."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests import length
from tests.tap.client.clients import ManualClock, world_of

from .account import KillableRunner, flat_truth_of
from .random_runs import RandomRuns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.target.runner import Run

    Values = dict[tuple[Any, ...], Any]

#: The groups of results in which a value of each table has its result.
GROUPS = {
    "contacts": {"fields", "created"},
    "values": {"fields", "created"},
    "tags": {"tags", "created"},
    "lists": {"segments", "created"},
    "links": {"account", "created"},
    "automations": {"automations"},
    "deals": {"fields", "created"},
    "deal values": {"fields", "created"},
    "deal contacts": {"contacts", "created"},
    "accounts": {"fields", "created", "account"},
    "account values": {"fields", "created"},
    "notes": {"content", "created"},
}
UNDO = {"creates": True, "unsubscribes": True, "max_deletes": 1_000}


#: How accounts may behave where that is not known: each account of the search draws some.
SWITCHES: dict[str, tuple[Any, ...]] = {
    "include": ("none", frozenset({"fieldValues", "contactTags"})),
    "include_id_arrays": (False,),
    "include_row_cap": (5,),
    "account_data": ("live everywhere", "documented"),
    "deal_data_sideload": ("slim",),
    "contact_tag_again": (422,),
    "left_enrolment": ("ended",),
    "no_enrolment_status": (404,),
    "bump_list_status": (True,),
    "nested_paged": (False,),
    "meta_total": ("string", "missing"),
    "import_creates_accounts": (False,),
}


def runner_of(seed: int, folder: Path, *, threads: bool = False) -> KillableRunner:
    """Return a runner of a random account, with the automations that rows enter.

    With ``threads`` it writes concurrently, in an order of the seed.
    """
    clock = ManualClock()
    world = world_of(clock, contacts=14, deals=6, accounts=5, seed=seed)
    dice = random.Random(f"{seed} switches")
    for name in dice.sample(sorted(SWITCHES), dice.choice((0, 0, 1, 2, 3))):
        setattr(world.switches, name, dice.choice(SWITCHES[name]))
    folder.mkdir(exist_ok=True)
    for automation in world.tables["automations"]:
        world.tables["automations"].change(automation, status=1)
    for number in range(3):
        world.add_note("Subscriber", 1 + number, f"note {number}")
    return KillableRunner(world, clock, folder, seed if threads else None)


def is_unsubscribed(key: tuple[Any, ...], before: Any, after: Any) -> bool:
    """Return whether a list has the status that no request can remove."""
    return key[0] == "lists" and before != 1 and after == 2


def named_in(run: Run) -> set[tuple[str, str]]:
    """Return group and id of the results that keep a value."""
    return {
        (one["key"]["values"], str(one["id"]))
        for one in run.results
        if one["action"] == "skipped" or ";" in (one["reason"] or "")
    }


def unexplained(expected: Values, after: Values, runs: list[Run]) -> Iterator[str]:
    """Yield the values that differ without a result that names them."""
    named = set().union(*map(named_in, runs))
    for key in sorted(expected.keys() | after.keys(), key=repr):
        one, other = expected.get(key), after.get(key)
        if one == other or is_unsubscribed(key, one, other):
            continue
        if any((group, str(key[1])) in named for group in GROUPS[key[0]]):
            continue
        if key[0] == "accounts" and other is not None and one is None:
            continue  # the importer created it, and no answer has that
        yield f"{key}: expected {one!r}, is {other!r}"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of its own for each seed."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@pytest.mark.parametrize("seed", length.seeds(30, 3_000))
def test_after_an_undo_the_account_is_as_before(seed: int, folder: Path) -> None:
    """For any account and rows, every value is as before the run, or a result names it."""
    runner = runner_of(seed, folder, threads=bool(seed % 2))
    draw = RandomRuns(runner.world, seed)
    before = flat_truth_of(runner.world)
    runner.run(*draw.messages(), **runner.settings, **draw.settings())
    run = runner.last_run
    undone = runner.undo(run, **UNDO)
    assert undone.code == 0, undone.results
    assert list(unexplained(before, flat_truth_of(runner.world), [undone])) == []
    again = runner.undo(run, **UNDO)
    assert again.writes == []


@pytest.mark.parametrize("seed", length.seeds(30, 3_000))
def test_no_change_of_another_client_is_lost(seed: int, folder: Path) -> None:
    """A later change of another client stays; every other value is as before, or named."""
    runner = runner_of(seed, folder, threads=bool(seed % 2))
    draw = RandomRuns(runner.world, seed)
    before = flat_truth_of(runner.world)
    runner.run(*draw.messages(), **runner.settings, **draw.settings())
    written = flat_truth_of(runner.world)
    runner.clock.sleep(100)
    draw.change_something()
    changed = flat_truth_of(runner.world)
    foreign = {
        key: changed.get(key)
        for key in written.keys() | changed.keys()
        if written.get(key) != changed.get(key)
    }
    undone = runner.undo(**UNDO)
    after = flat_truth_of(runner.world)
    lost = {k: (v, after.get(k)) for k, v in foreign.items() if after.get(k) != v}
    assert lost == {}
    assert list(unexplained(before | foreign, after | foreign, [undone])) == []


def kills_of(seed: int, requests: int) -> list[tuple[int, bool]]:
    """Return the requests to kill at, before or after they are processed: some, or all."""
    dice = random.Random(seed)
    numbers = range(1, requests + 1)
    if length.LONG:
        return [(number, is_after) for number in numbers for is_after in (False, True)]
    chosen = dice.sample(numbers, min(length.of(8, 8), requests))
    return [(number, dice.random() < 0.7) for number in chosen]


@pytest.mark.parametrize("seed", length.seeds(10, 300))
def test_a_run_that_was_killed_is_undone_like_any_other(seed: int, folder: Path) -> None:
    """After a kill at any request and a second run, an undo of both restores the account."""
    runner = runner_of(seed, folder / "whole")
    draw = RandomRuns(runner.world, seed)
    messages, settings = draw.messages(), draw.settings()
    count = len(runner.run(*messages, **runner.settings, **settings).requests)
    for number, is_after in kills_of(seed, count):
        runner = runner_of(seed, folder / f"{number}")
        before = flat_truth_of(runner.world)

        def run(runner: KillableRunner = runner) -> object:
            return runner.run(*messages, **runner.settings, **settings)

        assert runner.kill_at(number, is_after=is_after, act=run)
        run()
        runner.clock.sleep(5)
        undone = [runner.undo(one, **UNDO) for one in runner.runs()]
        assert list(unexplained(before, flat_truth_of(runner.world), undone)) == [], number


@pytest.mark.parametrize("seed", length.seeds(10, 300))
def test_an_undo_that_was_killed_goes_on(seed: int, folder: Path) -> None:
    """An undo that is killed at any request and run again ends as an undisturbed one."""
    runner = runner_of(seed, folder / "whole")
    draw = RandomRuns(runner.world, seed)
    messages, settings = draw.messages(), draw.settings()
    runner.run(*messages, **runner.settings, **settings)
    count = len(runner.undo(**UNDO).requests)
    whole = flat_truth_of(runner.world)
    for number, is_after in kills_of(seed, count):
        runner = runner_of(seed, folder / f"{number}")
        runner.run(*messages, **runner.settings, **settings)
        run = runner.last_run

        def undo(runner: KillableRunner = runner, run: str = run) -> object:
            return runner.undo(run, **UNDO)

        assert runner.kill_at(number, is_after=is_after, act=undo)
        again = runner.undo(run, **UNDO)
        assert again.code == 0
        assert flat_truth_of(runner.world) == whole, number
