"""Concurrent writes: for any order of answers, account and results are as in sequence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import length
from tests.tap.client.clients import ManualClock
from tests.target.kills import killed_at
from tests.target.processing.test_faults import SETTINGS, account, check, messages
from tests.target.runner import Run, TargetRunner, state_of, stream_of

if TYPE_CHECKING:
    from tests.sandbox import World

LOSSES = ("reset", "reset_after_apply", "truncated_json", "empty_body", "server_error", "throttle")
SEEDS = st.integers(0, 10_000)
searching = settings(
    max_examples=length.of(40, 800),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
def folders(tmp_path_factory: pytest.TempPathFactory) -> pytest.TempPathFactory:
    """Folders, one per example."""
    return tmp_path_factory


def outcomes(run: Run) -> list[tuple[Any, ...]]:
    """Return the result of each row, without ids that the account assigned."""
    return sorted(
        ((r["row"], r["stream"], r["action"], r["reason"] or "") for r in run.results),
        key=lambda result: (result[0] or 0, result),
    )


@searching
@given(seed=SEEDS, rows=st.sampled_from([3, 13]), keyed=st.booleans())
def test_any_interleaving_ends_as_the_order_does(
    folders: pytest.TempPathFactory, seed: int, rows: int, *, keyed: bool
) -> None:
    """Concurrent contacts, deals and notes give the results and requests of a sequential run."""
    found = []
    for run_seed in (None, seed):
        clock = ManualClock()
        runner = TargetRunner(account(clock), clock, folders.mktemp("runner"), run_seed)
        run = runner.run(*messages(rows, keyed=keyed, pieces=2), **SETTINGS)
        assert run.code == 0, run.last_word
        check(runner.world, 2 * rows)
        found.append((outcomes(run), run.states, len(run.requests)))
        again = runner.run(*messages(rows, keyed=keyed, pieces=2), **SETTINGS)
        assert again.writes == []
        assert set(again.actions) == {"unchanged"}
    assert found[0] == found[1]


@searching
@given(
    seed=SEEDS,
    rate=st.sampled_from([0.05, 0.15, 0.3]),
    kinds=st.sets(st.sampled_from(LOSSES), min_size=1),
    rows=st.sampled_from([2, 13]),
    keyed=st.booleans(),
)
def test_faults_beside_one_another_lose_and_double_nothing(
    folders: pytest.TempPathFactory,
    seed: int,
    rate: float,
    kinds: set[str],
    rows: int,
    *,
    keyed: bool,
) -> None:
    """After two faulty concurrent runs and a clean run the account equals the rows."""
    clock = ManualClock()
    world = account(clock)
    runner = TargetRunner(world, clock, folders.mktemp("runner"), seed)
    lines = messages(rows, keyed=keyed, pieces=2)
    for turn in range(2):
        world.faults.mix(rate, seed=seed + turn, kinds=tuple(sorted(kinds)))
        run = runner.run(*lines, **SETTINGS)
        assert len(run.results) in {0, 6 * rows} or run.code == 1
    world.faults.clear()
    world.settle(at_once=True)
    assert runner.run(*lines, **SETTINGS).code == 0
    check(world, 2 * rows)
    assert runner.run(*lines, **SETTINGS).writes == []


@pytest.mark.usefixtures("every_combination")
@settings(searching, max_examples=length.of(8, 80))
@given(
    seed=SEEDS,
    kill_at=st.integers(1, 90),
    after=st.booleans(),
    rows=st.sampled_from([2, 12]),
    keyed=st.booleans(),
)
def test_killed_with_several_writes_under_way_the_next_run_ends_the_same(
    folders: pytest.TempPathFactory,
    seed: int,
    kill_at: int,
    rows: int,
    *,
    after: bool,
    keyed: bool,
) -> None:
    """After a kill with several writes under way, the next run doubles nothing."""
    clock = ManualClock()
    world = account(clock)
    runner = TargetRunner(world, clock, folders.mktemp("runner"), seed)
    lines = messages(rows, keyed=keyed, pieces=2)
    with killed_at(world, kill_at, after=after):
        runner.run(*lines, **SETTINGS)
    world.settle(at_once=True)
    clock.sleep(3)
    assert runner.run(*lines, **SETTINGS).code == 0
    check(world, 2 * rows)
    assert runner.run(*lines, **SETTINGS).writes == []


# --- rows that may name one record ----------------------------------------------------------------

PEOPLE, DEALS, FIRMS = 4, 4, 3
TEXTS = st.sampled_from(["a", "b", "c"])


def shop(clock: ManualClock) -> World:
    """Return an account with a few people, deals and companies."""
    world = account(clock)
    key = next(f for f in world.tables["dealCustomFieldMeta"] if f.fieldLabel == "Our key")
    group = next(g for g in world.tables["dealGroups"] if g.title == "Orders")
    stage = next(s for s in world.tables["dealStages"].by("group", group.id) if s.title == "Open")
    for n in range(PEOPLE):
        world.add_contact(f"p{n}@shop.example")
    for n in range(FIRMS):
        world.add_account(f"Firm {n}")
    for n in range(DEALS):
        deal = world.add_deal(f"Deal {n}", contact=n + 1, group=group.id, stage=stage.id)
        world.set_datum("deal", deal.id, key.id, f"K{n}")
    return world


def people_rows() -> Any:
    keys = st.integers(0, PEOPLE).flatmap(
        lambda n: st.sampled_from(
            [{"email": f"p{n}@shop.example"}, {"email": f"P{n}@shop.example"}, {"id": str(n + 1)}]
            if n < PEOPLE
            else [{"email": "new@shop.example"}]
        )
    )
    columns = st.fixed_dictionaries(
        {},
        optional={
            "first_name": TEXTS,
            "tags": st.lists(TEXTS, min_size=1, max_size=2),
            "remove_tags": st.lists(TEXTS, min_size=1, max_size=1),
            "segments": st.sampled_from(
                [["Readers"], [{"name": "Readers", "status": "unsubscribed"}]]
            ),
            "account__name": st.sampled_from(["Firm 0", "Firm 9"]),
        },
    )
    return st.tuples(st.just("crm_contacts"), st.builds(lambda a, b: {**a, **b}, keys, columns))


def deal_rows() -> Any:
    keys = st.integers(0, DEALS).flatmap(
        lambda n: st.sampled_from(
            [{"id": str(n + 1)}, {"external_id": f"K{n}"}, {"external_id": f"k{n} "}]
            if n < DEALS
            else [{"external_id": "K9", "name": "New", "contact__email": "p0@shop.example"}]
        )
    )
    columns = st.fixed_dictionaries(
        {"amount": st.integers(1, 3), "stage__name": st.sampled_from(["Open", "Packed", "Sent"])},
        optional={"pipeline__name": st.just("Orders"), "name": TEXTS},
    )
    return st.tuples(
        st.just("crm_opportunities"), st.builds(lambda a, b: {**b, **a}, keys, columns)
    )


def firm_rows() -> Any:
    keys = st.one_of(
        st.builds(lambda n: {"id": str(n + 1)}, st.integers(0, FIRMS - 1)),
        st.builds(lambda n: {"name": f"Firm {n}"}, st.integers(0, FIRMS)),
        st.builds(lambda n: {"name": f"FIRM {n}"}, st.integers(0, FIRMS)),
    )
    columns = st.builds(lambda text: {"website": f"https://{text}.example"}, TEXTS)
    return st.tuples(st.just("crm_accounts"), st.builds(lambda a, b: {**a, **b}, keys, columns))


def note_rows() -> Any:
    on = st.sampled_from(
        [
            {"contact": {"email": "p0@shop.example"}},
            {"contact": {"id": "1"}},
            {"opportunity": {"id": "1"}},
            {"account": {"name": "Firm 0"}},
        ]
    )
    return st.tuples(st.just("crm_notes"), st.builds(lambda a, t: {**a, "content": t}, on, TEXTS))


def pair_rows() -> Any:
    keys = st.sampled_from([{"contact_id": "1"}, {"email": "p0@shop.example"}, {"contact_id": "2"}])
    columns = st.builds(
        lambda tag, is_removed: {"tag_name": tag, **({"status": "removed"} if is_removed else {})},
        TEXTS,
        st.booleans(),
    )
    return st.tuples(
        st.just("marketing_contact_tags"), st.builds(lambda a, b: {**a, **b}, keys, columns)
    )


OPTIONS: list[dict[str, Any]] = [
    {},
    {"dry_run": True},
    {"max_changes": 3},
    {"on_reject": "fail"},
    {"source_ids": "foreign"},
    {"only_if_empty": ["first_name", "website", "amount"]},
    {"match_opportunities_on": ["external_id", "id", "name+contact"]},
    {"tags_mode": "mirror", "tag_namespace": "a"},
]


def picture(world: World) -> dict[str, Any]:
    """Return the content of an account, without assigned ids and times."""
    t = world.tables
    email = {c.id: c.email.casefold() for c in t["contacts"]}
    title = {d.id: (d.title, d.value) for d in t["deals"]}
    firm = {a.id: a.name.casefold() for a in t["accounts"]}
    hung = {"Subscriber": email, "Deal": title, "CustomerAccount": firm}
    return {
        "people": sorted((c.email.casefold(), c.firstName) for c in t["contacts"]),
        "tags": sorted(
            (email[r.contact], t["tags"][r.tag].tag.casefold()) for r in t["contactTags"]
        ),
        "lists": sorted((email[r.contact], r.list, r.status) for r in t["contactLists"]),
        "links": sorted((email[r.contact], firm[r.account]) for r in t["accountContacts"]),
        "firms": sorted((a.name.casefold(), a.accountUrl or "") for a in t["accounts"]),
        "deals": sorted((d.title, d.value, d.stage, d.status) for d in t["deals"]),
        "notes": sorted((n.note, n.reltype, str(hung[n.reltype][n.relid])) for n in t["notes"]),
    }


@settings(
    max_examples=length.of(200, 4000),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    seed=SEEDS,
    rows=st.lists(
        st.one_of(people_rows(), deal_rows(), firm_rows(), note_rows(), pair_rows()),
        min_size=2,
        max_size=14,
    ),
    bulk=st.sampled_from(["auto", "never", "always"]),
    most=st.sampled_from([2, 3, 8, 12]),
    options=st.sampled_from(OPTIONS),
)
def test_rows_that_may_name_one_record_keep_their_order(
    folders: pytest.TempPathFactory,
    seed: int,
    rows: list[Any],
    bulk: str,
    most: int,
    options: dict[str, Any],
) -> None:
    """Rows that may name one record, by id, key or name in any case, are written in order."""
    lines = [line for stream, row in rows for line in stream_of(stream, row)]
    found = []
    for run_seed in (None, seed):
        clock = ManualClock()
        runner = TargetRunner(shop(clock), clock, folders.mktemp("runner"), run_seed)
        runner.most = most
        run = runner.run(*lines, state_of(1), bulk_import=bulk, **SETTINGS, **options)
        found.append((outcomes(run), run.code, run.states, picture(runner.world)))
    assert found[0] == found[1]


@searching
@given(
    seed=SEEDS,
    contact_ids=st.lists(st.integers(1, PEOPLE + 2), min_size=2, max_size=8),
    limits=st.fixed_dictionaries(
        {"max_deletes": st.integers(0, 9)}, optional={"max_changes": st.integers(0, 5)}
    ),
)
def test_deletes_stop_where_they_would_in_order(
    folders: pytest.TempPathFactory, seed: int, contact_ids: list[int], limits: dict[str, int]
) -> None:
    """`max_deletes` holds in the order of the rows; contacts deleted before do not count."""
    deletes = [
        {"id": str(row_id), "_sdc_deleted_at": "2031-01-01T00:00:00Z"} for row_id in contact_ids
    ]
    found = []
    for run_seed in (None, seed):
        clock = ManualClock()
        runner = TargetRunner(shop(clock), clock, folders.mktemp("runner"), run_seed)
        run = runner.send("crm_contacts", *deletes, delete_mode="delete", **limits)
        left = sorted(c.email for c in runner.world.tables["contacts"])
        found.append((outcomes(run), run.code, run.states, left))
    assert found[0] == found[1]
