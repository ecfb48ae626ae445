"""An account on the loopback for all tests of a module, and a user's folder for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.sandbox import Served, World, serve

from .program import KEY, Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """A small account with rows of every kind, on the real clock, without a limit."""
    world = World(contacts=60, deals=12, accounts=8, api_key=KEY, requests_per_second=0)
    with serve(world) as served:
        yield served


@pytest.fixture
def workspace(tmp_path: Path, served: Served) -> Iterator[Workspace]:
    """A user's folder; the account's faults are removed after each test."""
    yield Workspace(tmp_path, served.url)
    served.world.faults.clear()
    served.world.api_key = KEY
