"""``tap | target``: one is killed, and both run again from the saved state."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import pytest

from tests.end_to_end.program import KEY
from tests.length import seeds
from tests.sandbox import Served, World, serve
from tests.target.test_copy import picture

from .fast import FastClock
from .moments import SIGNALS, Killer, Moment
from .programs import check_ending, finish, lines_of, start

if TYPE_CHECKING:
    from pathlib import Path

    from tests.end_to_end.program import Ended

REQUESTS = {"tap": 35, "target": 90}


class Pipeline:
    """Copies one account into another; the tap continues from the target's last state."""

    def __init__(self, source: Served, copy: Served, folder: Path) -> None:
        """Begin without a state."""
        self.source, self.copy, self.folder = source, copy, folder
        self.state = folder / "state.json"

    def run(self, victim: str = "", killer: Killer | None = None) -> dict[str, Ended]:
        """Run both to their ends."""
        more = ["--state", str(self.state)] if self.state.exists() else []
        tap = start("tap", self.folder, *more, settings={"api_url": self.source.url}, stdin=None)
        settings = {
            "api_url": self.copy.url,
            "source_ids": "foreign",
            "create_missing_fields": True,
            "ledger_path": str(self.folder / "ledger.sqlite"),
        }
        target = start("target", self.folder, settings=settings, stdin=tap.stdout)
        assert tap.stdout is not None
        tap.stdout.close()  # the target's alone, so that the tap's write fails when the target ends
        tap.stdout = None
        if killer is not None:
            killer.watch({"tap": tap, "target": target}[victim])
        ended = {"target": finish(target, killer=killer), "tap": finish(tap)}
        if states := lines_of(ended["target"].out):
            self.state.write_text(json.dumps(states[-1]))
        return ended


def empty() -> World:
    """Return an empty account on a fast clock."""
    return World(
        is_empty=True, api_key=KEY, requests_per_second=0, clock=FastClock(), import_seconds=3
    )


@pytest.fixture(scope="module")
def source() -> Any:
    """The account that is copied."""
    world = World(contacts=24, deals=6, accounts=4, api_key=KEY, requests_per_second=0)
    with serve(world) as served:
        yield served


@pytest.fixture(scope="module")
def undisturbed(source: Served, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The copy of an undisturbed pipeline."""
    world = empty()
    with serve(world) as copy:
        ended = Pipeline(source, copy, tmp_path_factory.mktemp("undisturbed")).run()
    assert [one.code for one in ended.values()] == [0, 0], ended["target"].err
    return picture(world)


@pytest.mark.parametrize("seed", seeds(2, 40))
def test_a_copy_that_was_broken_off_ends_as_if_it_had_not_been(
    source: Served, undisturbed: dict[str, Any], tmp_path: Path, seed: int
) -> None:
    """After either program was killed, a second run makes the same copy, with no row twice."""
    dice = random.Random(seed)
    victim = ("target", "tap")[seed % 2]
    world = empty()
    moment = Moment(dice.choice(SIGNALS), "before", dice.randint(1, REQUESTS[victim]))
    killer = Killer(moment, world if victim == "target" else source.world)
    with serve(world) as copy:
        pipeline = Pipeline(source, copy, tmp_path)
        ended = pipeline.run(victim, killer)
        killer.leave()
        check_ending(ended[victim], moment.signum, is_sent=killer.is_sent)
        if victim == "target" and ended["tap"].code:
            assert ended["tap"].code == 1
            assert "program that reads the output has ended" in ended["tap"].line
        again = pipeline.run()
        assert [one.code for one in again.values()] == [0, 0], (moment, again["target"].err)
        world.settle(at_once=True)
        assert picture(world) == undisturbed, (victim, moment)
