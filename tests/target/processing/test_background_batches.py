"""Concurrent batches of contacts: no row is lost, and no state is emitted early."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import length
from tests.tap.client.clients import ManualClock, world_of
from tests.target.concurrency.test_identity_order import outcomes
from tests.target.kills import killed_at
from tests.target.runner import Run, TargetRunner, schema_of, state_of

if TYPE_CHECKING:
    from tests.sandbox import World

BATCH = 12
SEEDS = st.integers(0, 10_000)
SLOW = st.sampled_from([4, 45, 200])
searching = settings(
    max_examples=length.of(40, 800),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@st.composite
def inputs(draw: st.DrawFn) -> list[tuple[str, int]]:
    """Draw rows of new and earlier people, and states between them.

    Returns ``("row", person)`` and ``("state", rows so far)``.
    """
    found: list[tuple[str, int]] = []
    count = 0
    for _ in range(draw(st.integers(2, 6))):
        for _ in range(draw(st.sampled_from([3, BATCH, BATCH + 5]))):
            count += 1
            again = draw(st.integers(0, 25)) == 0
            found.append(("row", draw(st.integers(1, count)) if again else count))
        if draw(st.booleans()):
            found.append(("state", count))
    return [*found, ("state", count)]


def messages(drawn: list[tuple[str, int]]) -> list[Any]:
    """Return them as messages: each row sets a name that differs from the person's other rows."""
    found: list[Any] = [schema_of("crm_contacts", ["email"])]
    number = 0
    for kind, value in drawn:
        if kind == "state":
            found.append(state_of(value))
            continue
        number += 1
        record = {"email": f"p{value}@shop.example", "first_name": f"row {number}", "tags": ["t"]}
        found.append({"type": "RECORD", "stream": "crm_contacts", "record": record})
    return found


def last_words(drawn: list[tuple[str, int]]) -> dict[str, str]:
    """Return the name that each person has at the end."""
    people = [value for kind, value in drawn if kind == "row"]
    return {f"p{value}@shop.example": f"row {n}" for n, value in enumerate(people, 1)}


def names(world: World) -> dict[str, str]:
    """Return the names that people have."""
    assert len(world.tables["contacts"]) == len({c.email for c in world.tables["contacts"]})
    return {c.email: c.firstName for c in world.tables["contacts"]}


def runner_of(folder: Any, seed: int | None, **switches: Any) -> TargetRunner:
    """Return a runner with an empty account and batches of a dozen rows."""
    clock = ManualClock()
    runner = TargetRunner(
        world_of(clock, is_empty=True, **switches), clock, folder.mktemp("runner"), seed
    )
    runner.batch_rows = BATCH
    return runner


def check_states(run: Run) -> None:
    """Check that every row before a state was done when the state was emitted."""
    for state, done in zip(run.states, run.done, strict=True):
        rows = range(1, state["bookmarks"]["at"] + 1)
        assert {done.get(n) for n in rows} <= {"created", "updated", "unchanged"}
    ats = [state["bookmarks"]["at"] for state in run.states]
    assert ats == sorted(ats)


@searching
@given(seed=SEEDS, drawn=inputs(), seconds=SLOW, most=st.sampled_from([2, 3, 5, 12]))
def test_batches_under_way_end_as_one_after_the_other(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    drawn: list[tuple[str, int]],
    seconds: float,
    most: int,
) -> None:
    """Concurrent batches give the results and account of sequential batches, for any import time.

    States cover only rows that are done.
    """
    found = []
    for run_seed in (None, seed):
        runner = runner_of(tmp_path_factory, run_seed, import_seconds=seconds)
        runner.most = most
        run = runner.run(*messages(drawn))
        assert run.code == 0, run.last_word
        check_states(run)
        assert run.states[-1] == {"bookmarks": {"at": drawn[-1][1]}}
        assert names(runner.world) == last_words(drawn)
        found.append(outcomes(run))
    assert found[0] == found[1]


@pytest.mark.usefixtures("every_combination")
@settings(searching, max_examples=length.of(8, 80))
@given(seed=SEEDS, drawn=inputs(), seconds=SLOW, kill_at=st.integers(1, 40), after=st.booleans())
def test_killed_with_batches_under_way_the_next_run_ends_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    drawn: list[tuple[str, int]],
    seconds: float,
    kill_at: int,
    *,
    after: bool,
) -> None:
    """After a kill, a run from the last state leaves each person once, with the last name."""
    runner = runner_of(tmp_path_factory, seed, import_seconds=seconds)
    with killed_at(runner.world, kill_at, after=after):
        runner.run(*messages(drawn))
    runner.world.settle(at_once=True)
    run = runner.run(*messages(drawn))
    assert run.code == 0
    check_states(run)
    assert names(runner.world) == last_words(drawn)


@pytest.mark.usefixtures("every_combination")
@settings(searching, max_examples=length.of(8, 80))
@given(seed=SEEDS, drawn=inputs(), seconds=SLOW, stop_at=st.integers(1, 40), lapses=st.booleans())
def test_stopped_with_batches_under_way_every_row_has_its_result(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    drawn: list[tuple[str, int]],
    seconds: float,
    stop_at: int,
    *,
    lapses: bool,
) -> None:
    """After a signal or a 402 at any request, each row has one result and no state is early.

    The next run from the last state, or of the whole audience, completes the rest.
    """
    runner = runner_of(tmp_path_factory, seed, import_seconds=seconds)
    made: list[Any] = []
    real = runner.target

    def remember(**options: Any) -> Any:
        made.append(real(**options))
        return made[-1]

    runner.target = remember  # type: ignore[method-assign]
    seen = [0]

    def hook(world: World, *_: Any) -> None:
        seen[0] += 1
        if seen[0] == stop_at:
            if lapses:
                world.faults.is_lapsed = True
            else:
                made[0]._handle_termination(15, None)

    runner.world.before_request(hook)
    run = runner.run(*messages(drawn))
    check_states(run)
    rows = Counter(result["row"] for result in run.results)
    assert set(rows.values()) <= {1}
    assert set(rows) == set(range(1, len(rows) + 1))  # the rows that were read, without a gap
    if run.code == 0:
        assert seen[0] < stop_at
        return
    assert run.code == (1 if lapses else 143)
    runner.world.hooks.clear()
    runner.world.faults.is_lapsed = False
    runner.clock.is_woken = False
    covered = max((state["bookmarks"]["at"] for state in run.states), default=0)
    runner.world.settle(at_once=True)
    # The input of an audience is whole each time.
    is_whole = "audiences" in runner.besides(runner.folder)
    rest = runner.run(*_behind(messages(drawn), 0 if is_whole else covered))
    assert rest.code == 0
    assert names(runner.world) == last_words(drawn)


def _behind(lines: list[Any], covered: int) -> list[Any]:
    """Return the messages that a source sends after so many rows."""
    found, number = [], 0
    for line in lines:
        number += line["type"] == "RECORD"
        if line["type"] == "SCHEMA" or number > covered:
            found.append(line)
    return found


@pytest.mark.long
@searching
@given(seed=SEEDS, drawn=inputs())
def test_contacts_of_imports_that_never_end_are_written_one_by_one(
    tmp_path_factory: pytest.TempPathFactory, seed: int, drawn: list[tuple[str, int]]
) -> None:
    """An import that lasts over an hour counts as lost; its contacts are written one by one."""
    runner = runner_of(tmp_path_factory, seed, import_seconds=1e9)
    run = runner.run(*messages(drawn))
    assert run.code == 0
    check_states(run)
    assert names(runner.world) == last_words(drawn)


# --- which batches run concurrently ---------------------------------------------------------------


def under_way(runner: TargetRunner, *lines: Any, **options: Any) -> list[int]:
    """Return how many imports had not ended when each import was queued."""
    found: list[int] = []

    def hook(world: World, method: str, path: str, _: Any) -> None:
        if method == "POST" and path.endswith("bulk_import"):
            found.append(sum(not batch.is_processed for batch in world.imports))

    runner.world.before_request(hook)
    assert runner.run(*lines, **options).code == 0
    return found


def rows(*people: int) -> list[Any]:
    """Return rows of people."""
    return messages([*(("row", person) for person in people), ("state", len(people))])


@pytest.mark.parametrize("seed", range(5))
def test_the_next_batch_is_queued_while_earlier_ones_wait(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    """At most three imports are under way beside the current batch."""
    runner = runner_of(tmp_path_factory, seed, import_seconds=120)
    assert max(under_way(runner, *rows(*range(8 * BATCH)))) in {1, 2}
    runner = runner_of(tmp_path_factory, None, import_seconds=120)
    assert max(under_way(runner, *rows(*range(8 * BATCH)))) == 0


@pytest.mark.parametrize(
    "options",
    [{"max_changes": 1000}, {"on_reject": "fail"}, {"max_reject_ratio": 0.5}],
    ids=lambda options: next(iter(options)),
)
def test_settings_that_ask_what_became_of_a_batch_wait_for_it(
    tmp_path_factory: pytest.TempPathFactory, options: dict[str, Any]
) -> None:
    """A setting that may end the run early waits for each batch before the next batch."""
    runner = runner_of(tmp_path_factory, 1, import_seconds=120)
    assert set(under_way(runner, *rows(*range(5 * BATCH)), **options)) == {0}


def test_a_person_of_a_batch_under_way_is_waited_for(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """A row waits for the import of its contact, found by address in any case or by id."""
    runner = runner_of(tmp_path_factory, 1, import_seconds=120)
    again = [*range(BATCH), 3, *range(100, 99 + BATCH)]
    assert under_way(runner, *rows(*again)) == [0, 0]
    lines = rows(*range(200, 200 + BATCH))
    lines.insert(-1, schema_of("crm_contacts", ["id"]))
    for n in range(BATCH):
        record = {"id": str(n + 1), "last_name": "By id"}
        lines.insert(-1, {"type": "RECORD", "stream": "crm_contacts", "record": record})
    assert under_way(runner, *lines, bulk_import="always")[-1] == 0


def test_other_rows_wait_for_contacts_under_way(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A note of a contact whose import is in progress finds the contact."""
    runner = runner_of(tmp_path_factory, 1, import_seconds=120)
    lines = rows(*range(BATCH))
    lines.insert(-1, schema_of("crm_notes"))
    record = {"content": "Hello", "contact__email": "p3@shop.example"}
    lines[-1:-1] = [
        {"type": "RECORD", "stream": "crm_notes", "record": {**record, "content": f"Hello {n}"}}
        for n in range(BATCH)
    ]
    run = runner.run(*lines)
    assert set(run.actions) == {"created"}
    assert len(runner.world.tables["notes"]) == BATCH
