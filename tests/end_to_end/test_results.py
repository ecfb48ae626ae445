"""Results in the warehouse: the real loaders load the results file, also by Meltano's job."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
import yaml

from tests.demo.account import ROOT
from tests.demo.pipeline import Pipeline, install, run_meltano
from tests.tap.client.clients import ManualClock, world_of
from tests.target.runner import TargetRunner, stream_of

from .loaders import into_duckdb, into_postgres

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .loaders import Loader

pytestmark = [pytest.mark.meltano, pytest.mark.slow]

ROWS = [{"email": "new@shop.example"}, {"email": "no address"}, {"first_name": "Nobody"}]
RESULTS = "activecampaign_results"


@pytest.fixture(params=["duckdb", "postgres"])
def loader(request: pytest.FixtureRequest, tmp_path: Path) -> Loader:
    """A loader with an empty database."""
    if request.param == "duckdb":
        return into_duckdb(tmp_path)
    return into_postgres(tmp_path, request.getfixturevalue("postgres_database"))


@pytest.fixture
def activate(tmp_path: Path) -> Callable[[], tuple[str, str]]:
    """Write the rows; return the run's id and its results file."""
    clock = ManualClock()
    folder = tmp_path / "target"
    folder.mkdir()
    runner = TargetRunner(world_of(clock, is_empty=True), clock, folder)

    def run() -> tuple[str, str]:
        done = runner.run(*stream_of("crm_contacts", *ROWS), results_format="singer")
        return done.report["run"], (folder / "results.jsonl").read_text()

    return run


def test_both_loaders_read_the_results_of_each_run_once(
    loader: Loader, activate: Callable[[], tuple[str, str]]
) -> None:
    """Two runs are two sets of rows with reasons; a file that is loaded twice is one set."""
    loader.tables.keys[RESULTS] = ("run", "number")
    runs = [activate(), activate()]
    for _, text in (*runs, runs[0]):
        loader.load(text)
    rows = loader.tables.rows(RESULTS)
    assert len(rows) == 6
    for run, text in runs:
        of_run = sorted((row for row in rows if row["run"] == run), key=lambda row: row["number"])
        sent = [json.loads(line)["record"] for line in text.splitlines()[1:]]
        names = ("row", "stream", "action", "id", "reason")
        assert [[row[n] for n in names] for row in of_run] == [
            [result[n] for n in names] for result in sent
        ]
        assert {(row["key"] or {}).get("email") for row in of_run} == {
            "new@shop.example",
            "no address",
            None,
        }


def test_both_loaders_read_what_an_audience_took_back(loader: Loader, tmp_path: Path) -> None:
    """The columns of people who left an audience have their values, and are null elsewhere."""
    loader.tables.keys[RESULTS] = ("run", "number")
    clock = ManualClock()
    folder = tmp_path / "target"
    folder.mkdir()
    runner = TargetRunner(world_of(clock, is_empty=True), clock, folder)
    rows = [{"email": f"p{n}@shop.example", "tags": ["trial"]} for n in range(2)]
    settings = {
        "audiences": {"trial": {"max_leave_share": 1}},
        "stream_aliases": {"trial": "crm_contacts"},
        "results_format": "singer",
    }
    for sent in (rows, rows[1:]):
        runner.run(*stream_of("trial", *sent), **settings)
        loader.load((folder / "results.jsonl").read_text())
    found = {row["audience"]: row for row in loader.tables.rows(RESULTS)}
    assert found.keys() == {None, "trial"}
    assert (found["trial"]["taken_back"], found["trial"]["kept"]) == ({"tags": ["trial"]}, None)
    assert (found[None]["taken_back"], found[None]["kept"]) == (None, None)


def test_the_job_loads_the_results_of_all_files(
    tmp_path: Path, activate: Callable[[], tuple[str, str]]
) -> None:
    """`meltano run load-results` loads every .singer file of the folder into one table."""
    install("target-duckdb")
    jobs = {job["name"]: job["tasks"] for job in _project()["jobs"]}
    assert jobs["load-results"] == ["activation-results target-duckdb"]
    assert jobs["load-results-postgres"] == ["activation-results target-postgres"]
    folder = tmp_path / "results"
    folder.mkdir()
    pipeline = Pipeline(tmp_path, "http://127.0.0.1:1")
    environment = pipeline.environment | {"ACTIVATION_RESULTS_PATH": str(folder)}
    for name in ("contacts", "notes"):
        (folder / f"{name}.singer").write_text(activate()[1])
    run_meltano(["run", "load-results"], environment, tmp_path / "log")
    with duckdb.connect(str(pipeline.database)) as database:
        [(count, runs)] = database.execute(
            f"SELECT count(*), count(DISTINCT run) FROM {RESULTS}"  # noqa: S608 - our own name
        ).fetchall()
    assert (count, runs) == (6, 2)
    shutil.rmtree(folder)


def _project() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "meltano.yml").read_text("utf-8"))
    return found
