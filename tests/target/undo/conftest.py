"""A runner whose runs can be undone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.tap.client.clients import ManualClock, world_of
from tests.target.combinations import parameters
from tests.target.conftest import give_combination

from .account import UndoRunner

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def runner(tmp_path: Path) -> UndoRunner:
    """A runner of a small account."""
    clock = ManualClock()
    return UndoRunner(world_of(clock, contacts=130, deals=12, accounts=8), clock, tmp_path)


@pytest.fixture(params=parameters("undo_path"))
def other_combinations(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the test with every combination of the settings beside `undo_path`."""
    give_combination(request, monkeypatch)
