"""A lab whose runs can be undone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.tap.client.lab import LabClock, world_of

from .account import UndoLab

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def lab(tmp_path: Path) -> UndoLab:
    """A lab of a small account."""
    clock = LabClock()
    return UndoLab(world_of(clock, contacts=130, deals=12, accounts=8), clock, tmp_path)
