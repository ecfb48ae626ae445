"""The recipe of docs/dlt.md, run by the real dlt as a user would run it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.demo.account import ROOT
from tests.faults.truth import truth_of
from tests.sandbox import World, serve
from tests.side_by_side import Meeting

PYTHON = ROOT / ".venv-dlt" / "bin" / "python"
PAGE = (ROOT / "docs" / "dlt.md").read_text(encoding="utf-8")
[RECIPE] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
LONGEST = 40
STREAMS = (
    "crm_contacts",
    "crm_accounts",
    "crm_opportunities",
    "marketing_contact_tags",
    "marketing_segments",
)
SECONDS = 120
TAP = Path(sys.executable).with_name("tap-activecampaign-unified")


def test_the_recipe_is_short() -> None:
    """The recipe has at most 40 lines."""
    assert len(RECIPE.splitlines()) <= LONGEST


class Recipe:
    """The recipe in a file and a folder of its own, run with the real dlt."""

    def __init__(self, folder: Path, url: str, key: str) -> None:
        """Write the file."""
        self.folder = folder
        (folder / "activecampaign_dlt.py").write_text(RECIPE, encoding="utf-8")
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "XDG_STATE_HOME": str(folder / "state"),
            "DLT_DATA_DIR": str(folder / "dlt"),
            "RUNTIME__DLTHUB_TELEMETRY": "false",
            "ACTIVECAMPAIGN_API_URL": url,
            "ACTIVECAMPAIGN_API_KEY": key,
        }

    def run(self) -> dict[str, int]:
        """Run it; return the number of rows of each stream in the load."""
        before = self.loads()
        done = subprocess.run(
            [str(PYTHON), "activecampaign_dlt.py"],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            timeout=SECONDS,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        [load] = self.loads() - before
        return {
            name: self.query(f"SELECT count(*) FROM {name} WHERE _dlt_load_id = '{load}'")[0][0]  # noqa: S608
            for name in STREAMS
        }

    def loads(self) -> set[str]:
        """Return the complete loads."""
        if not (self.folder / "warehouse.duckdb").exists():
            return set()
        return {
            load_id for (load_id,) in self.query("SELECT load_id FROM _dlt_loads WHERE status = 0")
        }

    def query(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        path = str(self.folder / "warehouse.duckdb")
        with duckdb.connect(path, read_only=True) as connection:
            connection.execute("USE warehouse.activecampaign")
            return connection.execute(query).fetchall()

    def start(self) -> subprocess.Popen[bytes]:
        """Start it without waiting."""
        return subprocess.Popen(
            [str(PYTHON), "activecampaign_dlt.py"],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.DEVNULL,
        )


def compare(recipe: Recipe, world: World) -> None:
    """Compare the keys, two columns and the child table of tags with the account."""
    truth = truth_of(world)
    for name in STREAMS:
        key = "contact_id, tag_id" if name == "marketing_contact_tags" else "id"
        rows = recipe.query(f"SELECT {key} FROM {name}")  # noqa: S608
        assert len(rows) == len(set(rows))
        if name != "marketing_contact_tags":
            assert set(rows) == set(truth[name]), name
    people = {record_id: record for (record_id,), record in truth["crm_contacts"].items()}
    names = dict(recipe.query("SELECT id, first_name FROM crm_contacts"))
    assert names == {record_id: record["first_name"] for record_id, record in people.items()}
    tags = recipe.query(
        "SELECT c.id, t.name FROM crm_contacts c "
        "JOIN crm_contacts__tags t ON t._dlt_parent_id = c._dlt_id"
    )
    assert sorted(tags) == sorted(
        (record_id, tag["name"]) for record_id, record in people.items() for tag in record["tags"]
    )


@pytest.mark.long
@pytest.mark.slow
def test_the_second_run_loads_what_changed_and_merges_it(tmp_path: Path) -> None:
    """A second run merges changed rows by key, with arrays in child tables.

    DuckDB then equals the account.
    """
    world = World(contacts=40, deals=15, accounts=6, requests_per_second=0)
    with serve(world) as served:
        recipe = Recipe(tmp_path, served.url, world.api_key)
        first = recipe.run()
        assert first["crm_contacts"] == 40
        compare(recipe, world)

        tagged = world.add_tag("brand new")
        world.tag(5, tagged.id)
        world.edit_contact(5, firstName="Zoë")
        world.edit_deal(3, title="Another title")
        newcomer = world.add_contact("new@case.example", firstName="New")
        applied = next(row for row in world.tables["contactTags"] if row.contact != 5)
        world.untag(applied.contact, applied.tag)
        world.touch(applied.contact)
        second = recipe.run()
        compare(recipe, world)
        changed = {"5", str(newcomer.id), str(applied.contact)}
        assert second["crm_contacts"] == len(changed)
        assert second["crm_opportunities"] == 1
        assert second["crm_accounts"] == 0
        assert second["marketing_segments"] == len(world.tables["lists"].ids())


@pytest.mark.long
@pytest.mark.slow
def test_the_recipe_shares_the_rate_limit_with_the_tap(tmp_path: Path) -> None:
    """Recipe and tap together send five requests a second."""
    world = Meeting(contacts=600, deals=200, accounts=100)
    world.begin()
    with serve(world) as served:
        recipe = Recipe(tmp_path, served.url, world.api_key)
        config = tmp_path / "config.json"
        account = {"api_url": served.url, "api_key": world.api_key, "user_agent": "the tap"}
        config.write_text(json.dumps(account), encoding="utf-8")
        with recipe.start() as dlt:
            tap = subprocess.run(
                [str(TAP), "--config", str(config)],
                env=recipe.environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=SECONDS,
                check=False,
            )
            assert (tap.returncode, dlt.wait(SECONDS)) == (0, 0)
    world.check_rate()
    assert recipe.query("SELECT count(*) FROM crm_contacts") == [(600,)]
