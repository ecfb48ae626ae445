"""The wheel as a user installs it: both programs start, and it has nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

from tests.demo.account import ROOT
from tests.sandbox import World, serve

PROGRAMS = ("tap-activecampaign-unified", "target-activecampaign")
CONNECTORS = ("source-activecampaign-unified", "destination-activecampaign")
PACKAGES = ("tap_activecampaign_unified", "target_activecampaign")

pytestmark = pytest.mark.meltano  # building a wheel needs the package index


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's wheel, built from a copy of the tracked files."""
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT))
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel's contents, before this checkout on Python's path."""
    folder = tmp_path_factory.mktemp("installed")
    pip("install", "--no-deps", "--target", str(folder), str(wheel))
    return folder


def pip(*arguments: str) -> None:
    """Run pip."""
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-1000:]


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's source archive."""
    backend = tmp_path_factory.mktemp("backend")
    pip("install", "--target", str(backend), "hatchling")
    folder = tmp_path_factory.mktemp("sdist")
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(folder)],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(backend)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-1000:]
    (found,) = folder.glob("*.tar.gz")
    return found


def run(installed: Path, *command: str, stdin: str = "") -> str:
    """Run a command with the wheel's packages; return its output."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(installed)}
    environment["XDG_STATE_HOME"] = str(installed / "state")
    done = subprocess.run(
        command,
        cwd=installed,
        env=environment,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-1000:]
    return done.stdout


def test_it_holds_the_packages_and_nothing_else(wheel: Path) -> None:
    """The wheel has two typed packages and the licence, and no tests or benchmarks."""
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == set(PACKAGES)
    assert {f"{package}/py.typed" for package in PACKAGES} <= set(names)
    assert any(name.endswith("/LICENSE") for name in names)
    for package in PACKAGES:
        tree = [path for path in (ROOT / package).rglob("*") if path.is_file()]
        files = {path.relative_to(ROOT).as_posix() for path in tree if path.suffix != ".pyc"}
        assert files <= set(names)
    assert f"{PACKAGES[0]}/reporting/html/report.html.jinja" in names


@pytest.mark.parametrize("program", PROGRAMS)
def test_its_programs_start(installed: Path, program: str) -> None:
    """--version and --about work from the installed files."""
    path = str(installed / "bin" / program)
    package = program.replace("-", "_")
    found = run(installed, sys.executable, "-c", f"import {package}; print({package}.__file__)")
    assert Path(found.strip()).is_relative_to(installed)
    version = run(installed, path, "--version")
    assert version.startswith(program)
    assert version.strip()[-1].isdigit()
    about = json.loads(run(installed, path, "--about", "--format=json"))
    assert about["name"] == program
    assert {"api_url", "api_key"} <= set(about["settings"]["properties"])


@pytest.mark.parametrize("program", CONNECTORS)
def test_its_airbyte_connectors_start(installed: Path, program: str) -> None:
    """--version and spec work from the installed files."""
    path = str(installed / "bin" / program)
    assert run(installed, path, "--version").startswith(program)
    spec = json.loads(run(installed, path, "spec"))["spec"]["connectionSpecification"]
    assert {"api_url", "api_key"} <= set(spec["properties"])


def test_its_programs_work_outside_the_repository(installed: Path, tmp_path: Path) -> None:
    """The installed tap reads an account, the target copies it, and each writes its report page."""
    accounts = [World(contacts=n, deals=0, accounts=0, requests_per_second=0) for n in (12, 0)]
    out = ""
    for program, world in zip(PROGRAMS, accounts, strict=True):
        with serve(world) as served:
            config = tmp_path / f"{program}.json"
            page = tmp_path / f"{program}.html"
            settings = {"api_url": served.url, "api_key": world.api_key, "requests_per_second": 0}
            settings["run_report_html_path"] = str(page)
            if program == "target-activecampaign":
                settings["source_ids"] = "foreign"
            config.write_text(json.dumps(settings))
            path = str(installed / "bin" / program)
            out = run(installed, path, "--config", str(config), stdin=out)
            assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    known, copied = ({contact.email for contact in world.tables["contacts"]} for world in accounts)
    assert len(known) == 12
    assert copied == known


def test_its_metadata_has_the_licence_and_the_extras(wheel: Path) -> None:
    """The metadata has the licence expression, README as Markdown, and the extras."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = message_from_bytes(archive.read(name))
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Description-Content-Type"] == "text/markdown"
    clients = {
        "redis": "redis",
        "postgres": "psycopg",
        "airbyte": "airbyte-protocol-models-dataclasses",
    }
    assert set(metadata.get_all("Provides-Extra") or ()) == set(clients)
    for extra, client in clients.items():
        requirements = [
            line for line in metadata.get_all("Requires-Dist", []) if line.startswith(client)
        ]
        assert requirements
        assert all(f"extra == '{extra}'" in line for line in requirements)


def test_the_source_archive_gives_the_same_wheel(wheel: Path, sdist: Path, tmp_path: Path) -> None:
    """A wheel that is built from the source archive has the same files and contents."""
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml"} <= names
    pip("wheel", "--no-deps", "--wheel-dir", str(tmp_path), str(sdist))
    (again,) = tmp_path.glob("*.whl")
    assert contents(again) == contents(wheel)


def contents(wheel: Path) -> dict[str, int]:
    """Every file of a wheel and its checksum."""
    return {entry.filename: entry.CRC for entry in zipfile.ZipFile(wheel).infolist()}
