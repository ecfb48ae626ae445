"""The commands of README and of the first pages do what the pages say."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
import yaml

from tests.demo.account import API_KEY
from tests.demo.pipeline import Pipeline, install, run_meltano
from tests.render import ROOT
from tests.sandbox import World, serve

POSTGRES = "tests/end_to_end/test_postgres.py runs it"
MANY = "tests/many runs it"
WRITE = "test_the_first_write_runs runs it"
SINGER = "test_the_way_without_meltano_runs runs it"
ENVIRONMENTS = "test_the_way_without_meltano_runs has them"
TAP = ".venv-singer/bin/tap-activecampaign-unified --config config.json"
LOADER = ".venv-loader/bin/target-duckdb --config duckdb.json >> states.jsonl"
MELTANO = ".venv-meltano/bin/meltano --environment production run"
# Each command, and the test of what the page says about it.
COMMANDS = {
    "make demo": "test_the_demo_does_all_it_promises runs it",
    "make test": "it runs this test",
    "make meltano": "prepares the Meltano of the tests below",
    "export ACTIVECAMPAIGN_API_URL=https://acme.api-us1.com": "given to the pipeline below",
    "export ACTIVECAMPAIGN_API_KEY=…": "given to the pipeline below",
    f"{MELTANO} load": "test_the_real_accounts_command_runs runs it",
    'echo \'{"email": "you@example.com", "first_name": "Ada", "tags": ["first-write"]}\''
    " > contacts.jsonl": WRITE,
    "export WAREHOUSE_CONTACTS_PATH=$PWD/contacts.jsonl": WRITE,
    "export TARGET_ACTIVECAMPAIGN_RESULTS_PATH=$PWD/results.jsonl": WRITE,
    f"TARGET_ACTIVECAMPAIGN_DRY_RUN=true {MELTANO} warehouse-contacts target-activecampaign": WRITE,
    f"{MELTANO} warehouse-contacts target-activecampaign": WRITE,
    "export POSTGRES_URL=postgresql+psycopg://user:password@host:5432/database": POSTGRES,
    "export MELTANO_DATABASE_URI=$POSTGRES_URL": POSTGRES,
    f"{MELTANO} load-postgres": POSTGRES,
    f"TARGET_ACTIVECAMPAIGN_DRY_RUN=true {MELTANO} activate-postgres": POSTGRES,
    f"{MELTANO} activate-postgres": POSTGRES,
    "python3 -m venv .venv-singer": ENVIRONMENTS,
    ".venv-singer/bin/pip install .": ENVIRONMENTS,
    "python3 -m venv .venv-loader": ENVIRONMENTS,
    ".venv-loader/bin/pip install target-duckdb==0.8.0 duckdb==1.2.2": ENVIRONMENTS,
    f"{TAP} | {LOADER}": SINGER,
    f"{TAP} --state state.json | {LOADER}": SINGER,
    "tail -n 1 states.jsonl > state.json": SINGER,
    f"{TAP} --test": SINGER,
    "meltano add --from-ref tap-activecampaign-unified.yml tap-activecampaign-unified": (
        "tests/end_to_end/test_plugin_definitions.py runs it"
    ),
    "meltano add --from-ref target-activecampaign.yml target-activecampaign": (
        "tests/end_to_end/test_plugin_definitions.py runs it"
    ),
}
PAGES = ("README.md", "docs/first-load.md", "docs/first-write.md", "docs/warehouses.md")


def commands(page: str) -> list[str]:
    """Return the commands that a page shows."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / page).read_text("utf-8"), re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line]


def test_every_command_has_a_test() -> None:
    """Each command of the first pages has a test."""
    assert {line for page in PAGES for line in commands(page)} == set(COMMANDS)


@pytest.mark.long
@pytest.mark.meltano
def test_the_demo_does_all_it_promises() -> None:
    """`make demo` loads, changes, loads again, and finds no difference in the tables."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.demo"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
    assert "✗" not in ran.stdout
    assert ran.stdout.count("✓") > 30


@pytest.mark.long
@pytest.mark.meltano
def test_the_real_accounts_command_runs(tmp_path: Path) -> None:
    """The command for a real account loads the account of the two variables."""
    install()
    world = World(contacts=25, requests_per_second=5)
    _, *arguments = shlex.split(f"{MELTANO} load")
    with serve(world) as served:
        pipeline = Pipeline(tmp_path, served.url)
        run_meltano(arguments, pipeline.environment, tmp_path / "log")
    assert world.count(prefix="/api/3/contacts") >= 1
    assert pipeline.database.exists()


@pytest.mark.meltano
def test_the_first_write_runs(tmp_path: Path) -> None:
    """README's first write plans a contact with its tag, writes it, and writes it only once."""
    install()
    shown = [line for line in commands("README.md") if COMMANDS[line] == WRITE]
    assert shown == [line for line in commands("docs/first-write.md") if COMMANDS[line] == WRITE]
    (tmp_path / ".venv-meltano").symlink_to(ROOT / ".venv-meltano")
    world = World(contacts=3, api_key=API_KEY, requests_per_second=0)
    results = []
    with serve(world) as served:
        environment = Pipeline(tmp_path, served.url).environment
        environment |= {"TARGET_ACTIVECAMPAIGN_REQUESTS_PER_SECOND": "0"}
        setup, runs = shown[:3], [*shown[3:], shown[4]]
        for line in runs:
            script = "\n".join(["set -e", *setup, line])
            ran = subprocess.run(
                ["/bin/bash", "-c", script],
                cwd=tmp_path,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
            assert ran.returncode == 0, ran.stdout + ran.stderr
            results.append(json.loads((tmp_path / "results.jsonl").read_text("utf-8")))
    assert [result["action"] for result in results] == ["planned", "created", "unchanged"]
    assert results[1]["key"] == {"email": "you@example.com"}
    [made] = world.tables["contacts"].by("email", "you@example.com")
    assert results[1]["id"] == str(made.id)
    tags = {tag.id: tag.tag for tag in world.tables["tags"]}
    assert [
        tags[applied.tag] for applied in world.tables["contactTags"].by("contact", made.id)
    ] == ["first-write"]


@pytest.mark.long
@pytest.mark.meltano
def test_the_way_without_meltano_runs(tmp_path: Path) -> None:
    """The commands without Meltano load an account, then what changed, and check the account."""
    install("target-duckdb")
    page = (ROOT / "docs" / "first-load.md").read_text("utf-8")
    config, loader = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    declared = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))["plugins"]
    [pinned] = [loader for loader in declared["loaders"] if loader["name"] == "target-duckdb"]
    assert f".venv-loader/bin/pip install {pinned['pip_url']}" in commands("docs/first-load.md")
    for name, bin_folder in (
        (".venv-singer", Path(sys.executable).parent),
        (".venv-loader", ROOT / ".meltano/loaders/target-duckdb/venv/bin"),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "bin").symlink_to(bin_folder)
    first, *rest = [line for line in commands("docs/first-load.md") if COMMANDS[line] == SINGER]
    world = World(contacts=12, api_key=API_KEY, requests_per_second=0)
    with serve(world) as served:
        settings = json.loads(config)
        assert settings.keys() == {"api_url", "api_key"}
        settings = {"api_url": served.url, "api_key": API_KEY, "requests_per_second": 0}
        (tmp_path / "config.json").write_text(json.dumps(settings), encoding="utf-8")
        (tmp_path / "duckdb.json").write_text(loader, encoding="utf-8")
        run_shell(tmp_path, first)
        assert rows(tmp_path) == 12
        world.add_contact("new@case.example")
        world.log.clear()
        ended = run_shell(tmp_path, *rest)
    assert rows(tmp_path) == 13
    assert any(
        name == "filters[updated_after]" for request in world.log for name, _ in request.query
    )
    assert "contacts updated_after" in ended.stderr
    assert API_KEY not in ended.stdout + ended.stderr


def run_shell(folder: Path, *lines: str) -> subprocess.CompletedProcess[str]:
    """Run lines of a page in a folder; each must succeed."""
    ended = subprocess.run(
        ["/bin/bash", "-c", "\n".join(["set -eo pipefail", *lines])],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_STATE_HOME": str(folder)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-2000:]
    return ended


def rows(folder: Path) -> int:
    """Return the number of contacts in the DuckDB file of a folder."""
    with duckdb.connect(str(folder / "activecampaign.duckdb"), read_only=True) as connection:
        [(count,)] = connection.execute("SELECT count(*) FROM marketing_contacts").fetchall()
    return int(count)
