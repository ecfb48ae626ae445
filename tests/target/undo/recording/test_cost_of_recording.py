"""Requests for the earlier values of a run, which are read before the change."""

from __future__ import annotations

import contextlib
import json
import math
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from tests.tap.client.clients import ManualClock, world_of
from tests.target.runner import state_of, stream_of
from tests.target.undo.account import UNDO_FILE, UndoRunner

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandbox import World
    from tests.target.runner import Run

CONTACTS = 300


def runner_of(folder: Path, contacts: int = CONTACTS) -> UndoRunner:
    """Return a runner of an account with many contacts."""
    clock = ManualClock()
    folder.mkdir()
    return UndoRunner(world_of(clock, contacts=contacts, deals=0, accounts=2), clock, folder)


def more_requests(folder: Path, rows: Any, *, first: Any = None, **settings: Any) -> int:
    """Return the additional requests of an undoable run, compared with an equal run."""
    counts = []
    for name, undo in (("without", False), ("with", True)):
        runner = runner_of(folder / name)
        if first is not None:
            runner.send("crm_contacts", *first(runner.world), **settings)
        undo_settings = runner.settings if undo else {}
        run = runner.send("crm_contacts", *rows(runner.world), **undo_settings | settings)
        assert set(run.actions) == {"updated"}
        counts.append(len(run.requests))
    return counts[1] - counts[0]


def by_id(world: World, name: str = "Zed") -> list[dict[str, Any]]:
    """Return a row for each contact, by id."""
    return [{"id": str(contact.id), "first_name": name} for contact in world.tables["contacts"]]


def by_address(world: World, name: str = "Zed") -> list[dict[str, Any]]:
    """Return a row for each contact, by address."""
    return [{"email": contact.email, "first_name": name} for contact in world.tables["contacts"]]


@pytest.mark.parametrize("bulk_import", ["always", "never"])
def test_contacts_with_an_id_cost_one_request_per_hundred(tmp_path: Path, bulk_import: str) -> None:
    """Contacts whose id the row has cost at most 1.1 requests per 100, imported or not."""
    assert more_requests(tmp_path, by_id, bulk_import=bulk_import) <= 1.1 * CONTACTS / 100


def test_contacts_that_the_ledger_knows_cost_one_request_per_hundred(tmp_path: Path) -> None:
    """Contacts whose address the ledger knows cost at most 1.1 requests per 100."""
    count = more_requests(
        tmp_path, by_address, first=lambda world: by_address(world, "Amy"), bulk_import="never"
    )
    assert count <= 1.1 * CONTACTS / 100


def test_many_addresses_are_looked_up_with_one_walk(tmp_path: Path) -> None:
    """If every contact is written by address, one walk over all contacts finds their ids."""
    count = more_requests(tmp_path, by_address, bulk_import="never")
    assert count <= 1.1 * CONTACTS / 100 + CONTACTS / 100 + 3


def test_few_addresses_are_looked_up_one_by_one(tmp_path: Path) -> None:
    """Five addresses in an account of 400 contacts take five lookups and one read."""
    count = more_requests(tmp_path, lambda world: by_address(world)[:5], bulk_import="never")
    assert count <= 5 + 1


@pytest.mark.parametrize("rows", [by_id, by_address])
def test_a_dry_run_counts_what_the_earlier_values_cost(tmp_path: Path, rows: Any) -> None:
    """`plan.undo_requests` is within a tenth of the run's requests for earlier values."""
    runner = runner_of(tmp_path / "dry")
    planned = runner.send_rows("crm_contacts", *rows(runner.world), dry_run=True)
    assert planned.writes == []
    assert not (runner.folder / UNDO_FILE).exists()
    counted = planned.report["plan"]["undo_requests"]
    needed = more_requests(tmp_path, rows, bulk_import="never")
    assert math.isclose(counted, needed, rel_tol=0.1, abs_tol=3)


def test_no_change_goes_out_before_its_earlier_value_is_on_disk(tmp_path: Path) -> None:
    """At each write, the file has an entry for the record that the request changes."""
    runner = runner_of(tmp_path / "order", 60)
    file = runner.folder / UNDO_FILE
    missing: list[str] = []
    names: set[tuple[str, str]] = set()

    def look(_world: World, method: str, path: str, _query: Any) -> None:
        kinds = {"contacts": "contact", "deals": "deal", "accounts": "account", "notes": "note"}
        parts = path.removeprefix("/api/3/").strip("/").split("/")
        if method == "GET":
            return
        with contextlib.closing(sqlite3.connect(file)) as database:
            names.update(database.execute("SELECT kind, id FROM entries").fetchall())
        if len(parts) == 2 and parts[0] in kinds and (kinds[parts[0]], parts[1]) not in names:
            missing.append(path)
        if not names:
            missing.append(path)

    people = by_id(runner.world)
    runner.world.before_request(look)
    rows = [{**row, "tags": ["vip"], "segments": [{"id": "1"}]} for row in people]
    run: Run = runner.run(
        *stream_of("crm_contacts", *rows[:8]),
        *stream_of("crm_contacts", *rows[8:]),
        *stream_of("crm_accounts", {"id": "1", "name": "Z"}, {"name": "New"}),
        *stream_of("crm_notes", {"content": "x", "contact": {"id": "1"}}),
        state_of(1),
        **runner.settings,
    )
    assert set(run.actions) <= {"updated", "created"}
    assert missing == []
    with contextlib.closing(sqlite3.connect(file)) as database:
        [before] = database.execute(
            "SELECT before FROM entries WHERE id = '1' AND part = 'column:name'"
        ).fetchone()
    assert json.loads(before) != "Z"
