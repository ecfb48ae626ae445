"""A runner of an account with a shop, tasks and a custom object."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.target.undo.commerce_and_custom_objects.runs import runner_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.target.undo.account import UndoRunner


@pytest.fixture
def runner(tmp_path: Path) -> UndoRunner:
    """A runner of a small account with a shop, tasks and a custom object."""
    return runner_of(tmp_path)
