"""PostgreSQL under Meltano: loads on two machines, and a write back."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from tests.demo.account import API_KEY, ROOT
from tests.demo.pipeline import Pipeline, install, run_meltano
from tests.sandbox import World, serve

from .loaders import PostgresTables

if TYPE_CHECKING:
    from pathlib import Path

    from tests.postgres import Database

pytestmark = [pytest.mark.meltano, pytest.mark.slow]

PLUGINS = (
    "tap-activecampaign-unified",
    "target-activecampaign",
    "target-postgres",
    "tap-postgres",
)
README = (ROOT / "README.md").read_text(encoding="utf-8")
# README's view over the loaded tables, with numbers, lists and JSON; and a table.
[VIEW] = re.findall(r"```sql\n(CREATE SCHEMA activation;.*?)```", README, re.DOTALL)
NOTES = """
CREATE TABLE activation.notes AS
SELECT 'contact ' || id AS content, id AS contact__id
FROM activecampaign.crm_contacts ORDER BY id LIMIT 3;
"""


class Machine:
    """A copy of the project in another folder, with the plugins of this checkout."""

    def __init__(self, folder: Path, url: str, database: Database) -> None:
        """Copy the project's file, and set the warehouse."""
        folder.mkdir()
        shutil.copy(ROOT / "meltano.yml", folder)
        (folder / ".meltano").mkdir()
        for kind in ("extractors", "loaders"):
            (folder / ".meltano" / kind).symlink_to(ROOT / ".meltano" / kind)
        address = database.url("postgresql+psycopg")
        variables = {
            "MELTANO_PROJECT_ROOT": str(folder),
            "MELTANO_DATABASE_URI": address,
            "POSTGRES_URL": address,
            "TAP_ACTIVECAMPAIGN_UNIFIED_REQUESTS_PER_SECOND": "0",
            "TARGET_ACTIVECAMPAIGN_REQUESTS_PER_SECOND": "0",
            "TARGET_ACTIVECAMPAIGN_RUN_REPORT_PATH": str(folder / "written.json"),
        }
        self.folder = folder
        self._pipeline = Pipeline(folder, url, tuple(variables.items()))

    def load(self) -> dict[str, Any]:
        """Load the account into PostgreSQL; return the tap's report."""
        self._run("load-postgres")
        return _document(self.folder / "report.json")

    def activate(self, *, dry_run: bool = False) -> dict[str, Any]:
        """Write back the schema `activation`; return the target's report."""
        self._run("activate-postgres", TARGET_ACTIVECAMPAIGN_DRY_RUN=str(dry_run).lower())
        return _document(self.folder / "written.json")

    def _run(self, job: str, **variables: str) -> None:
        """Run README's command."""
        [line] = {
            line for line in README.splitlines() if re.fullmatch(rf"\S*meltano .* {job}", line)
        }
        _, *arguments, _ = shlex.split(line)
        environment = self._pipeline.environment | variables
        run_meltano([*arguments, "--no-install", job], environment, self.folder / "log")


def _document(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8")))


def test_a_second_machine_continues_from_the_state_and_writes_back(
    tmp_path: Path, postgres_database: Database
) -> None:
    """A second machine continues from the state in PostgreSQL, and writes SQL back.

    After each load the tables equal the account, and the second load reads only changes. SQL
    becomes tags and notes. A plan writes nothing, and neither does a second run of the same rows.
    """
    install(*PLUGINS)
    world = World(contacts=60, deals=30, accounts=12, api_key=API_KEY, requests_per_second=0)
    tables = PostgresTables(postgres_database)
    name = postgres_database.name
    postgres_database.rows(f"ALTER DATABASE {name} SET timezone = 'Pacific/Auckland'")
    with serve(world) as served:
        machine = Machine(tmp_path / "one", served.url, postgres_database)
        other = Machine(tmp_path / "other", served.url, postgres_database)
        first = machine.load()
        tables.warehouse().check(world)

        postgres_database.rows(VIEW)
        postgres_database.rows(NOTES)
        before = writes(world)
        plan = machine.activate(dry_run=True)["plan"]
        assert writes(world) == before
        rows = wanted(postgres_database)
        assert plan["actions"] == {"created": 3, "updated": len(rows)}

        done = machine.activate()["rows"]
        assert (done["created"], done["updated"]) == (3, len(rows))
        world.edit_contact(2, firstName="Edited")
        second = other.load()
        assert second["bookmarks_before"] == first["bookmarks_after"]
        read = second["streams"]["crm_contacts"]["rows_emitted"]
        assert 0 < read <= len(rows) + 4 < 60
        tables.warehouse().check(world)
        assert activated(postgres_database) == rows
        notes = [note.note for note in world.tables["notes"] if note.note.startswith("contact ")]
        assert len(notes) == 3

        before = writes(world)
        again = machine.activate()["rows"]
        assert (again["unchanged"], writes(world)) == (len(rows) + 3, before)


def writes(world: World) -> int:
    """Return the number of write requests that the account got."""
    return sum(arrival.method != "GET" for arrival in world.log)


def wanted(database: Database) -> dict[str, tuple[float, bool]]:
    """Return score and flag by address, as in the view."""
    found = database.rows(
        "SELECT email, custom_fields__lead_score, tags <> '{}' FROM activation.contacts"
    )
    assert {hot for _, _, hot in found} == {True, False}
    return {email: (float(score), hot) for email, score, hot in found}


def activated(database: Database) -> dict[str, tuple[float, bool]]:
    """Return the same values, read from the account."""
    found = database.rows(
        "SELECT v.email, (c.custom_fields->>'lead_score')::numeric, "
        "       EXISTS (SELECT FROM unnest(c.tags) t WHERE t->>'name' = 'score:hot') "
        "FROM activation.contacts v JOIN activecampaign.marketing_contacts c USING (email)"
    )
    return {email: (float(score), hot) for email, score, hot in found}
