"""The schedules of meltano.yml, run by Meltano as an orchestrator runs them."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from tests.demo.account import API_KEY
from tests.demo.checks import Database
from tests.demo.pipeline import Pipeline, install, run_meltano
from tests.sandbox import World, serve

if TYPE_CHECKING:
    from pathlib import Path


SELECT = ["crm_contacts.*", "!crm_contacts.phone_numbers", "crm_tasks.*"]


@pytest.mark.meltano
@pytest.mark.slow
def test_the_nightly_run_marks_what_was_deleted(tmp_path: Path) -> None:
    """The nightly job continues from the state of the job `load` and marks deleted rows.

    It loads the streams of `select`: no stream that is off, and no excluded column. Each
    environment has its own state.
    """
    install()
    world = World(contacts=25, deals=4, accounts=3, api_key=API_KEY, requests_per_second=0)
    with serve(world) as served:
        variables = {
            "MELTANO_ENVIRONMENT": "production",
            "TAP_ACTIVECAMPAIGN_UNIFIED__SELECT": json.dumps(SELECT),
            "TAP_ACTIVECAMPAIGN_UNIFIED_REQUESTS_PER_SECOND": "0",
            "TAP_ACTIVECAMPAIGN_UNIFIED_KNOWN_IDS_PATH": str(tmp_path / "known.sqlite"),
        }
        pipeline = Pipeline(tmp_path, served.url, tuple(variables.items()))

        def run(name: str) -> dict[str, Any]:
            log = tmp_path / "log"
            run_meltano(["schedule", "run", name], pipeline.environment, log)
            return dict(json.loads((tmp_path / "report.json").read_text(encoding="utf-8")))

        first = run("hourly")
        second = run("nightly-deletes")
        world.delete_contact(7)
        third = run("nightly-deletes")
    assert second["bookmarks_before"] == first["bookmarks_after"]
    assert third["bookmarks_before"] == second["bookmarks_after"]
    database = Database(pipeline.database)
    marked = database.rows("SELECT id FROM crm_contacts WHERE _sdc_deleted_at IS NOT NULL")
    assert marked == [("7",)]
    columns = database.rows("SELECT table_name, column_name FROM information_schema.columns")
    assert {table for table, _ in columns} == {"crm_contacts", "crm_tasks"}
    assert ("crm_contacts", "email_addresses") in columns
    assert ("crm_contacts", "phone_numbers") not in columns
    with contextlib.closing(sqlite3.connect(tmp_path / "meltano.db")) as kept:
        states = kept.execute("SELECT state_id FROM state").fetchall()
    assert states == [("production:tap-activecampaign-unified-to-target-duckdb",)]
