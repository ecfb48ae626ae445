"""The law of undo: the account is as before, except for values that the results name."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from target_activecampaign.undo.commerce_and_custom_objects.restore_documents import PERSON_STAYS
from tests import length
from tests.tap.client.clients import ManualClock, world_of

from .account import KillableRunner, flat_truth_of
from .foreign_changes import changes, make
from .random_runs import PEOPLE, STORES, RandomRun, runs
from .stores import SHAPE, add_visits

if TYPE_CHECKING:
    from collections.abc import Callable

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
    "dealTasks": {"fields", "created"},
    "storeOrders": {"fields", "created"},
    "storeProducts": {"fields", "created"},
    "storeRecurringPayments": {"fields", "created"},
    "customRecords": {"fields", "created"},
}
UNDO = {"creates": True, "unsubscribes": True, "max_deletes": 1_000}

#: How accounts may behave where that is not known: each account of the search has some of them.
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
    "order_upsert": ("patch",),
    "payment_upsert": ("patch",),
    "graphql_decimals": ("text",),
    "record_numbers": ("text",),
    "record_relationships": ("kept",),
    "record_answer_has_id": (True,),
    "task_needs_outcome": (False,),
}
PARTS = pytest.mark.parametrize("part", [PEOPLE, STORES])


@dataclass(frozen=True)
class Account:
    """An account of the search. With an ``order`` its rows are written concurrently."""

    seed: int = 0
    switches: dict[str, Any] = field(default_factory=dict)
    order: int | None = None

    def runner(self, folder: Path, name: str = "account") -> KillableRunner:
        """Return a runner of the account as it is at first."""
        clock = ManualClock()
        world = world_of(clock, contacts=14, deals=6, accounts=5, seed=self.seed, shape=SHAPE)
        add_visits(world)
        for switch, value in self.switches.items():
            setattr(world.switches, switch, value)
        for automation in world.tables["automations"]:
            world.tables["automations"].change(automation, status=1)
        for number in range(1, 4):
            world.add_note("Subscriber", number, f"note {number}")
            world.enrol(number, 3)
        (folder / name).mkdir()
        return KillableRunner(world, clock, folder / name, self.order)


ACCOUNTS = st.builds(
    Account,
    seed=st.integers(0, 30),
    switches=st.lists(
        st.sampled_from([(name, switch) for name, found in SWITCHES.items() for switch in found]),
        max_size=3,
        unique_by=lambda pair: pair[0],
    ).map(dict),
    order=st.none() | st.integers(0, 1_000),
)


def search(full: int, longest: int) -> Any:
    """Return the settings of a search."""
    return settings(
        max_examples=length.of(full, longest),
        suppress_health_check=list(HealthCheck),
        deadline=None,
    )


def write(runner: KillableRunner, run: RandomRun) -> Run:
    """Write the rows of a run that can be undone."""
    return runner.run(*run.messages, **runner.settings, **run.settings)


def is_unsubscribed(key: tuple[Any, ...], before: Any, after: Any) -> bool:
    """Return whether a list has the status that no request can remove."""
    return key[0] == "lists" and before != 1 and after == 2


def named_in(run: Run) -> set[tuple[str, str]]:
    """Return group and id of the results that keep a value."""
    return {
        (result["key"]["values"], str(name))
        for result in run.results
        for name in (result["id"], *result["key"].values())
        if result["action"] == "skipped" or ";" in (result["reason"] or "")
    }


def unexplained(expected: Values, runner: KillableRunner, undone: list[Run]) -> list[str]:
    """Return the values that differ without a result that names them."""
    after = flat_truth_of(runner.world)
    named = set().union(*map(named_in, undone))
    reasons = " ".join(str(result["reason"]) for run in undone for result in run.results)
    found = []
    for key in sorted(expected.keys() | after.keys(), key=repr):
        wanted, other = expected.get(key), after.get(key)
        if wanted == other or is_unsubscribed(key, wanted, other):
            continue
        if any((group, str(key[1])) in named for group in GROUPS[key[0]]):
            continue
        if key[0] == "accounts" and other is not None and wanted is None:
            continue  # the importer created it, and no answer has that
        if key[0] == "contacts" and wanted is None and PERSON_STAYS in reasons:
            continue  # an order or a subscription created it
        found.append(f"{key}: expected {wanted!r}, is {other!r}")
    return found


def changed_between(earlier: Values, other: Values) -> Values:
    """Return the values that differ, as they are in the other."""
    keys = earlier.keys() | other.keys()
    return {key: other.get(key) for key in keys if earlier.get(key) != other.get(key)}


def lost(wanted: Values, runner: KillableRunner) -> Values:
    """Return the values that the account does not have any more."""
    after = flat_truth_of(runner.world)
    return {key: after.get(key) for key, value in wanted.items() if after.get(key) != value}


@PARTS
@search(40, 4_000)
@given(account=ACCOUNTS, data=st.data())
def test_after_an_undo_the_account_is_as_before(
    part: str, account: Account, data: st.DataObject
) -> None:
    """For any account and rows, every value is as before the run, or a result names it.

    Runs are undone from the last run on. A second undo of each sends nothing.
    """
    with tempfile.TemporaryDirectory() as folder:
        runner = account.runner(Path(folder))
        kept: list[tuple[Values, str]] = []
        for name in ("first run", "second run")[: data.draw(st.integers(1, 2), "runs")]:
            before = flat_truth_of(runner.world)
            write(runner, data.draw(runs(runner.world, part), name))
            kept.append((before, runner.last_run))
            runner.clock.sleep(30)
        undone = []
        for before, run in reversed(kept):
            undone.append(runner.undo(run, **UNDO))
            assert undone[-1].code == 0, undone[-1].results
            assert unexplained(before, runner, undone) == []
            assert runner.undo(run, **UNDO).writes == []


def undo_after(
    account: Account, part: str, data: st.DataObject, change: Callable[[KillableRunner], None]
) -> None:
    """Undo a run after a later change; it stays, and every other value is as before, or named."""
    with tempfile.TemporaryDirectory() as folder:
        runner = account.runner(Path(folder))
        before = flat_truth_of(runner.world)
        write(runner, data.draw(runs(runner.world, part), "run"))
        run = runner.last_run
        written = flat_truth_of(runner.world)
        runner.clock.sleep(100)
        change(runner)
        later = changed_between(written, flat_truth_of(runner.world))
        undone = runner.undo(run, **UNDO)
        assert lost(later, runner) == {}
        assert unexplained(before | later, runner, [undone]) == []


@PARTS
@search(40, 4_000)
@given(account=ACCOUNTS, data=st.data())
def test_no_change_of_another_client_is_lost(
    part: str, account: Account, data: st.DataObject
) -> None:
    """A later change of another client stays; every other value is as before, or named."""

    def change(runner: KillableRunner) -> None:
        make(runner.world, data.draw(changes(runner.world, part), "other clients"))

    undo_after(account, part, data, change)


@PARTS
@search(40, 4_000)
@given(account=ACCOUNTS, data=st.data())
def test_no_change_of_a_later_run_is_lost(part: str, account: Account, data: st.DataObject) -> None:
    """What a later run wrote stays; every other value is as before the undone run, or named."""

    def change(runner: KillableRunner) -> None:
        write(runner, data.draw(runs(runner.world, part), "later run"))

    undo_after(account, part, data, change)


def moments(data: st.DataObject, requests: int) -> list[tuple[int, bool]]:
    """Draw a request to kill at, before or after it is processed; the longest search takes all."""
    numbers = range(1, requests + 1)
    if length.LONG:
        return [(number, is_after) for number in numbers for is_after in (False, True)]
    return [data.draw(st.tuples(st.integers(1, requests), st.booleans()), "kill at")]


@PARTS
@search(20, 200)
@given(account=ACCOUNTS, data=st.data())
def test_a_run_that_was_killed_is_undone_like_any_other(
    part: str, account: Account, data: st.DataObject
) -> None:
    """After a kill at any request, a second run ends as an undisturbed run; an undo restores."""
    with tempfile.TemporaryDirectory() as folder:
        runner = account.runner(Path(folder), "undisturbed")
        run = data.draw(runs(runner.world, part), "run")
        count = len(write(runner, run).requests)
        whole = flat_truth_of(runner.world)
        for number, is_after in moments(data, count) if count else ():
            runner = account.runner(Path(folder), f"{number} {is_after}")
            before = flat_truth_of(runner.world)
            act = lambda runner=runner: write(runner, run)  # noqa: E731
            assert runner.kill_at(number, is_after=is_after, act=act)
            write(runner, run)
            if account.order is None:  # else the ids of created records depend on the order
                assert flat_truth_of(runner.world) == whole, number
            runner.clock.sleep(5)
            undone = [runner.undo(run_id, **UNDO) for run_id in runner.runs()]
            assert unexplained(before, runner, undone) == [], number


@PARTS
@search(20, 200)
@given(account=ACCOUNTS, data=st.data())
def test_an_undo_that_was_killed_goes_on(part: str, account: Account, data: st.DataObject) -> None:
    """An undo that is killed at any request and run again ends as an undisturbed undo."""
    with tempfile.TemporaryDirectory() as folder:
        runner = account.runner(Path(folder), "undisturbed")
        run = data.draw(runs(runner.world, part), "run")
        write(runner, run)
        count = len(runner.undo(**UNDO).requests)
        whole = flat_truth_of(runner.world)
        for number, is_after in moments(data, count) if count else ():
            runner = account.runner(Path(folder), f"{number} {is_after}")
            write(runner, run)
            name = runner.last_run
            act = lambda runner=runner, name=name: runner.undo(name, **UNDO)  # noqa: E731
            assert runner.kill_at(number, is_after=is_after, act=act)
            assert runner.undo(name, **UNDO).code == 0
            assert flat_truth_of(runner.world) == whole, number
