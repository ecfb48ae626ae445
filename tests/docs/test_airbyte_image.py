"""airbyte/Dockerfile fits the project. The tests need no container engine."""

from __future__ import annotations

import json
import re
import tomllib

import pytest

from tests.render import ROOT

TEXT = (ROOT / "airbyte" / "Dockerfile").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CONNECTORS = {
    "source": "source-activecampaign-unified",
    "destination": "destination-activecampaign",
}


def stage(name: str) -> str:
    """Return the instructions of a build stage."""
    found = re.search(rf"^FROM \S+ AS {name}\n(.*?)(?=^FROM|\Z)", TEXT, re.DOTALL | re.MULTILINE)
    assert found
    return found[1]


@pytest.mark.parametrize("target", CONNECTORS)
def test_each_image_starts_a_program_of_the_project(target: str) -> None:
    """Entry point, environment and labels of an image name an installed program.

    The labels name this version.
    """
    program, text = CONNECTORS[target], stage(target)
    assert program in PROJECT["scripts"]
    entry = re.search(r"^ENTRYPOINT (.*)$", text, re.MULTILINE)
    assert entry
    assert json.loads(entry[1]) == [program]
    assert f'AIRBYTE_ENTRYPOINT="{program}"' in text
    assert f'io.airbyte.name="{program}"' in text
    assert f'io.airbyte.version="{PROJECT["version"]}"' in text


def test_the_image_holds_what_the_wheel_is_made_of() -> None:
    """Each copied file exists, and together they are the input of the wheel's build."""
    copied = [
        name
        for line in re.findall(r"^COPY (.*)$", TEXT, re.MULTILINE)
        for name in line.split()[:-1]
    ]
    assert all((ROOT / name).exists() for name in copied)
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]
    needed = [
        PROJECT["readme"],
        *PROJECT["license-files"],
        *build["build"]["targets"]["wheel"]["packages"],
    ]
    assert {"pyproject.toml", *needed} == set(copied)


def test_the_image_installs_extras_that_exist() -> None:
    """The extras of the image are those of pyproject.toml for messages and remote state."""
    extras = re.search(r"pip install .*'\.\[(.*)\]'", TEXT)
    assert extras
    assert set(extras[1].split(",")) == set(PROJECT["optional-dependencies"])


def test_the_page_gives_the_build_commands_of_the_file() -> None:
    """The commands in docs/airbyte.md are those at the head of the Dockerfile."""
    commands = re.findall(r"^#   (docker build .*)$", TEXT, re.MULTILINE)
    page = (ROOT / "docs" / "airbyte.md").read_text(encoding="utf-8")
    assert len(commands) == 2
    for command in commands:
        assert command in page
        assert f":{PROJECT['version']}" in command
