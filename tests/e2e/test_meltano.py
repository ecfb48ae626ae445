"""The real pipeline with a real loader: rows are counted on both sides of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.demo.account import API_KEY
from tests.demo.checks import HOME, Database
from tests.demo.pipeline import Pipeline, install
from tests.sandbox import World, control, serve

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.meltano


def counts(world: World) -> dict[str, int]:
    """Return how many rows each stream has in the account."""
    tables = world.tables
    return {stream: sum(len(tables[name]) for name in names) for stream, names in HOME.items()}


def test_no_row_is_lost_on_the_way(tmp_path: Path) -> None:
    """Every table holds what the account holds; a second run brings what changed, and only that."""
    install()
    world = World(contacts=230, deals=40, accounts=12, api_key=API_KEY, requests_per_second=0)
    unlimited = (("TAP_ACTIVECAMPAIGN_UNIFIED_REQUESTS_PER_SECOND", "0"),)
    with serve(world) as served:
        pipeline = Pipeline(tmp_path, served.url, unlimited)
        database = Database(pipeline.database)
        first = pipeline.run()["streams"]
        assert database.counts() == counts(world)
        assert {name: one["rows_emitted"] for name, one in first.items()} == counts(world)
        changed = control.change(world, seed=3)
        second = pipeline.run()["streams"]
    expected = counts(world)
    expected["marketing_contact_tags"] += len(changed["tags_removed"])  # deletes are not told
    assert database.counts() == expected
    dated = set(changed["contacts_edited"]) | set(changed["contacts_added"])
    dated |= {pair["contact"] for pair in changed["tags_added"]}
    assert second["crm_contacts"]["rows_emitted"] in {len(dated), len(dated) + 1}
    assert second["crm_accounts"]["rows_emitted"] <= len(changed["accounts_edited"]) + 1
    assert second["crm_notes"]["rows_emitted"] == len(changed["notes_added"])
