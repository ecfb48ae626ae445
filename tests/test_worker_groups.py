"""`make test-long` keeps the tests that run Meltano on one worker."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

GROUPED = """
import os, pathlib, pytest

@pytest.mark.xdist_group("meltano")
@pytest.mark.parametrize("number", range(4))
def test_one(number):
    pathlib.Path(__file__).with_name(os.environ["PYTEST_XDIST_WORKER"]).touch()
"""


@pytest.mark.long
def test_the_installed_pytest_keeps_a_group_of_tests_on_one_worker(tmp_path: Path) -> None:
    """Tests of one group, run by two workers, all run on the same worker."""
    tests = tmp_path / "test_grouped.py"
    tests.write_text(GROUPED)
    command = (sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadgroup")
    alone = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
    ended = subprocess.run(
        (*command, "-c", os.devnull, "--rootdir", str(tmp_path), str(tests)),
        env=alone,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout
    assert len(list(tmp_path.glob("gw*"))) == 1
