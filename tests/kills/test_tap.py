"""The tap, killed or stopped at any moment, and run again from its last state."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.end_to_end.program import KEY, messages
from tests.end_to_end.test_endings import KEYS
from tests.length import seeds
from tests.sandbox import Served, World, serve

from .moments import Killer, Usual, moment_of
from .programs import check_ending, finish, start

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.end_to_end.program import Ended

CONTACTS = 1200  # more than ten pages, after which there is a state with the position
KINDS = ("before", "written", "time", "after", "state")

Table = dict[tuple[str, ...], dict[str, Any]]


class Loader:
    """Runs the tap from the last state each time; messages behind the last state are lost."""

    def __init__(self, served: Served, folder: Path, **settings: Any) -> None:
        """Begin without a state."""
        self.served, self.folder, self.settings = served, folder, settings
        self.state = folder / "state.json"

    def run(self, killer: Killer | None = None) -> Ended:
        """Read the account; ``messages`` are those up to the last state."""
        more = ["--state", str(self.state)] if self.state.exists() else []
        settings = {"api_url": self.served.url} | self.settings
        process = start("tap", self.folder, *more, settings=settings, stdin=None)
        if killer is not None:
            killer.watch(process)
        ended = finish(process, killer=killer)
        found = messages(ended.out.rpartition("\n")[0])
        states = [n for n, one in enumerate(found) if one["type"] == "STATE"]
        if states:
            ended.messages = found[: states[-1] + 1]
            self.state.write_text(json.dumps(ended.messages[-1]["value"]))
        return ended


def loaded(*runs: Ended) -> Table:
    """Return the last record of each stream and key, without deleted ones."""
    found: Table = {}
    for one in (one for run in runs for one in run.messages if one["type"] == "RECORD"):
        record, stream = one["record"], one["stream"]
        key = (stream, *(record[name] for name in KEYS.get(stream, ("id",))))
        if record.pop("_sdc_deleted_at", None):
            found.pop(key, None)
        else:
            found[key] = record
    return found


def account() -> World:
    """Return an account with several pages of everything."""
    return World(contacts=CONTACTS, deals=120, accounts=110, api_key=KEY, requests_per_second=0)


def lonely(world: World) -> list[int]:
    """Return the contacts that no deal and no count of an account refers to."""
    t = world.tables
    others = {d.contact for d in t["deals"]} | {one.contact for one in t["contactDeals"]}
    others |= {one.contact for one in t["accountContacts"]}
    return [one.id for one in t["contacts"] if one.id not in others]


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """An account that does not change."""
    with serve(account()) as served:
        yield served


@dataclass(frozen=True)
class Whole:
    """An undisturbed run: its output and its figures."""

    table: Table
    usual: Usual


@pytest.fixture(scope="module")
def whole(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """Read the whole account."""
    began, before = time.monotonic(), len(served.world.log)
    ended = Loader(served, tmp_path_factory.mktemp("whole")).run()
    seconds, requests = time.monotonic() - began, len(served.world.log) - before
    assert ended.code == 0, ended.err
    table = loaded(ended)
    assert sum(key[0] == "crm_contacts" for key in table) == CONTACTS
    return Whole(table, Usual(seconds, requests, len(ended.out), len(ended.states)))


@pytest.mark.parametrize("seed", seeds(3, 50))
def test_records_before_a_kill_and_of_the_next_run_are_the_account(
    served: Served, whole: Whole, tmp_path: Path, seed: int
) -> None:
    """Records up to the last state and those of the next run are the whole account, by key."""
    killer = Killer(moment_of(seed, whole.usual, KINDS), served.world)
    loader = Loader(served, tmp_path)
    first = loader.run(killer)
    killer.leave()
    check_ending(first, killer.moment.signum, is_sent=killer.is_sent)
    second = loader.run()
    assert second.code == 0, (killer.moment, second.err)
    assert loaded(first, second) == whole.table, killer.moment


@pytest.mark.parametrize("seed", seeds(1, 25))
def test_tombstones_are_repeated_after_a_kill(
    whole: Whole, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    """With detect_deletes a tombstone is repeated until a state that covers it was loaded."""
    world = account()
    with serve(world) as served:
        loader = Loader(served, tmp_path, detect_deletes=True)
        first = loader.run()
        for one in lonely(world)[::300]:
            world.delete_contact(one)
        world.delete_deal(next(d.id for d in world.tables["deals"] if not d.account))
        world.edit_contact(20, firstName="Changed")
        killer = Killer(moment_of(seed, whole.usual, KINDS), world)
        second = loader.run(killer)
        killer.leave()
        check_ending(second, killer.moment.signum, is_sent=killer.is_sent)
        third = loader.run()
        assert third.code == 0, (killer.moment, third.err)
        again = Loader(served, tmp_path_factory.mktemp("again")).run()
    assert loaded(first, second, third) == loaded(again), killer.moment
