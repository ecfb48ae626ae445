"""Thousands of runs say a great deal; their log is nobody's claim here."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Keep the runs from logging."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)
