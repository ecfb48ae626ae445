"""A create is not sent again while ActiveCampaign may still carry out the first one."""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import json
from functools import partial
from typing import TYPE_CHECKING

import pytest

from target_activecampaign.api import NotWritten
from tests.tap.python_reader.accounts import access_of, small
from tests.target.kills import Killed
from tests.target.runner import state_of, stream_of
from tests.target.sinks.test_recordless_answers import ROWS, prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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


@pytest.mark.parametrize("table", ["notes", "deals"])
def test_the_run_after_two_kills_waits_for_the_second_create(
    runner: TargetRunner, table: str
) -> None:
    """The first create is never carried out, the second late, after the kill of its run."""
    prepare(runner)
    world = runner.world
    before = len(list(world.tables[table]))
    stream, row = ROWS[table]

    def kill(carry_out: Callable[[Callable[[], object]], None]) -> None:
        def lose(handle: Callable[[], object]) -> None:
            carry_out(handle)
            raise Killed

        world.faults.apply_late(f"/{table}", lose, method="POST")
        with contextlib.suppress(Killed):
            runner.send(stream, row)

    kill(lambda _: None)
    runner.clock.sleep(60)
    kill(lambda handle: world.jobs.add(world.clock(), LATE, handle))
    assert runner.send(stream, row).actions == ["created"]
    world.settle(at_once=True)
    assert len(list(world.tables[table])) == before + 1


@pytest.mark.parametrize("pause", [120, 120.4])
def test_the_run_after_a_kill_waits_for_a_create_that_came_after_a_pause(
    runner: TargetRunner, pause: float
) -> None:
    """The source pauses between two notes. The second is carried out late, after the kill.

    The account's clock has whole seconds: at its first answer, the next run may see an earlier time
    than that of the create.
    """
    world = runner.world
    person = world.add_contact("lea@harbour.example")
    before = len(list(world.tables["notes"]))
    first, second = ({"content": text, "contact": {"id": str(person.id)}} for text in "ab")

    def kill(handle: Callable[[], object]) -> None:
        world.jobs.add(world.clock(), LATE, handle)
        raise Killed

    def lines() -> Iterator[str]:
        yield from map(json.dumps, [*stream_of("crm_notes", first), state_of(1)])
        runner.clock.sleep(pause)
        world.faults.apply_late("/notes", kill, method="POST")
        yield from map(json.dumps, [*stream_of("crm_notes", second), state_of(2)])

    with contextlib.suppress(Killed), contextlib.redirect_stdout(io.StringIO()):
        runner.target().run(lines())  # type: ignore[arg-type]
    assert runner.send("crm_notes", second).actions == ["created"]
    world.settle(at_once=True)
    assert len(list(world.tables["notes"])) == before + 2


@pytest.mark.parametrize("minutes", [-10, 10])
def test_the_clock_of_the_machine_does_not_hide_a_created_record(
    runner: TargetRunner, monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    """The first request of a run creates a note, and its answer is lost."""
    person = runner.world.add_contact("lea@harbour.example")
    world, wrong_by = runner.world, dt.timedelta(minutes=minutes)
    monkeypatch.setattr(runner.clock, "now", lambda: world.clock() + wrong_by)
    before = len(list(world.tables["notes"]))
    world.faults.reset_after_apply("/notes", method="POST")
    note = {"content": "Fresh", "contact": {"id": str(person.id)}}
    assert runner.send("crm_notes", note).actions == ["created"]
    assert len(list(world.tables["notes"])) == before + 1


@pytest.mark.parametrize("is_carried_out", [True, False])
def test_a_record_of_another_row_is_not_taken_for_the_lost_one(
    runner: TargetRunner, *, is_carried_out: bool
) -> None:
    """Two rows have the same text. The answer to the second create is lost."""
    world = runner.world
    person = world.add_contact("lea@harbour.example")
    before = len(list(world.tables["notes"]))
    lose = world.faults.reset_after_apply if is_carried_out else world.faults.reset
    lose("/notes", method="POST", after=1)
    rows = [
        {"key": key, "content": "Called", "contact": {"id": str(person.id)}} for key in ("a", "b")
    ]
    run = runner.run(*stream_of("crm_notes", *rows, keys=["key"]), state_of(1))
    assert run.actions == ["created", "created"]
    assert len(list(world.tables["notes"])) == before + 2


def test_a_run_whose_creates_are_never_answered_does_not_take_hours(
    runner: TargetRunner,
) -> None:
    """After the first create that is never answered, the run sends each further one once.

    The next run looks for them, and creates them.
    """
    world = runner.world
    person = {"id": str(world.add_contact("lea@harbour.example").id)}
    before, began = len(list(world.tables["notes"])), runner.clock.monotonic()
    notes = [{"content": f"note {number}", "contact": person} for number in range(10)]
    world.faults.server_error("/notes", times=None, method="POST")
    assert runner.send("crm_notes", *notes).actions == ["failed"] * 10
    assert runner.clock.monotonic() - began < 90 + 10 * 5
    world.faults.clear()
    assert runner.send("crm_notes", *notes).actions == ["created"] * 10
    assert len(list(world.tables["notes"])) == before + 10


def test_after_an_answered_create_a_lost_one_is_sent_again() -> None:
    """One create that was never answered costs the later ones no attempt, if one is answered."""
    account = small()
    faults, person = account.world.faults, str(next(iter(account.world.tables["contacts"])).id)
    with access_of(account) as access:
        faults.server_error("/notes", times=3, method="POST")
        with pytest.raises(NotWritten):
            access.create("crm_notes", {"content": "a", "contact": {"id": person}})
        for content in ("b", "c"):
            faults.server_error("/notes", times=int(content == "c"), method="POST")
            made = access.create("crm_notes", {"content": content, "contact": {"id": person}})
            assert made["action"] == "created"


def test_a_process_that_lives_on_sends_creates_again_after_an_outage() -> None:
    """Ten minutes after a create that was never answered, a lost create is sent again."""
    account = small()
    faults, person = account.world.faults, str(next(iter(account.world.tables["contacts"])).id)
    with access_of(account) as access:
        faults.server_error("/notes", times=None, method="POST")
        with pytest.raises(NotWritten):
            access.create("crm_notes", {"content": "a", "contact": {"id": person}})
        faults.clear()
        account.clock.sleep(600)
        faults.server_error("/notes", times=1, method="POST")
        made = access.create("crm_notes", {"content": "b", "contact": {"id": person}})
        assert made["action"] == "created"
