"""A runner whose runs can be undone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.tap.client.clients import ManualClock, world_of

from .account import UndoRunner

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def runner(tmp_path: Path) -> UndoRunner:
    """A runner of a small account."""
    clock = ManualClock()
    return UndoRunner(world_of(clock, contacts=130, deals=12, accounts=8), clock, tmp_path)
