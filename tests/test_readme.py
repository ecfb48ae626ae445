"""README keeps its word: its tables are the code's, its commands run, its scripts exist."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.demo.pipeline import Pipeline, install, run_meltano
from tests.render import DOCUMENTS, ROOT, fill
from tests.sandbox import World, serve

README = (ROOT / "README.md").read_text(encoding="utf-8")

POSTGRES = "tests/e2e/test_postgres.py runs it"
# Each command, and what shows that it does as it says.
COMMANDS = {
    "make demo": "the demo runs below",
    "make test": "it is what runs this test",
    "make meltano": "prepares the Meltano that the pipeline below runs with",
    "export ACTIVECAMPAIGN_API_URL=https://acme.api-us1.com": "given to the pipeline below",
    "export ACTIVECAMPAIGN_API_KEY=…": "given to the pipeline below",
    ".venv-meltano/bin/meltano --environment production run load": "runs below",
    "export POSTGRES_URL=postgresql+psycopg://user:password@host:5432/database": POSTGRES,
    "export MELTANO_DATABASE_URI=$POSTGRES_URL": POSTGRES,
    ".venv-meltano/bin/meltano --environment production run load-postgres": POSTGRES,
    "TARGET_ACTIVECAMPAIGN_DRY_RUN=true "
    ".venv-meltano/bin/meltano --environment production run activate-postgres": POSTGRES,
    ".venv-meltano/bin/meltano --environment production run activate-postgres": POSTGRES,
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_rendered_blocks_are_the_codes(name):
    """The tables of streams, fields and settings say what the code says; `make render` does it."""
    text = (ROOT / name).read_text(encoding="utf-8")
    assert fill(text) == text


def test_every_command_is_held_by_something():
    """README shows no command that nothing runs."""
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    shown = [line for block in blocks for line in block.splitlines() if line]
    assert set(shown) == set(COMMANDS)


def test_what_it_points_at_exists():
    """Every link to a file, every bench script and every make target is there."""
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
    for module in re.findall(r"python -m ([\w.]+)", README):
        path = ROOT / Path(*module.split("."))
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), module
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"`(?:PYTHON=\S+ )?make (\w+)`", README):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@pytest.mark.meltano
def test_the_demo_does_all_it_promises():
    """`make demo` loads, changes, loads again, and finds every table right."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.demo"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
    assert "✗" not in ran.stdout
    assert ran.stdout.count("✓") > 30


@pytest.mark.meltano
def test_the_real_accounts_command_runs(tmp_path):
    """The command for a real account loads whatever account the two variables name."""
    install()
    world = World(contacts=25, requests_per_second=5)
    command = next(line for line in COMMANDS if "run load" in line)
    _, *arguments = shlex.split(command)
    with serve(world) as served:
        pipeline = Pipeline(tmp_path, served.url)
        run_meltano(arguments, pipeline.environment, tmp_path / "log")
    assert world.count(prefix="/api/3/contacts") >= 1
    assert pipeline.database.exists()
