"""PyAirbyte, the real client: docs/airbyte.md as it is written, and every stream."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox import World, serve

from .program import KEY, Workspace, selecting

if TYPE_CHECKING:
    from tests.sandbox import Served

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-airbyte" / "bin" / "python"
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)
SECONDS = 900

#: Reads every stream, changes one contact, reads some streams of each kind again, and copies some
#: from the cache into an empty account. Prints the counts as one line of JSON.
EVERYTHING = """
import json, os, sys, urllib.request
import airbyte
from airbyte.caches import DuckDBCache

config = json.loads(os.environ["CONFIG"])
source = airbyte.get_source("source-activecampaign-unified", config=config,
    local_executable=".venv/bin/source-activecampaign-unified")
source.check()
source.select_all_streams()
cache = DuckDBCache(db_path="all.duckdb", schema_name="all_streams")
found = {}

query = cache.run_sql_query

def tables():
    return {name: query(f'SELECT count(*) AS n, max(_airbyte_extracted_at) AS at '
                        f'FROM all_streams."{name}"')[0] for name in filled}

first = source.read(cache=cache)
filled = [name for name in first if query(
    f"SELECT count(*) AS n FROM information_schema.tables WHERE table_name = '{name}'")[0]["n"]]
before = tables()
found["rows"] = {name: counted["n"] for name, counted in before.items()}
url = config["api_url"] + "/api/3/contacts/5"
request = urllib.request.Request(url, b'{"contact": {"firstName": "Changed"}}', method="PUT",
    headers={"Api-Token": config["api_key"], "Content-Type": "application/json"})
urllib.request.urlopen(request).read()
again = ["crm_contacts", "marketing_contacts", "raw_contacts", "crm_accounts", "crm_opportunities",
         "crm_notes", "marketing_tags", "marketing_segments"]
source.select_streams(again)
second = source.read(cache=cache)
found["new"] = {
    name: query(f'SELECT count(*) AS n FROM all_streams."{name}" '
                f"WHERE _airbyte_extracted_at > '{before[name]['at']}'")[0]["n"]
    for name in again
}
found["name"] = query("SELECT first_name FROM all_streams.crm_contacts WHERE id = '5'")
destination = airbyte.get_destination("destination-activecampaign",
    config=config | {"api_url": os.environ["COPY_URL"], "source_ids": "foreign",
        "create_missing_fields": True, "results_path": "results.jsonl"},
    local_executable=".venv/bin/destination-activecampaign")
destination.check()
destination.write(second,
    streams=["marketing_tags", "marketing_segments", "crm_accounts", "crm_contacts"])
print("FOUND " + json.dumps(found))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the project's environment at the documented path."""
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    return tmp_path


def run_python(folder: Path, script: str, **environment: str) -> str:
    """Run a script with PyAirbyte, without a network and without the machine's settings."""
    found = Workspace(folder).environment | environment
    found |= {"AIRBYTE_OFFLINE_MODE": "1", "DO_NOT_TRACK": "1", "TMPDIR": str(folder)}
    done = subprocess.run(
        [str(PYTHON), "-c", script],
        cwd=folder,
        env=found,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert KEY not in done.stdout + done.stderr
    assert "Exception ignored" not in done.stderr
    return done.stdout


def results(folder: Path) -> list[dict[str, Any]]:
    """Return the results of a write."""
    return [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]


@pytest.mark.long
def test_the_page_about_airbyte_does_what_it_says(folder: Path) -> None:
    """The page's examples load an account into DuckDB and write a change in SQL back."""
    blocks = BLOCK.findall((ROOT / "docs" / "airbyte.md").read_text("utf-8"))
    assert len(blocks) == 2
    world = World(contacts=30, deals=6, accounts=4, api_key=KEY, requests_per_second=0)
    with serve(world) as served:
        environment = {"ACTIVECAMPAIGN_API_URL": served.url, "ACTIVECAMPAIGN_API_KEY": KEY}
        out = run_python(folder, "\n".join(blocks), **environment)
        names = [contact.firstName for contact in served.world.tables["contacts"]]
        refused = {entry.path for entry in served.world.log if entry.status not in {200, 201}}
        assert refused <= {"/api/3/ecom/graphql"}  # the check asks for e-commerce
    assert "[30 rows x" in out
    assert names == [name.upper() for name in names]
    assert any(names)
    written = results(folder)
    assert {line["stream"] for line in written} == {
        "crm_contacts",
        "crm_accounts",
        "crm_opportunities",
        "marketing_tags",
    }
    assert {line["action"] for line in written} <= {"updated", "unchanged"}


@pytest.mark.long
def test_every_stream_goes_into_duckdb_and_back(folder: Path) -> None:
    """PyAirbyte reads every stream, then changes alone, and copies the rest to another account."""
    world = World(contacts=25, deals=6, accounts=4, api_key=KEY, requests_per_second=0)
    empty = World(is_empty=True, api_key=KEY, requests_per_second=0)
    with serve(world) as served, serve(empty) as copy:
        expected = rows_of_the_tap(folder, served)
        config = {"api_url": served.url, "api_key": KEY, "requests_per_second": 0}
        out = run_python(folder, EVERYTHING, CONFIG=json.dumps(config), COPY_URL=copy.url)
    found = json.loads(out.rpartition("FOUND ")[2])
    assert {name: count for name, count in found["rows"].items() if count} == expected
    assert found["name"] == [{"first_name": "Changed"}]
    for stream in ("crm_contacts", "marketing_contacts", "raw_contacts"):
        assert found["new"][stream] == 1
    for stream in ("crm_accounts", "crm_opportunities", "crm_notes"):
        assert found["new"][stream] == 0
    assert found["new"]["marketing_tags"] == expected["marketing_tags"]  # a full table
    # Two fields of the source have one title. In the copy both columns name one field, so a row
    # that has both is rejected with that reason.
    written = [result for result in results(folder) if result["stream"] == "crm_contacts"]
    refused = {line["key"]["id"] for line in written if line["action"] == "rejected"}
    reasons = {line["reason"] for line in written if line["action"] == "rejected"}
    assert all("both name this field" in reason for reason in reasons)
    people = {
        contact.email for contact in world.tables["contacts"] if str(contact.id) not in refused
    }
    assert people
    assert {contact.email for contact in empty.tables["contacts"]} == people
    assert ("Changed" in {contact.firstName for contact in empty.tables["contacts"]}) == (
        "5" not in refused
    )


def rows_of_the_tap(folder: Path, served: Served) -> dict[str, int]:
    """Return the number of different keys of each stream of the tap."""
    workspace = Workspace(folder, served.url)
    catalog = json.loads(workspace.call(workspace.arguments("--discover")).out)
    chosen = selecting(catalog, [entry["tap_stream_id"] for entry in catalog["streams"]])
    keys = {entry["tap_stream_id"]: entry["key_properties"] for entry in catalog["streams"]}
    found: dict[str, set[tuple[Any, ...]]] = {}
    for message in workspace.run(catalog=chosen).messages:
        if message["type"] == "RECORD":
            key = tuple(message["record"].get(name) for name in keys[message["stream"]])
            found.setdefault(message["stream"], set()).add(key)
    return {name: len(rows) for name, rows in found.items()}
