"""An account with automations, without contacts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.target.sinks.contacts.automations.account import Account

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.target.runner import TargetRunner


@pytest.fixture
def account(make_runner: Callable[..., TargetRunner]) -> Account:
    """An account without contacts."""
    return Account(make_runner(contacts=0, deals=0, accounts=0))
