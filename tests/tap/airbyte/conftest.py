"""An account and its source."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.tap.running import Account

from .runs import Connector

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def account() -> Account:
    """An account with a little of everything."""
    return Account(contacts=240, deals=30, accounts=12)


@pytest.fixture
def connector(account: Account, tmp_path: Path) -> Connector:
    """The source of that account."""
    return Connector(account, tmp_path)
