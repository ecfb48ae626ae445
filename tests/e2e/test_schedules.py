"""The schedules of meltano.yml, run by Meltano as an orchestrator runs them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.demo.account import API_KEY
from tests.demo.checks import Database
from tests.demo.pipeline import Pipeline, install, run_meltano
from tests.sandbox import World, serve

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.meltano
@pytest.mark.slow
def test_the_nightly_run_marks_what_was_deleted(tmp_path: Path) -> None:
    """It goes on from the state that the job `load` keeps, and looks for deletes beside."""
    install()
    world = World(contacts=25, deals=4, accounts=3, api_key=API_KEY, requests_per_second=0)
    with serve(world) as served:
        told = {
            "TAP_ACTIVECAMPAIGN_UNIFIED_REQUESTS_PER_SECOND": "0",
            "TAP_ACTIVECAMPAIGN_UNIFIED_KNOWN_IDS_PATH": str(tmp_path / "known.sqlite"),
        }
        pipeline = Pipeline(tmp_path, served.url, tuple(told.items()))

        def run(name: str) -> dict:
            log = tmp_path / "log"
            run_meltano(["schedule", "run", name], pipeline.environment, log)
            return json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))

        first = run("nightly-deletes")
        world.delete_contact(7)
        second = run("nightly-deletes")
    assert second["bookmarks_before"] == first["bookmarks_after"]
    marked = Database(pipeline.database).rows(
        "SELECT id FROM crm_contacts WHERE _sdc_deleted_at IS NOT NULL"
    )
    assert marked == [("7",)]
