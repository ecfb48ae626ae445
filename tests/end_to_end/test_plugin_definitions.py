"""The plugin definitions, added to a user's project by `meltano add --from-ref`."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.demo.account import ROOT
from tests.demo.pipeline import install
from tests.render import BLOCKS

if TYPE_CHECKING:
    from pathlib import Path

MELTANO = ROOT / ".venv-meltano" / "bin" / "meltano"
EMPTY = "project_id: elsewhere\nsend_anonymous_usage_stats: false\n"


@pytest.mark.meltano
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "block"),
    [("tap-activecampaign-unified", "tap plugin"), ("target-activecampaign", "target plugin")],
)
def test_meltano_adds_the_plugin_from_our_file(tmp_path: Path, name: str, block: str) -> None:
    """The added plugin has every setting of the code, and Meltano masks its key."""
    (tmp_path / "meltano.yml").write_text(EMPTY, encoding="utf-8")
    definition = str(ROOT / "plugins" / f"{name}.yml")
    meltano(tmp_path, "add", "--no-install", "--from-ref", definition, name)
    added = (tmp_path / "meltano.yml").read_text(encoding="utf-8")
    lines = [line.strip() for line in BLOCKS[block]().splitlines()]
    declared = {line for line in lines if line.startswith("- name: ")}
    assert declared <= {line.strip() for line in added.splitlines()}
    meltano(tmp_path, "config", "set", name, "api_key", "a-key-of-nobody")
    shown = meltano(tmp_path, "config", "list", name)
    assert "api_key" in shown
    assert "a-key-of-nobody" not in shown


@pytest.mark.meltano
@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "name"), [("extractors", "tap-postgres"), ("loaders", "target-postgres")]
)
def test_others_plugins_are_declared_as_they_are(kind: str, name: str) -> None:
    """Capabilities and settings of other plugins in meltano.yml are those of the programs."""
    install(name)
    program = ROOT / ".meltano" / kind / name / "venv" / "bin" / name
    about = [str(program), "--about", "--format=json"]
    about = json.loads(subprocess.run(about, capture_output=True, check=True).stdout)
    plugins = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))["plugins"]
    [declared] = [plugin for plugin in plugins[kind] if plugin["name"] == name]
    assert declared["capabilities"] == sorted(about["capabilities"])
    assert {setting["name"] for setting in declared["settings"]} <= about["settings"][
        "properties"
    ].keys()


def meltano(project: Path, *arguments: str) -> str:
    """Run Meltano in a project; return what it printed."""
    done = subprocess.run(
        [str(MELTANO), *arguments],
        cwd=project,
        env={"PATH": os.environ["PATH"], "HOME": str(project)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-1000:]
    return done.stdout
