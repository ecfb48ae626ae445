"""A small account and a lab for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from .lab import Lab

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.sandbox import World
    from tests.tap.client.lab import LabClock


@pytest.fixture
def make_lab(
    make_world: Callable[..., World], clock: LabClock, tmp_path: Path
) -> Callable[..., Lab]:
    """Make labs of accounts of given sizes and switches."""

    def make(**options: Any) -> Lab:
        return Lab(
            make_world(**({"contacts": 30, "deals": 10, "accounts": 8} | options)), clock, tmp_path
        )

    return make


@pytest.fixture
def lab(make_lab: Callable[..., Lab]) -> Lab:
    """A lab of a small account."""
    return make_lab()
