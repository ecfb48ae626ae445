"""An account with all streams, a real loader, and the dbt project over its tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tap_activecampaign_unified.resources import RESOURCES
from tests.end_to_end.loaders import into_duckdb, into_postgres
from tests.tap.running import Account

from .project import Transform

if TYPE_CHECKING:
    from pathlib import Path

    from tests.end_to_end.loaders import Loader
    from tests.sandbox import World

STREAMS = [one.name for one in RESOURCES]


class Warehouse:
    """One account, its loader, its project, and the state between two loads."""

    def __init__(self, loader: Loader, transform: Transform, seed: int = 1) -> None:
        """Make the account."""
        self.account = Account(seed=seed, contacts=40, deals=30, accounts=8)
        self.loader, self.transform = loader, transform
        self._state: dict[str, Any] = {}

    @property
    def world(self) -> World:
        """The account's own tables."""
        return self.account.world

    def load(self, streams: list[str] | None = None, **settings: Any) -> None:
        """Run tap and loader once, from the state of the run before."""
        self.account.wait(minutes=5)
        ran = self.account.run(self._state or None, only=streams or STREAMS, **settings)
        assert (ran.code, ran.line) == (0, None)
        self._state = self.loader.load(ran.text)


@pytest.fixture(params=["duckdb", "postgres"])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Warehouse:
    """An empty database of each kind; the server may be in any time zone."""
    if request.param == "duckdb":
        loader = into_duckdb(tmp_path)
        environment = {"DBT_TARGET": "duckdb", "DBT_DUCKDB_PATH": str(tmp_path / "loaded.duckdb")}
    else:
        database = request.getfixturevalue("postgres_database")
        database.rows(f"ALTER DATABASE {database.name} SET timezone = 'Pacific/Auckland'")
        loader = into_postgres(tmp_path, database)
        environment = {"DBT_TARGET": "postgres", **database.environment}
    return Warehouse(loader, Transform(loader.tables, tmp_path, environment))
