"""Faults during an enrolment: the contact enters once, or later with a reason; never twice."""

from __future__ import annotations

import contextlib
import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import length
from tests.cases import briefly
from tests.tap.client.clients import ManualClock, world_of
from tests.target.combinations import combinations, settings_of
from tests.target.concurrency.test_identity_order import LOSSES
from tests.target.kills import Killed, killed_at
from tests.target.runner import TargetRunner, state_of, stream_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox import World

SETTINGS: dict[str, Any] = {"allow_automations": True, "max_retry_seconds": 2}
POSTS = "/contactAutomations"
LOOKS = "/contacts/"
#: Faults of an enrolment request, and whether the account processes it.
LOST = {
    "throttle": ("throttle", {"retry_after": 1}),
    "glitch": ("forbid", {}),
    "500 before": ("server_error", {"status": 500}),
    "500 after": ("late_trouble", {"status": 500}),
    "524 after": ("late_trouble", {"status": 524}),
    "reset before": ("reset", {}),
    "reset after": ("reset_after_apply", {}),
    "cut while read": ("reset_after_apply", {"kind": "chunk"}),
    "late": ("reset_after_apply", {"kind": "timeout"}),
    "cut JSON": ("truncated_json", {}),
    "nothing": ("empty_body", {}),
    "HTML": ("html_200", {}),
}


def account(clock: ManualClock, **switches: Any) -> World:
    """Return an empty account with two automations."""
    world = world_of(clock, is_empty=True, **switches)
    for name in ("Dunning", "Nurture"):
        world.add_automation(name)
    return world


def rows(count: int, **more: Any) -> list[dict[str, Any]]:
    """Return contacts that enter automations."""
    return [
        {"email": f"p{n}@shop.example", "first_name": f"P{n}", "automations": ["Dunning"], **more}
        for n in range(count)
    ]


def entries(world: World) -> Counter[tuple[str, str]]:
    """Return how often each person was enrolled in each automation."""
    t = world.tables
    return Counter(
        (t["contacts"][entry["contact"]].email, t["automations"][entry["automation"]].name)
        for entry in world.automation_log
        if entry["trigger"] == "enrolled"
    )


def once(count: int) -> Counter[tuple[str, str]]:
    """Return the enrolments that `rows` ask for."""
    return Counter((row["email"], "Dunning") for row in rows(count))


@pytest.fixture
def runner(clock: ManualClock, tmp_path: Any) -> TargetRunner:
    """A runner of such an account."""
    return TargetRunner(account(clock), clock, tmp_path)


@pytest.mark.parametrize(("count", "times"), briefly([(1, 1), (12, 2), (1, 2), (12, 1)], 2))
@pytest.mark.parametrize("fault", LOST)
def test_entering_whose_answer_is_lost_is_looked_for(
    runner: TargetRunner, fault: str, count: int, times: int
) -> None:
    """After lost answers of enrolments the run ends with 0, and each contact is enrolled once."""
    kind, options = LOST[fault]
    getattr(runner.world.faults, kind)(prefix=POSTS, method="POST", times=times, **options)
    run = runner.send("crm_contacts", *rows(count), **SETTINGS | {"max_retry_seconds": 5})
    assert run.code == 0
    assert set(run.actions) <= {"created", "updated"}
    assert entries(runner.world) == once(count)
    assert run.report["automations"]["entered"] == {"Dunning": count}
    runner.world.faults.clear()
    again = runner.send("crm_contacts", *rows(count, last_name="L"), force=True, **SETTINGS)
    assert again.code == 0
    assert entries(runner.world) == once(count)


@pytest.mark.parametrize("fault", ["reset_after_apply", "reset", "server_error", "late_trouble"])
@pytest.mark.parametrize(
    ("count", "blind"),
    briefly([(1, "forbid"), (12, "server_error"), (1, "server_error"), (12, "forbid")], 2),
)
def test_an_unreadable_enrolment_fails_and_is_looked_up_first(
    runner: TargetRunner, fault: str, blind: str, count: int
) -> None:
    """If enrolments cannot be read, the row fails; the next run reads them before it writes.

    The state stays before the row.
    """
    faults = runner.world.faults

    def spoil(world: World, method: str, path: str, query: Any) -> None:
        if (method, path) == ("POST", "/api/3" + POSTS) and not faults.rules:
            getattr(faults, fault)(POSTS, method="POST", times=None)
            getattr(faults, blind)(LOOKS, method="GET", times=None)

    runner.world.before_request(spoil)
    run = runner.send("crm_contacts", *rows(count), **SETTINGS)
    assert (run.code, run.states) == (1, [])
    assert "failed" in run.actions
    sent = entries(runner.world)
    assert max(sent.values(), default=0) <= 1
    # While the enrolments cannot be read, no contact enters.
    runner.world.hooks.clear()
    faults.rules = [rule for rule in faults.rules if rule.method == "GET"]
    run = runner.send("crm_contacts", *rows(count), **SETTINGS)
    assert "failed" in run.actions
    assert entries(runner.world) == sent
    faults.clear()
    run = runner.send("crm_contacts", *rows(count), **SETTINGS)
    assert (run.code, len(run.states)) == (0, 1)
    assert entries(runner.world) == once(count)


def test_the_run_after_a_kill_waits_for_the_last_entry_that_was_sent(runner: TargetRunner) -> None:
    """The account loses the first request, and carries out the second after the kill."""
    world = runner.world

    def lose(handle: Callable[[], object]) -> None:
        world.jobs.add(world.clock(), 20, handle)
        raise Killed

    world.faults.reset(POSTS, method="POST")
    world.faults.apply_late(POSTS, lose, method="POST")
    with contextlib.suppress(Killed):
        runner.send("crm_contacts", *rows(1), **SETTINGS)
    runner.send("crm_contacts", *rows(1), **SETTINGS)
    world.settle(at_once=True)
    assert entries(world) == once(1)


def test_entering_that_is_never_answered_is_failed(runner: TargetRunner) -> None:
    """An enrolment that is never answered fails its row.

    The next run enrols from the retry file.
    """
    runner.world.faults.server_error(POSTS, method="POST", times=None)
    path = str(runner.folder / "retry.jsonl")
    run = runner.send("crm_contacts", *rows(1), retry_path=path, **SETTINGS)
    assert (run.code, run.actions, len(run.states)) == (1, ["failed"], 1)
    assert "looks for it first" in run.reason()
    assert entries(runner.world) == Counter()
    runner.world.faults.clear()
    run = runner.run(retry_path=path, **SETTINGS)
    assert (run.code, run.actions) == (0, ["updated"])
    assert entries(runner.world) == once(1)
    assert runner.run(retry_path=path, **SETTINGS).requests == []


@pytest.mark.usefixtures("long_combinations")
def test_an_enrolment_of_a_killed_run_is_reported_by_the_next(runner: TargetRunner) -> None:
    """After a kill behind the write, the next run reports `updated` and counts the enrolment."""
    runner.world.add_contact("p0@shop.example")
    real = runner.world.answer

    def dying(method: str, path: str, *rest: Any) -> Any:
        answer = real(method, path, *rest)
        if (method, path) == ("POST", "/api/3" + POSTS):
            raise Killed
        return answer

    runner.world.answer = dying  # type: ignore[method-assign]
    row = {"email": "p0@shop.example", "automations": ["Dunning"]}
    with contextlib.suppress(Killed):
        runner.send("crm_contacts", row, **SETTINGS)
    runner.world.answer = real  # type: ignore[method-assign]
    runner.clock.sleep(3600)
    run = runner.send("crm_contacts", row, **SETTINGS)
    assert run.actions == ["updated"]
    assert run.writes == []
    assert run.report["automations"]["entered"] == {"Dunning": 1}
    assert entries(runner.world) == once(1)


@pytest.mark.usefixtures("every_combination")
@settings(
    max_examples=length.of(8, 60),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    kill_at=st.integers(1, 60),
    after=st.booleans(),
    count=st.sampled_from([2, 12]),
    seed=st.none() | st.integers(0, 10_000),
    left=st.sampled_from(["removed", "ended"]),
)
def test_killed_at_any_request_no_contact_is_enrolled_twice(
    tmp_path_factory: pytest.TempPathFactory,
    kill_at: int,
    count: int,
    seed: int | None,
    left: str,
    *,
    after: bool,
) -> None:
    """After kill -9 at any request the next run completes the rows, and a third does nothing."""
    clock = ManualClock()
    world = account(clock, left_enrolment=left)
    runner = TargetRunner(world, clock, tmp_path_factory.mktemp("runner"), seed)
    lines = [*stream_of("crm_contacts", *rows(count), keys=["email"]), state_of(1)]
    with killed_at(world, kill_at, after=after):
        runner.run(*lines, **SETTINGS)
    world.settle(at_once=True)
    clock.sleep(3)
    assert runner.run(*lines, **SETTINGS).code == 0
    assert entries(world) == once(count)
    assert runner.run(*lines, **SETTINGS).writes == []


COMBINATIONS = combinations()


class History:
    """Contacts that rows and other clients enrol and remove, under faults and kills."""

    def __init__(self, seed: int, folder: Any) -> None:
        """Begin with an empty account."""
        self.dice = random.Random(seed)
        self.clock = ManualClock()
        left = self.dice.choice(["removed", "ended"])
        status = self.dice.choice([403, 404])
        self.world = account(self.clock, left_enrolment=left, no_enrolment_status=status)
        side = self.dice.choice([None, seed])
        self.runner = TargetRunner(self.world, self.clock, folder, side)
        self.people = [f"p{n}@shop.example" for n in range(self.dice.choice([3, 12]))]
        self.settings = SETTINGS | settings_of(COMBINATIONS[seed % len(COMBINATIONS)], folder)
        #: How often each pair may have been enrolled by us: once, and once more for each leave.
        self.allowed: Counter[tuple[str, str]] = Counter()
        self.number = 0

    def row(self, email: str) -> dict[str, Any]:
        """Draw a row; its name makes it a new row each time."""
        self.number += 1
        row: dict[str, Any] = {"email": email}
        if self.dice.random() < 0.7:
            row["first_name"] = f"row {self.number}"
        name = self.dice.choice(["Dunning", "Nurture"])
        if self.dice.random() < 0.75:
            row["automations"] = [name]
            self.allowed.setdefault((email, name), 1)
        else:
            row["leave_automations"] = [name]
            self.allowed[email, name] = self.allowed.get((email, name), 1) + 1
        return row

    def step(self) -> None:
        """Send some rows, perhaps with faults or a kill, and perhaps change the account."""
        dice, world = self.dice, self.world
        chosen = dice.sample(self.people, dice.randint(1, len(self.people)))
        lines = [*stream_of("crm_contacts", *map(self.row, chosen), keys=["email"]), state_of(1)]
        drawn, kill = dice.random(), contextlib.ExitStack()
        if drawn < 0.5:
            kinds = tuple(dice.sample(LOSSES, dice.randint(1, len(LOSSES))))
            world.faults.mix(dice.choice([0.05, 0.2, 0.4]), seed=dice.randrange(1000), kinds=kinds)
        elif drawn < 0.75:
            kill.enter_context(killed_at(world, dice.randint(1, 40), after=dice.random() < 0.5))
        with kill:
            self.runner.run(*lines, force=dice.random() < 0.3, **self.settings)
        world.faults.clear()
        world.settle(at_once=True)
        self.clock.sleep(dice.choice([0, 1, 100]))
        self.check()

    def check(self) -> None:
        """Check that no pair has more enrolments than its leaves plus one."""
        for pair, count in entries(self.world).items():
            assert count <= self.allowed[pair], (pair, count)

    def end(self) -> None:
        """Without faults every requested pair is enrolled, and a replay changes nothing."""
        lines = stream_of(
            "crm_contacts",
            *[{"email": e, "automations": ["Dunning", "Nurture"]} for e in self.people],
            keys=["email"],
        )
        for email in self.people:
            for name in ("Dunning", "Nurture"):
                self.allowed.setdefault((email, name), 1)
        run = self.runner.run(*lines, force=True, **self.settings)
        assert run.code == 0
        self.check()
        before = entries(self.world)
        assert before.keys() == self.allowed.keys()
        assert self.runner.run(*lines, force=True, **self.settings).writes == []
        assert entries(self.world) == before


@pytest.mark.parametrize("seed", length.seeds(len(COMBINATIONS), 400))
def test_no_history_enrols_a_contact_once_too_often(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    """No history of rows, faults, kills and force enrols a contact once too often."""
    history = History(seed, tmp_path_factory.mktemp("runner"))
    for _ in range(5):
        history.step()
    history.end()
