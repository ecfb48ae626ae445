"""The first pages of docs/ agree with the files beside them."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.render import ROOT

if TYPE_CHECKING:
    from pathlib import Path

GIT, MAKE = (shutil.which(program) or program for program in ("git", "make"))
PAGES = ("docs/first-load.md", "docs/first-write.md", "docs/undo.md")
#: Files that a command of these pages reads or writes.
FILE = re.compile(r"(?:(?<=\$PWD/)|(?<![\w/.-]))[a-z]+\.(?:json|jsonl|duckdb|sqlite)\b")
CLEAN_KEEPS = ("meltano.db", "meltano.db-wal", "state")


@pytest.mark.parametrize("page", PAGES)
def test_git_ignores_the_files_of_the_page(page: str, tmp_path: Path) -> None:
    """A file that the page names may hold a key or personal data: git ignores it."""
    shutil.copy(ROOT / ".gitignore", tmp_path)
    subprocess.run([GIT, "init", "-q", tmp_path], check=True)
    names = sorted(set(FILE.findall((ROOT / page).read_text(encoding="utf-8"))))
    assert len(names) > 1
    found = subprocess.run(
        [GIT, "check-ignore", *names], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert found.stdout.split() == names


@pytest.mark.parametrize("page", ["docs/first-load.md", "docs/warehouses.md"])
def test_the_schedules_run_the_job_of_the_page(page: str) -> None:
    """The page names the job of the schedules in meltano.yml."""
    project = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
    (job,) = {schedule["job"] for schedule in project["schedules"]}
    assert f"in `meltano.yml` run the job `{job}`" in (ROOT / page).read_text(encoding="utf-8")


def test_make_clean_keeps_the_state_of_production_runs(tmp_path: Path) -> None:
    """`make clean` removes plugins and .demo; the state and the loaded tables stay."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in (".meltano/extractors/tap", ".meltano/run", ".meltano/state", ".demo", ".venv"):
        (tmp_path / name).mkdir(parents=True)
    for name in (".meltano/meltano.db", ".meltano/meltano.db-wal", "activecampaign.duckdb"):
        (tmp_path / name).touch()
    for _ in range(2):
        subprocess.run([MAKE, "clean"], cwd=tmp_path, check=True, capture_output=True)
    assert sorted(path.name for path in (tmp_path / ".meltano").iterdir()) == sorted(CLEAN_KEEPS)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {".meltano", "Makefile", "activecampaign.duckdb"}
