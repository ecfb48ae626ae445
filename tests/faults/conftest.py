"""Turns logging off: these tests run the programs thousands of times."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Turn logging off."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)
