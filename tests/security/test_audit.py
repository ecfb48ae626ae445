"""Known vulnerabilities of dependencies, looked up in the long form of the tests."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests import length

ROOT = Path(__file__).parents[2]
SECONDS = 300


def installed() -> list[str]:
    """Return all installed packages except ours, as requirements."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "list", "--format=json", "--exclude-editable"],
        capture_output=True,
        check=True,
        timeout=SECONDS,
    )
    ours = "tap-activecampaign-unified"
    found = json.loads(listed.stdout)
    return [
        f"{package['name']}=={package['version']}" for package in found if package["name"] != ours
    ]


def audited(tool: Path, requirements: Path) -> tuple[int, str]:
    """Run pip-audit over exact requirements; return its exit code and output."""
    done = subprocess.run(
        [
            tool,
            "--requirement",
            requirements,
            "--no-deps",
            "--disable-pip",
            "--progress-spinner=off",
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    return done.returncode, done.stdout + done.stderr


if length.LONG:

    def test_no_dependency_has_a_known_weakness(tmp_path: Path) -> None:
        """pip-audit finds no vulnerability; if it cannot run, the test fails."""
        import venv  # noqa: PLC0415 - only here

        venv.create(tmp_path / "audit", with_pip=True)
        pip = tmp_path / "audit" / "bin" / "pip"
        subprocess.run([pip, "install", "-q", "pip-audit>=2.9,<3"], check=True, timeout=SECONDS)
        requirements = tmp_path / "requirements.txt"
        # First a package with a known vulnerability, to see that pip-audit finds it.
        requirements.write_text("urllib3==1.24.1\n")
        code, output = audited(pip.with_name("pip-audit"), requirements)
        assert code == 1, output
        assert "known vulnerabilit" in output
        requirements.write_text("\n".join(installed()) + "\n")
        code, output = audited(pip.with_name("pip-audit"), requirements)
        assert code == 0, output
        assert "No known vulnerabilities found" in output


def test_the_audit_would_ask_about_every_dependency() -> None:
    """The audited list has every dependency of the project by exact version."""
    found = {
        requirement.partition("==")[0].lower().replace("_", "-") for requirement in installed()
    }
    assert {"requests", "urllib3", "singer-sdk", "msgspec", "jsonschema", "click"} <= found
    assert all("==" in requirement for requirement in installed())


@pytest.mark.parametrize("code", [0, 1])
def test_a_failed_audit_does_not_pass(tmp_path: Path, code: int) -> None:
    """A failed pip-audit gives its exit code and its output."""
    tool = tmp_path / "tool"
    tool.write_text(f"#!{sys.executable}\nprint('heard')\nraise SystemExit({code})\n")
    tool.chmod(0o700)
    assert audited(tool, tmp_path / "none") == (code, "heard\n")
