"""After a kill, a signal or a bad key the next run makes the account equal the rows, once.

Faults of requests are tested in `tests/faults`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import length
from tests.tap.client.clients import ManualClock, world_of
from tests.target.kills import killed_at, points_of
from tests.target.runner import TargetRunner, state_of, stream_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandbox import World

SETTINGS: dict[str, Any] = {
    "opportunity_external_id_field": "Our key",
    "max_retry_seconds": 2,
}


def account(clock: ManualClock) -> World:
    """Return an empty account with a pipeline, a list and a field for our key."""
    world = world_of(clock, is_empty=True)
    pipeline = world.add_pipeline("Orders", autoassign=1)
    for name in ("Open", "Packed", "Sent"):
        world.add_stage(name, pipeline.id)
    world.add_list("Readers")
    world.add_custom_field("deal", "Our key", "text")
    return world


def runner_of(folder: Path) -> TargetRunner:
    """Return a runner of such an account."""
    clock = ManualClock()
    return TargetRunner(account(clock), clock, folder)


def messages(rows: int, *, keyed: bool, pieces: int) -> list[dict[str, Any]]:
    """Return contacts, deals and notes, with states between them."""
    found: list[dict[str, Any]] = []
    for piece in range(pieces):
        numbers = range(piece * rows, (piece + 1) * rows)
        found += stream_of(
            "crm_contacts",
            *[
                {
                    "email": f"f{n}@shop.example",
                    "first_name": f"F{n}",
                    "tags": ["t1", f"t{n % 3}"],
                    "segments": ["Readers"],
                    "account__name": f"Firm {n % 2}",
                }
                for n in numbers
            ],
            keys=["email"],
        )
        found += stream_of(
            "crm_opportunities",
            *[
                {
                    "name": f"Order {n}",
                    "amount": n + 0.5,
                    "currency": "EUR",
                    "contact__email": f"f{n}@shop.example",
                    "pipeline__name": "Orders",
                    "stage__name": ("Open", "Packed", "Sent")[n % 3],
                    **({"external_id": f"K{n}"} if keyed else {}),
                }
                for n in numbers
            ],
            keys=["name"],
        )
        found += stream_of(
            "crm_notes",
            *[{"content": f"Note {n}", "contact__email": f"f{n}@shop.example"} for n in numbers],
        )
        found.append(state_of(piece))
    return found


def check(world: World, count: int) -> None:
    """Compare the account with the rows."""
    t = world.tables
    people = {c.email: c for c in t["contacts"]}
    assert len(people) == len(list(t["contacts"])) == count
    for n in range(count):
        person = people[f"f{n}@shop.example"]
        assert person.firstName == f"F{n}"
        tags = {t["tags"][r.tag].tag for r in t["contactTags"].by("contact", person.id)}
        assert tags == {"t1", f"t{n % 3}"}
        links = t["accountContacts"].by("contact", person.id)
        assert [t["accounts"][link.account].name for link in links] == [f"Firm {n % 2}"]
        readers = next(
            mailing_list for mailing_list in t["lists"] if mailing_list.name == "Readers"
        )
        assert world.membership(person.id, readers.id).status == 1
    deals = [(d.title, d.value, t["dealStages"][d.stage].title) for d in t["deals"]]
    wanted = [(f"Order {n}", n * 100 + 50, ("Open", "Packed", "Sent")[n % 3]) for n in range(count)]
    assert sorted(deals) == sorted(wanted)
    assert sorted(n.note for n in t["notes"]) == sorted(f"Note {n}" for n in range(count))
    names = [tag.tag.casefold() for tag in t["tags"] if tag.tagType == "contact"]
    assert len(names) == len(set(names))


def run_killed_and_again(
    runner: TargetRunner, lines: list[dict[str, Any]], kill_at: int, *, after: bool
) -> None:
    """Kill a run at a request; the next run completes the rows, and a third writes nothing."""
    world = runner.world
    with killed_at(world, kill_at, after=after):
        runner.run(*lines, **SETTINGS)
    world.settle(at_once=True)
    runner.clock.sleep(1)
    assert runner.run(*lines, **SETTINGS).code == 0
    check(world, sum(line.get("record", {}).keys() >= {"content"} for line in lines))
    assert runner.run(*lines, **SETTINGS).writes == []


@pytest.mark.usefixtures("every_combination")
@settings(
    max_examples=length.of(8, 80),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    kill_at=st.integers(1, 90),
    after=st.booleans(),
    rows=st.sampled_from([2, 12]),
    keyed=st.booleans(),
)
def test_killed_at_any_request_the_next_run_ends_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    kill_at: int,
    rows: int,
    *,
    after: bool,
    keyed: bool,
) -> None:
    """After kill -9 before or after any request, the next run makes no second deal or note.

    This holds under all settings that choose the rows to write, or that record written rows.
    """
    runner = runner_of(tmp_path_factory.mktemp("runner"))
    lines = messages(rows, keyed=keyed, pieces=2)
    run_killed_and_again(runner, lines, kill_at, after=after)


@pytest.mark.long
@pytest.mark.usefixtures("every_combination")
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("rows", [2, 12], ids=["single", "imported"])
def test_killed_at_every_kind_of_request_the_next_run_ends_the_same(
    tmp_path_factory: pytest.TempPathFactory, rows: int, *, after: bool
) -> None:
    """The same at the first and the last request of each kind, with every combination.

    Half of them are killed before and half after the account processed the request; the longest
    search kills at every request, before and after.
    """
    lines = messages(rows, keyed=after, pieces=1)
    run = runner_of(tmp_path_factory.mktemp("undisturbed")).run(*lines, **SETTINGS)
    points = points_of(run.requests)
    assert len(points) > 15
    for kill_at in points if length.LONG else points[after::2]:
        runner = runner_of(tmp_path_factory.mktemp("runner"))
        run_killed_and_again(runner, lines, kill_at, after=after)


def test_a_bad_key_ends_the_run_with_one_line_and_no_state(runner: TargetRunner) -> None:
    """A bad key ends the run with 1, the batch's rows failed, and no output has the key."""
    run = runner.send("crm_contacts", {"email": "k@shop.example"}, api_key="wrong-key-123")
    assert run.code == 1
    assert run.states == []
    assert run.actions == ["failed"]
    assert "wrong-key-123" not in json.dumps([run.results, run.report, run.last_word])


@pytest.mark.usefixtures("every_combination")
@pytest.mark.parametrize("stop_at", range(1, 12))
def test_a_signal_leaves_no_state_beyond_the_results(runner: TargetRunner, stop_at: int) -> None:
    """SIGTERM at any request ends with 143, and states cover only rows that are done."""
    lines = [
        *stream_of("crm_contacts", {"email": "a@shop.example", "tags": ["x"]}, keys=["email"]),
        state_of(1),
        *stream_of("crm_contacts", {"email": "b@shop.example", "tags": ["y"]}, keys=["email"]),
        state_of(2),
    ]
    seen = [0]

    def hook(_: Any, __: str, ___: str, ____: Any) -> None:
        seen[0] += 1
        if seen[0] == stop_at:
            target._handle_termination(15, None)

    runner.world.before_request(hook)
    made: list[Any] = []
    real = runner.target

    def remember(**options: Any) -> Any:
        made.append(real(**options))
        return made[-1]

    runner.target = remember  # type: ignore[method-assign]

    class Proxy:
        def _handle_termination(self, *args: Any) -> None:
            made[-1]._handle_termination(*args)

    target = Proxy()
    run = runner.run(*lines)
    if run.code == 0:
        assert seen[0] < stop_at
        return
    assert run.code == 143
    done = {r["row"] for r in run.results if r["action"] == "created"}
    covered = max((s["bookmarks"]["at"] for s in run.states), default=0)
    assert set(range(1, covered + 1)) <= done
    runner.world.hooks.clear()
    runner.clock.is_woken = False
    assert runner.run(*lines).code == 0
    for name, tag in (("a", "x"), ("b", "y")):
        person = runner.world.find_contact(f"{name}@shop.example")
        rows = runner.world.tables["contactTags"].by("contact", person.id)
        assert {runner.world.tables["tags"][r.tag].tag for r in rows} == {tag}
