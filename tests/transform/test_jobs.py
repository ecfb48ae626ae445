"""Meltano's jobs load the account, build the project, and write its rows back."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from tests.demo.account import API_KEY, ROOT
from tests.demo.pipeline import Pipeline, install, run_meltano
from tests.end_to_end.loaders import into_duckdb, into_postgres
from tests.sandbox import World, serve
from tests.tap.running import Account

GRADES = {"engagement:hot", "engagement:warm", "engagement:cold"}


def test_make_and_meltano_install_the_same_dbt() -> None:
    """The Makefile's packages are those of the utility in meltano.yml."""
    [made] = re.findall(r"(?m)^DBT := (.+)$", (ROOT / "Makefile").read_text(encoding="utf-8"))
    declared = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
    [dbt] = [utility for utility in declared["plugins"]["utilities"] if utility["name"] == "dbt"]
    assert dbt["pip_url"] == made


@pytest.mark.long
@pytest.mark.meltano
@pytest.mark.slow
def test_make_transform_builds_over_the_tables_of_the_demo(tmp_path: Path) -> None:
    """Without the demo's tables, one line names the command to run first."""
    missing = make_transform(tmp_path)
    assert missing.returncode
    assert f"{tmp_path} has no tables yet: run make demo first" in missing.stderr

    file = tmp_path / "activecampaign.duckdb"
    loader = into_duckdb(tmp_path, path=str(file), default_target_schema="main")
    loader.load(Account(contacts=12, deals=5, accounts=2).run().text)
    done = make_transform(tmp_path)
    assert done.returncode == 0, done.stdout[-2000:]
    with duckdb.connect(str(file), read_only=True) as connection:
        query = "SELECT count(*) FROM analytics.contacts"
        assert connection.execute(query).fetchall() == [(12,)]


def make_transform(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run `make transform` over the demo's tables in a folder."""
    command = ["make", "transform", f"DEMO={folder}"]
    settings = {"DBT_TARGET_PATH": str(folder / "dbt"), "DBT_LOG_PATH": str(folder / "dbt")}
    return subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | settings,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


@pytest.mark.long
@pytest.mark.meltano
@pytest.mark.slow
@pytest.mark.parametrize("database", ["duckdb", "postgres"])
def test_one_job_loads_transforms_and_activates(
    database: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Each contact outside the control group gets a score and one tag; a second job writes nothing.

    The lift is counted from the results of the first run: the two groups, and the contacts of each
    that unsubscribed since then.
    """
    plugins = ["tap-activecampaign-unified", "target-activecampaign", f"target-{database}", "dbt"]
    install(*plugins, "tap-jsonl" if database == "duckdb" else "tap-postgres")
    job = "load-transform-activate"
    settings = {
        "TAP_ACTIVECAMPAIGN_UNIFIED_REQUESTS_PER_SECOND": "0",
        "TARGET_ACTIVECAMPAIGN_REQUESTS_PER_SECOND": "0",
        "TARGET_ACTIVECAMPAIGN_RUN_REPORT_PATH": str(tmp_path / "written.json"),
        "TARGET_ACTIVECAMPAIGN_RESULTS_PATH": str(tmp_path / "results.jsonl"),
        "TARGET_ACTIVECAMPAIGN_RESULTS_FORMAT": "singer",
        "TARGET_ACTIVECAMPAIGN_HOLDOUT_PERCENT": "30",
        "TARGET_ACTIVECAMPAIGN_HOLDOUT_SALT": "experiment",
        "DBT_DUCKDB_PATH": str(tmp_path / "activecampaign.duckdb"),
        "DBT_ACTIVATION_FOLDER": str(tmp_path),
        "DBT_TARGET_PATH": str(tmp_path / "dbt"),
        "TRANSFORMED_CONTACTS_PATH": str(tmp_path / "activation_contacts.jsonl"),
    }
    if database == "postgres":
        job += "-postgres"
        server = request.getfixturevalue("postgres_database")
        settings |= {**server.environment, "POSTGRES_URL": server.url("postgresql+psycopg")}
        loader = into_postgres(tmp_path, server)
    else:
        file = settings["DBT_DUCKDB_PATH"]
        loader = into_duckdb(tmp_path, path=file, default_target_schema="main")
        loader.tables.path = Path(file)
    world = World(contacts=30, deals=20, accounts=5, api_key=API_KEY, requests_per_second=0)
    people = world.tables["contacts"].ids()
    for contact_id in people:  # leaving one of two lists does not change the score
        world.subscribe(contact_id, 1)
        world.subscribe(contact_id, 2)
    had = scores(world)
    with serve(world) as served:
        pipeline = Pipeline(tmp_path, served.url, tuple(settings.items()))

        first = run(pipeline, job)
        tag_counts = grades(world)
        treated = [contact_id for contact_id, tags in tag_counts.items() if tags == 1]
        control = [contact_id for contact_id, tags in tag_counts.items() if tags == 0]
        assert sorted(treated + control) == people
        assert (first["updated"], first["skipped"]) == (len(treated), len(control))
        found = scores(world)
        assert all(contact_id in found for contact_id in treated)
        assert {contact_id: found.get(contact_id) for contact_id in control} == {
            contact_id: had.get(contact_id) for contact_id in control
        }
        assert len(control) > 1
        loader.load((tmp_path / "results.jsonl").read_text(encoding="utf-8"))
        for contact_id in (*treated[:2], control[0]):
            unsubscribe(world, contact_id, 2)

        before = writes(world)
        second = run(pipeline, job)
        assert (second["unchanged"], second["skipped"]) == (len(treated), len(control))
        assert writes(world) == before
    columns = "metric, treated, treated_converted, control, control_converted"
    rows = loader.tables.query(f"SELECT {columns} FROM analytics.activation_lift")  # noqa: S608
    sizes = (len(treated), 0, len(control), 0)
    nothing = {(metric, *sizes) for metric in ("opened", "clicked", "ordered", "won a deal")}
    assert set(rows) == nothing | {("unsubscribed", len(treated), 2, len(control), 1)}


def unsubscribe(world: World, contact: int, number: int) -> None:
    """Unsubscribe a contact, a minute from now: times in the account are whole seconds."""
    row = world.subscribe(contact, number, 2)
    world.tables["contactLists"].change(row, udate=world.now() + 60)
    world.touch(contact)


def run(pipeline: Pipeline, job: str) -> dict[str, Any]:
    """Run a job; return the target's counts of rows by action."""
    run_meltano(["run", "--no-install", job], pipeline.environment, pipeline.folder / "log")
    report = json.loads((pipeline.folder / "written.json").read_text(encoding="utf-8"))
    return dict(report["rows"])


def grades(world: World) -> dict[int, int]:
    """Return how many of the three tags each contact has."""
    tags = {row.id for row in world.tables["tags"] if row.tag in GRADES}
    return {
        contact_id: sum(
            row.tag in tags for row in world.tables["contactTags"].by("contact", contact_id)
        )
        for contact_id in world.tables["contacts"].ids()
    }


def scores(world: World) -> dict[int, str]:
    """Return each contact's score in its custom field."""
    [field] = [row.id for row in world.tables["fields"] if row.perstag == "LEAD_SCORE"]
    return {row.contact: row.value for row in world.tables["fieldValues"] if row.field == field}


def writes(world: World) -> int:
    """Return the number of write requests of the account."""
    return sum(arrival.method != "GET" for arrival in world.log)
