"""An undo restores tasks, e-commerce and custom objects, and deletes only what it may delete."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from target_activecampaign.undo.decisions.record_decisions import (
    NO_DELETE,
    NOT_EMPTIED,
    STARTS_AGAIN,
    SUBSCRIBES,
)
from target_activecampaign.undo.documents.restore_documents import NO_PERSON, NOT_SUBSCRIBED
from tests.sandbox.custom_objects import acts
from tests.sandbox.shape import Shape
from tests.tap.client.clients import ManualClock, world_of
from tests.target.runner import state_of, stream_of

from .account import UNDO_FILE, KillableRunner, UndoRunner, differences, truth_of
from .stores import SHAPE, TABLES, VISITS, add_visits, changed_rows, new_rows
from .test_undo import reasons_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandbox import World
    from tests.target.runner import Run

STREAMS = ("crm_tasks", *TABLES, VISITS)
CREATED = ("crm_tasks", "commerce_orders", "commerce_products", "commerce_subscriptions", VISITS)
KEPT = {"commerce_orders", "commerce_subscriptions"}
CREATES = {"creates": True, "max_deletes": 10}
#: How the account may behave where that is not known.
READINGS: list[dict[str, Any]] = [
    {},
    {"order_upsert": "patch", "payment_upsert": "patch", "record_relationships": "kept"},
    {"order_discount_field": "discountAmount", "graphql_decimals": "text"},
    {"record_numbers": "text", "record_answer_has_id": True, "record_lag_seconds": 20},
    {"ecommerce_copy_seconds": 20, "record_delete_missing": 404, "task_needs_outcome": False},
]


def runner_of(folder: Path, shape: Shape = SHAPE, **switches: Any) -> KillableRunner:
    """Return a runner of a small account with a shop, tasks and a custom object."""
    clock = ManualClock()
    world = world_of(clock, contacts=12, deals=3, accounts=2, shape=shape, **switches)
    add_visits(world)
    folder.mkdir(exist_ok=True)
    return KillableRunner(world, clock, folder)


@pytest.fixture
def runner(tmp_path: Path) -> UndoRunner:
    """A runner of a small account with a shop, tasks and a custom object."""
    return runner_of(tmp_path)


def truth_after(world: World) -> dict[str, Any]:
    """Return what users see of an account, once all writes arrived."""
    world.settle(at_once=True)
    return truth_of(world)


def change_elsewhere(world: World, stream: str) -> None:
    """Change a column of the first record of a stream as another client does."""
    if stream == "crm_tasks":
        table = world.tables["dealTasks"]
        task = next(row for row in table if row.title == "Z")
        table.change(task, title="Foreign")
    elif stream == VISITS:
        row = acts.find_record(world, 1, "v-1")
        assert row is not None
        fields = row.document["fields"] | {"title": "Foreign"}
        schema = world.tables["customSchemas"][1]
        acts.put_record(world, schema, "v-1", fields, row.document["relationships"], lags=False)
    else:
        table, _ = TABLES[stream]
        row = next(iter(world.tables[table]))
        column = {"storeOrders": "storeStatus", "storeProducts": "variantName"}.get(table, "name")
        world.tables[table].change(row, document=row.document | {column: "Foreign"})


@pytest.mark.parametrize("readings", READINGS, ids=range(len(READINGS)))
@pytest.mark.parametrize("stream", STREAMS)
def test_an_undo_puts_back_what_rows_changed(
    tmp_path: Path, stream: str, readings: dict[str, Any]
) -> None:
    """Records are as before, under each reading of the account; a second undo writes nothing.

    An undo right after the run waits until reads show what the run wrote.
    """
    runner = runner_of(tmp_path, **readings)
    world = runner.world
    before = truth_after(world)
    run = runner.send_rows(stream, *changed_rows(world)[stream])
    assert set(run.actions) == {"updated"}, run.results
    undone = runner.undo()
    assert undone.code == 0
    left = differences(before, truth_after(world))
    if stream == "crm_tasks":
        assert {name for _, name in left.pop("dealTasks", {})} <= {"outcome"}
    assert left == {}
    assert {result["key"]["values"] for result in undone.results} == {"fields"}
    assert len(undone.results) == len({str(result["key"]) for result in undone.results}) == 2
    again = runner.undo(runner.runs()[0])
    assert again.writes == []
    assert {result["action"] for result in again.results} == {"unchanged"}
    assert differences(before, truth_after(world)).keys() <= {"dealTasks"}


@pytest.mark.parametrize("stream", STREAMS)
def test_a_plan_shows_the_same_and_writes_nothing(runner: UndoRunner, stream: str) -> None:
    """With --plan each group has the result that the undo will have, and nothing is written."""
    runner.send_rows(stream, *changed_rows(runner.world)[stream])
    run = runner.last_run
    written = truth_after(runner.world)
    plan = runner.undo(run, plan=True)
    assert truth_after(runner.world) == written
    undone = runner.undo(run)
    shown = [(result["key"], result["action"]) for result in plan.results]
    done = [
        (result["key"], result["action"].replace("updated", "planned")) for result in undone.results
    ]
    assert shown == done


@pytest.mark.parametrize("stream", STREAMS)
def test_a_change_of_another_client_stays(runner: UndoRunner, stream: str) -> None:
    """A column that another client changed since stays and is named; the others are put back."""
    rows = changed_rows(runner.world)[stream]
    if stream == "commerce_orders":
        rows = [row | {"store_status": "z"} for row in rows]
    if stream == "commerce_subscriptions":
        rows = [row | {"name": "Z"} for row in rows]
    before = truth_after(runner.world)
    runner.send_rows(stream, *rows)
    runner.clock.sleep(60)
    runner.world.settle(at_once=True)
    change_elsewhere(runner.world, stream)
    undone = runner.undo()
    left = differences(before, truth_after(runner.world))
    found = [
        value
        for table in left.values()
        for (_, name), value in table.items()
        if (name, stream) != ("outcome", "crm_tasks")
    ]
    if stream == "commerce_order_lines":
        found = [row for row in found if row[1] == "Foreign"]
        assert len(found) == 1
        return
    assert [value for _, value in found] == ["Foreign"]
    assert any("changed since: " in reason for reason in reasons_of(undone)["fields"])


@pytest.mark.parametrize("stream", STREAMS)
def test_a_later_run_keeps_its_value_and_is_named(runner: UndoRunner, stream: str) -> None:
    """The undo of an earlier run leaves what a later run has, and names that run."""
    rows = changed_rows(runner.world)[stream]
    before = truth_after(runner.world)
    runner.send_rows(stream, *rows)
    first = runner.last_run
    runner.clock.sleep(60)
    column = {"crm_tasks": "subject", "commerce_orders": "url", VISITS: "title"}
    runner.send_rows(stream, *(row | {column.get(stream, "name"): "https://y"} for row in rows))
    second = runner.last_run
    later = "" if stream == "commerce_subscriptions" else f"run {second} has it"
    assert later in " ".join(reasons_of(runner.undo(first))["fields"])
    runner.undo(second)
    runner.undo(first)
    left = differences(before, truth_after(runner.world))
    assert left.keys() <= {"dealTasks"}


@pytest.mark.parametrize("stream", STREAMS)
def test_the_next_run_sends_the_undone_rows_again(runner: UndoRunner, stream: str) -> None:
    """The ledger does not know undone rows as confirmed, and the next run reads what is undone."""
    rows = changed_rows(runner.world)[stream]
    runner.send_rows(stream, *rows)
    written = truth_after(runner.world)
    assert set(runner.send_rows(stream, *rows).actions) == {"unchanged"}
    runner.undo(runner.runs()[1])
    assert set(runner.send_rows(stream, *rows).actions) == {"updated"}
    assert differences(written, truth_after(runner.world)).keys() <= {"dealTasks"}


@pytest.mark.parametrize("stream", CREATED)
def test_created_records_are_deleted_only_if_that_is_asked_for(
    runner: UndoRunner, stream: str
) -> None:
    """A created record stays by default; with --undo-creates it goes, if it can be deleted."""
    before = truth_after(runner.world)
    rows = new_rows(runner.world)[stream]
    assert runner.send_rows(stream, *rows).actions == ["created"]
    run = runner.last_run
    created = differences(before, truth_after(runner.world))
    stays = runner.undo(run, max_deletes=10)
    assert [result["action"] for result in stays.results] == ["skipped"]
    assert differences(before, truth_after(runner.world)) == created
    undone = runner.undo(run, **CREATES)
    [result] = undone.results
    assert result["key"]["values"] == "created"
    if stream in KEPT:
        assert (result["action"], result["reason"]) == ("skipped", NO_DELETE)
        assert differences(before, truth_after(runner.world)) == created
        return
    assert (result["action"], result["reason"]) == ("updated", "deleted")
    assert differences(before, truth_after(runner.world)) == {}
    assert runner.undo(run, **CREATES).actions == ["unchanged"]
    assert runner.send_rows(stream, *rows).actions == ["created"]


@pytest.mark.parametrize("stream", [kind for kind in CREATED if kind not in KEPT])
def test_a_created_record_that_changed_since_stays(runner: UndoRunner, stream: str) -> None:
    """An undo keeps a created record with a value of another client or beyond the limit."""
    row = new_rows(runner.world)[stream][0] | {"name": "Z"}
    if stream != "commerce_products":
        row = row | {"title": "Z", "subject": "Z"}
    runner.send_rows(stream, row)
    run = runner.last_run
    limited = runner.undo(run, creates=True, max_deletes=0)
    assert limited.actions == ["skipped"]
    runner.clock.sleep(60)
    world = runner.world
    if stream == "crm_tasks":
        change_elsewhere(world, stream)
    elif stream == VISITS:
        schema = world.tables["customSchemas"][1]
        acts.put_record(world, schema, "n-1", {"title": "Foreign"}, {}, lags=False)
    else:
        product = world.tables["storeProducts"].first("key", (1, "n-1"))
        world.tables["storeProducts"].change(
            product, document=product.document | {"brand": "Foreign"}
        )
    assert runner.undo(run, **CREATES).reason() == "changed since"


def test_a_record_that_was_made_before_the_run_is_not_the_runs(runner: UndoRunner) -> None:
    """A record that reads did not show yet when the run wrote it is not deleted."""
    world = runner.world
    world.switches.record_lag_seconds = 15
    schema = world.tables["customSchemas"][1]
    acts.put_record(world, schema, "n-1", {"title": "Theirs"}, {})
    runner.clock.sleep(10)
    assert runner.send_rows(VISITS, {"external_id": "n-1", "title": "Z"}).actions == ["created"]
    undone = runner.undo(**CREATES)
    assert undone.actions == ["skipped"]
    assert acts.find_record(world, schema.id, "n-1") is not None


@pytest.mark.long
@pytest.mark.parametrize("stream", STREAMS)
def test_a_run_or_an_undo_that_was_killed_ends_like_any_other(tmp_path: Path, stream: str) -> None:
    """After a kill at any request of a run or of its undo and a second try, nothing is left."""
    for number in range(1, 30):
        is_over = True
        for program in ("run", "undo"):
            runner = runner_of(tmp_path / f"{number} {program}")
            rows = changed_rows(runner.world)[stream]
            before = truth_after(runner.world)

            def write(runner: KillableRunner = runner, rows: Any = rows) -> Run:
                return runner.send_rows(stream, *rows)

            if program == "run":
                is_killed = runner.kill_at(number, is_after=True, act=write)
                write()
            else:
                write()
                run = runner.last_run
                is_killed = runner.kill_at(
                    number, is_after=True, act=lambda runner=runner, run=run: runner.undo(run)
                )
            for run_id in runner.runs():
                assert runner.undo(run_id).code == 0
            assert differences(before, truth_after(runner.world)).keys() <= {"dealTasks"}, number
            is_over &= not is_killed
        if is_over:
            return
    raise AssertionError(number)


@pytest.mark.parametrize("stream", STREAMS)
def test_no_change_goes_out_before_its_earlier_value_is_on_disk(
    runner: UndoRunner, stream: str
) -> None:
    """At each write, the file has the earlier values of the records of the request."""
    counts = []

    def look(_world: World, method: str, path: str, _query: Any) -> None:
        is_read = path.endswith("ecom/graphql") and b"mutation" not in runner.world.log[-1].body
        if method != "GET" and not is_read:
            with contextlib.closing(sqlite3.connect(runner.folder / UNDO_FILE)) as file:
                [(count,)] = file.execute("SELECT count(DISTINCT id) FROM entries").fetchall()
                counts.append(count)

    rows = changed_rows(runner.world)[stream]
    runner.world.before_request(look)
    runner.send_rows(stream, *rows)
    assert counts
    batch = stream in TABLES
    assert counts == [2] * len(counts) if batch else [1, 2]


#: Sizes at which a request per hundred differs from a request each.
MANY = Shape(tasks=130, stores=1, orders=10, products=120, subscriptions=10)


@pytest.mark.parametrize(
    ("stream", "requests"),
    [
        ("crm_tasks", range(3, 6)),  # the total, and the pages of all tasks
        ("commerce_orders", range(1)),
        ("commerce_products", range(2, 3)),
        ("commerce_subscriptions", range(1)),
        (VISITS, range(1)),
    ],
)
def test_earlier_values_cost_a_request_per_hundred_or_none(
    tmp_path: Path, stream: str, requests: range
) -> None:
    """A run that can be undone reads no more than that, and a dry run says how much."""
    found = []
    for name in ("without", "with", "dry run"):
        runner = runner_of(tmp_path / name, MANY)
        table, column = TABLES.get(stream, ("", "external_id"))
        own = [row.key for row in runner.world.tables[table]] if table else ["v-1", "v-2"]
        rows = [{"store_id": "1", column: key, "name": "Z", "title": "Z"} for key in own]
        if stream == "crm_tasks":
            ids = runner.world.tables["dealTasks"].ids()
            rows = [{"id": str(order_id), "subject": "Z"} for order_id in ids]
        settings = runner.settings if name != "without" else {}
        run = runner.send(stream, *rows, **settings, dry_run=name == "dry run")
        assert len(run.results) == len(rows)
        found.append(run)
    more = len(found[1].requests) - len(found[0].requests)
    assert more in requests
    assert abs(found[2].report["plan"]["undo_requests"] - more) <= 1


@pytest.mark.parametrize("fault", ["reset_after_apply", "reset", "late_trouble"])
@pytest.mark.parametrize("stream", STREAMS)
def test_writes_whose_answers_were_lost_are_undone(
    runner: UndoRunner, stream: str, fault: str
) -> None:
    """An answer that is lost in the run or in its undo leaves no value of the run."""
    path = {"crm_tasks": "/dealTasks", VISITS: "/customObjects/records"}
    method = "PUT" if stream == "crm_tasks" else "POST"
    before = truth_after(runner.world)
    rows = changed_rows(runner.world)[stream]
    for act in (lambda: runner.send_rows(stream, *rows), lambda: runner.undo(runner.runs()[0])):
        getattr(runner.world.faults, fault)(path.get(stream, "/ecom/graphql"), method=method)
        assert act().code == 0
    assert differences(before, truth_after(runner.world)).keys() <= {"dealTasks"}


def test_a_row_that_was_refused_with_its_batch_is_not_in_the_undo(runner: UndoRunner) -> None:
    """ActiveCampaign refuses a whole batch for one row: the undo has the rows that were written."""
    before = truth_after(runner.world)
    for stream in ("commerce_orders", "commerce_subscriptions"):
        good = changed_rows(runner.world)[stream]
        bad = {**new_rows(runner.world)[stream][0], "currency": "NOPE"}
        run = runner.send_rows(stream, *good, bad)
        assert run.actions == ["updated", "updated", "rejected"]
        assert runner.undo().actions == ["updated", "updated"]
    assert differences(before, truth_after(runner.world)) == {}


def test_lines_and_their_order_have_one_result(runner: UndoRunner) -> None:
    """An order that a row and rows of its lines wrote is put back once, with all its lines."""
    rows, before = changed_rows(runner.world), truth_after(runner.world)
    run = runner.run(
        *stream_of("commerce_orders", *rows["commerce_orders"]),
        *stream_of("commerce_order_lines", *rows["commerce_order_lines"]),
        state_of(1),
        **runner.settings,
    )
    assert set(run.actions) == {"updated"}
    undone = runner.undo()
    assert undone.actions == ["updated", "updated"]
    assert differences(before, truth_after(runner.world)) == {}


# --- tasks ---------------------------------------------------------------------------------------


def test_a_task_that_the_run_reopened_is_completed_again(runner: UndoRunner) -> None:
    """It has its outcome again, and stays open if its completion starts an automation."""
    table = runner.world.tables["dealTasks"]
    done = [row for row in table if row.status == 1][:2]
    for task in done:
        table.change(task, type=4, outcome=1)
    rows = [{"id": str(task.id), "status": "open"} for task in done]
    runner.send_rows("crm_tasks", *rows)
    assert [task.status for task in done] == [0, 0]
    table.change(done[1], doneAutomation=1)
    undone = runner.undo()
    assert [(task.status, task.outcome) for task in done] == [(1, 1), (0, 1)]
    assert reasons_of(undone)["fields"] == {"updated: put back", f"skipped: status: {STARTS_AGAIN}"}


def test_an_outcome_that_a_task_did_not_have_is_named(runner: UndoRunner) -> None:
    """ActiveCampaign cannot empty the outcome of a task; the task is open again."""
    table = runner.world.tables["dealTasks"]
    task = next(row for row in table if row.status == 0)
    table.change(task, type=4)
    row = {"id": str(task.id), "status": "completed", "outcome": "Reached", "outcome_note": "x"}
    runner.send_rows("crm_tasks", row)
    assert (task.status, task.outcome) == (1, 1)
    undone = runner.undo()
    assert (task.status, task.outcomeInfo) == (0, "")
    assert reasons_of(undone)["fields"] == {f"updated: put back; outcome: {NOT_EMPTIED}"}


# --- the contacts of orders ----------------------------------------------------------------------


def test_an_undo_creates_no_contact(runner: UndoRunner) -> None:
    """An order or a subscription whose contact was deleted since stays as the run wrote it."""
    world = runner.world
    rows = changed_rows(world)
    for stream in ("commerce_orders", "commerce_subscriptions"):
        runner.send_rows(stream, *rows[stream])
        world.settle(at_once=True)
        table = world.tables[TABLES[stream][0]]
        first, other = list(table)[:2]
        table.change(first, document=first.document | {"email": "gone@shop.example"})
        undone = runner.undo()
        assert world.find_contact("gone@shop.example") is None
        assert sorted(result["action"] for result in undone.results) == ["skipped", "updated"]
        assert f"skipped: {NO_PERSON}" in reasons_of(undone)["fields"]
        assert other.document


def test_an_undo_of_an_order_subscribes_no_contact(runner: UndoRunner) -> None:
    """Marketing consent of an order is never put back, nor sent for a person who left the list."""
    world = runner.world
    shop = next(iter(world.tables["connections"]))
    list_id = world.add_list("Shop").id
    world.tables["connections"].change(shop, listId=list_id)
    rows = changed_rows(world)["commerce_orders"]
    orders = list(world.tables["storeOrders"])[:2]
    for order in orders:
        document = order.document | {"acceptsMarketing": True}
        world.tables["storeOrders"].change(order, document=document)
    runner.send_rows("commerce_orders", rows[0], rows[1] | {"accepts_marketing": False})
    for order in orders:
        person = world.find_contact(order.document["email"])
        assert person is not None
        world.subscribe(person.id, list_id, 2, by_self=True)
    undone = runner.undo(resubscribe=True)
    assert {row.status for row in world.tables["contactLists"] if row.list == list_id} == {2}
    assert reasons_of(undone)["fields"] == {
        f"updated: put back; {NOT_SUBSCRIBED}",
        f"updated: put back; accepts_marketing: {SUBSCRIBES}",
    }


def test_an_order_goes_back_without_starting_anything(runner: UndoRunner) -> None:
    """An order that was real-time before goes out as historical."""
    world = runner.world
    order = next(iter(world.tables["storeOrders"]))
    document = order.document | {"creationSource": "REAL_TIME"}
    world.tables["storeOrders"].change(order, document=document)
    runner.send_rows("commerce_orders", *changed_rows(world)["commerce_orders"])
    world.automation_log.clear()
    assert runner.undo().code == 0
    world.settle(at_once=True)
    assert order.document["creationSource"] == "HISTORICAL"
    assert not any(entry["starts"] for entry in world.automation_log)
