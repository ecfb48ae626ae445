"""An undo deletes records that the run created only with --undo-creates."""

from __future__ import annotations

import pytest

from target_activecampaign.undo.decisions.record_decisions import NO_DELETE
from tests.sandbox.custom_objects import acts
from tests.target.undo.account import UndoRunner, differences
from tests.target.undo.commerce_and_custom_objects.runs import (
    CREATED,
    CREATES,
    KEPT,
    change_elsewhere,
    truth_after,
)
from tests.target.undo.stores import VISITS, new_rows


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
