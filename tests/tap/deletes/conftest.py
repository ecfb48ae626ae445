"""An account, and runs of the tap that detect its deleted rows."""

from __future__ import annotations

import pytest

from tests.tap.running import Account


@pytest.fixture
def account() -> Account:
    """An account with a little of everything."""
    return Account(contacts=60, deals=30, accounts=20)


@pytest.fixture
def run(account, tmp_path):
    """Return a function that runs the tap with `detect_deletes` and a file of known ids."""

    def go(state=None, **settings):
        path = settings.pop("known_ids_path", str(tmp_path / "known.sqlite"))
        account.wait(minutes=5)
        return account.run(state, detect_deletes=True, known_ids_path=path, **settings)

    return go
