"""SIGTERM and SIGINT while a run is undone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import length
from tests.cases import briefly
from tests.tap.client.clients import ManualClock, world_of
from tests.target.combinations import combinations, settings_of
from tests.target.runner import state_of, stream_of
from tests.target.stops import SIGNALS, stopped_at

from .account import UndoRunner, differences, truth_of

if TYPE_CHECKING:
    import signal
    from pathlib import Path

#: Every request in a full search, else some of them.
STEP = 1 if length.SEARCH else 7
#: Every combination of the settings beside `undo_path`: one after the other, at each stop.
OTHERS = combinations("undo_path")
UNDO = {"creates": True, "unsubscribes": True, "max_deletes": 10}


def written(folder: Path) -> tuple[UndoRunner, list[dict[str, object]]]:
    """Return a runner whose last run wrote rows of all kinds, and its messages."""
    folder.mkdir()
    clock = ManualClock()
    runner = UndoRunner(world_of(clock, contacts=14, deals=4, accounts=4), clock, folder)
    world = runner.world
    world.add_note("Subscriber", 1, "Hello")
    world.add_account("Fjord")
    people = list(world.tables["contacts"])
    for person in people:
        world.subscribe(person.id, 1)
    wrong = {"first_name": "Wrong", "tags": ["wrong"], "company": "Fjord", "title": "Boss"}
    lists = {"segments": [{"id": "1", "status": "unsubscribed"}]}
    deal = {"name": "Wrong", "status": "lost", "contact": [{"id": "1"}, {"id": "2"}]}
    messages = [
        *stream_of(
            "crm_contacts", *({"email": person.email, **wrong, **lists} for person in people[:4])
        ),
        *stream_of("crm_contacts", {"email": "new@shop.example", "first_name": "New"}),
        *stream_of("crm_opportunities", *({"id": str(n), **deal} for n in (1, 2))),
        *stream_of("crm_accounts", {"id": "1", "name": "Wrong"}),
        *stream_of("crm_notes", {"id": "1", "content": "Wrong"}),
        state_of(1),
    ]
    return runner, messages


@pytest.mark.parametrize("signum", briefly(SIGNALS, 1), ids=["SIGTERM", "SIGINT"])
def test_a_signal_while_a_run_is_undone_ends_the_undo_in_order(
    tmp_path: Path, signum: signal.Signals
) -> None:
    """The undo ends with 128 plus the signal and one line; the next undo finishes.

    Each group of values has at most one result. The next run sends the undone rows again.
    """
    number = 1
    while True:
        runner, messages = written(tmp_path / f"{number}")
        before = truth_of(runner.world)
        options = runner.settings | settings_of(OTHERS[number // STEP % len(OTHERS)], runner.folder)
        assert runner.run(*messages, **options).code == 0
        after, run = truth_of(runner.world), runner.last_run
        with stopped_at(runner, number, signum) as seen:
            undone = runner.undo(run, **options, **UNDO)
        if undone.code == 0:
            assert seen[0] <= number  # A signal during the last request comes too late.
            break
        assert undone.code == 128 + signum, number
        assert undone.last_word
        assert "\n" not in undone.last_word
        keys = [(result["stream"], str(result["key"]), result["id"]) for result in undone.results]
        assert len(keys) == len(set(keys))
        assert runner.undo(run, **options, **UNDO).code == 0
        assert differences(before, truth_of(runner.world)) == {}, number
        again = runner.run(*messages, **options)
        assert set(again.actions) <= {"created", "updated"}, number
        changed = differences(after, truth_of(runner.world))
        assert changed.keys() <= {"contacts"}, number  # the new contact has another id
        number += STEP
    assert number > 8
