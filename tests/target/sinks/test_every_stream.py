"""Settings that hold for every stream hold for e-commerce, custom objects, tasks and events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from target_activecampaign.holdout import position_of
from tests.target.undo.account import truth_of
from tests.target.undo.commerce_and_custom_objects.runs import runner_of
from tests.target.undo.stores import VISITS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.target.runner import Run, TargetRunner

    Make = Callable[[int, str], dict[str, Any]]

COUNT, PERCENT = 8, 50
NEW = {"store_id": "1", "currency": "EUR"}
#: A row of each stream for a person, and whether it creates the contact of an unknown address.
ROWS: dict[str, tuple[Make, bool]] = {
    "crm_tasks": (
        lambda number, email: {
            "external_id": f"k-{number}",
            "subject": f"Call {number}",
            "type": "Call",
            "due_at": "2033-06-01T10:00:00Z",
            "contact": {"email": email},
        },
        False,
    ),
    "commerce_products": (
        lambda number, _: {"store_id": "1", "store_product_id": f"k-{number}", "name": "Mug"},
        False,
    ),
    "commerce_orders": (
        lambda number, email: (
            NEW
            | {
                "store_order_id": f"k-{number}",
                "total_amount": 5,
                "store_created_at": "2031-01-01T10:00:00Z",
                "contact": {"email": email},
            }
        ),
        True,
    ),
    "commerce_subscriptions": (
        lambda number, email: (
            NEW | {"store_subscription_id": f"k-{number}", "amount": 5, "contact": {"email": email}}
        ),
        True,
    ),
    VISITS: (
        lambda number, email: {
            "external_id": f"k-{number}",
            "title": "Boat",
            "guest": {"email": email},
        },
        False,
    ),
    "marketing_events": (
        lambda number, email: {
            "external_id": f"k-{number}",
            "name": "signup",
            "contact": {"email": email},
        },
        False,
    ),
}
WITHOUT_PEOPLE = {"commerce_products"}


@pytest.fixture
def runner(tmp_path: Path) -> TargetRunner:
    """A runner of a small account with a shop, tasks and a custom object."""
    return runner_of(tmp_path)


def rows_of(runner: TargetRunner, stream: str) -> tuple[list[str], list[dict[str, Any]]]:
    """Return the people of the account, and a row for each of them."""
    people = [row.email for row in runner.world.tables["contacts"]][:COUNT]
    make, _ = ROWS[stream]
    return people, [make(number, email) for number, email in enumerate(people)]


def send(runner: TargetRunner, stream: str, rows: list[dict[str, Any]], **settings: Any) -> Run:
    """Send rows with the settings of event tracking."""
    world = runner.world
    own = {"event_account_id": world.event_account_id, "event_key": world.event_key}
    run = runner.send(stream, *rows, **own | settings)
    world.settle(at_once=True)
    return run


def writes(runner: TargetRunner, since: int) -> int:
    """Return how many requests of the log write."""
    entries = [entry for entry in runner.world.log[since:] if entry.method != "GET"]
    reads = [
        request
        for request in entries
        if request.path.endswith("graphql") and b"mutation" not in request.body
    ]
    return len(entries) - len(reads)


def truth(runner: TargetRunner) -> dict[str, Any]:
    """Return what users see of the account, events too."""
    logs = runner.world.tables["trackingLogs"]
    return truth_of(runner.world) | {"events": [(row.type, row.value) for row in logs]}


@pytest.mark.parametrize("stream", ROWS)
def test_rows_that_are_delivered_again_send_nothing(runner: TargetRunner, stream: str) -> None:
    """Each row is created once and has one result; the ledger knows it as confirmed."""
    _, rows = rows_of(runner, stream)
    first = send(runner, stream, rows)
    assert (first.code, len(first.states), len(first.results)) == (0, 1, COUNT)
    assert set(first.actions) <= {"created", "updated"}
    after, count = truth(runner), len(runner.world.log)
    again = send(runner, stream, rows)
    assert again.actions == ["unchanged"] * COUNT
    assert writes(runner, count) == 0
    assert truth(runner) == after


@pytest.mark.parametrize("stream", ROWS)
def test_a_dry_run_counts_the_requests_and_changes_nothing(
    runner: TargetRunner, stream: str
) -> None:
    """A dry run plans every row, counts the requests that write, and leaves the account as it is.

    A run after it writes what it planned.
    """
    _, rows = rows_of(runner, stream)
    before = truth(runner)
    plan = send(runner, stream, rows, dry_run=True)
    assert plan.actions == ["planned"] * COUNT
    assert truth(runner) == before
    count = len(runner.world.log)
    send(runner, stream, rows)
    assert sum(plan.report["plan"]["by_endpoint"].values()) == writes(runner, count)


@pytest.mark.parametrize("stream", ROWS)
def test_rows_beyond_max_changes_wait_for_the_next_run(runner: TargetRunner, stream: str) -> None:
    """A run writes max_changes rows, skips the others without a state, and ends with 1."""
    _, rows = rows_of(runner, stream)
    run = send(runner, stream, rows, max_changes=COUNT - 3)
    assert (run.code, run.states) == (1, [])
    assert run.actions.count("skipped") == 3
    rest = send(runner, stream, rows, max_changes=COUNT - 3)
    assert (rest.code, len(rest.states)) == (0, 1)
    assert rest.actions.count("unchanged") == COUNT - 3


@pytest.mark.parametrize("stream", ROWS)
def test_rows_of_held_out_people_are_not_written(runner: TargetRunner, stream: str) -> None:
    """The rows of the control group are skipped, and written once the group ends."""
    people, rows = rows_of(runner, stream)
    held = [position_of(person, "") < PERCENT and stream not in WITHOUT_PEOPLE for person in people]
    run = send(runner, stream, rows, holdout_percent=PERCENT)
    assert run.code == 0
    assert [action == "skipped" for action in run.actions] == held
    assert len({result["reason"] for result in run.results if result["action"] == "skipped"}) <= 1
    after = send(runner, stream, rows)
    assert [action != "unchanged" for action in after.actions] == held


@pytest.mark.parametrize("stream", ROWS)
def test_no_contact_is_created_beyond_the_limit(runner: TargetRunner, stream: str) -> None:
    """In a full account, rows of known people are written; rows of new people create no contact."""
    make, creates = ROWS[stream]
    _, rows = rows_of(runner, stream)
    contacts = runner.world.tables["contacts"]
    runner.world.contact_limit = count = len(contacts)
    assert set(send(runner, stream, rows).actions) <= {"created", "updated"}
    if stream in WITHOUT_PEOPLE:
        return
    stranger = send(runner, stream, [make(99, "stranger@shop.example")])
    assert stranger.actions == ["skipped" if creates else "rejected"]
    assert stranger.code == int(creates)
    assert len(runner.world.tables["contacts"]) == count


@pytest.mark.parametrize("stream", ROWS)
def test_no_automation_is_started_where_the_settings_forbid_it(
    runner: TargetRunner, stream: str
) -> None:
    """With run_automations false, a row starts nothing: it is skipped, or written as historical."""
    _, rows = rows_of(runner, stream)
    runner.world.automation_log.clear()
    send(runner, stream, rows, run_automations=False)
    assert [entry for entry in runner.world.automation_log if entry["starts"]] == []
