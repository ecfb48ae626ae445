"""Accounts with audiences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .scene import ALL, Scene

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """An account whose audiences give tags and remove them."""
    return Scene(tmp_path)


@pytest.fixture
def whole(tmp_path: Path) -> Scene:
    """An account whose audiences remove everything that they gave."""
    return Scene(tmp_path, on_leave=ALL)
