"""An account with all streams, a real loader, and the dbt project over its tables."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tap_activecampaign_unified.resources import RESOURCES
from tests.end_to_end.loaders import DELETED, PostgresTables, into_duckdb, into_postgres
from tests.sandbox.engagement.acts import click
from tests.sandbox.shape import Shape
from tests.tap.running import Account

from . import account
from .project import MARTS, STAGING, Transform

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.end_to_end.loaders import Loader, Row
    from tests.sandbox import World

DATABASES = ("duckdb", "postgres")
STREAMS = {resource.name: resource.keys for resource in RESOURCES}
SHAPE = Shape(stores=2, orders=30, products=4, subscriptions=4, sends=60, tasks=5)
#: Settings of loads: members of the first saved segment are read as well.
SETTINGS = {"saved_segments": ["1"]}
GREEN = {"success", "pass"}


class Warehouse:
    """One account, its loader, its project, and the state between two loads."""

    def __init__(self, loader: Loader, transform: Transform, seed: int = 1) -> None:
        """Make the account."""
        self.account = Account(seed=seed, contacts=40, deals=30, accounts=8, shape=SHAPE)
        self.loader, self.transform = loader, transform
        #: The newest record of each key that was emitted and not deleted, by stream.
        self.emitted: dict[str, dict[account.Key, Row]] = {name: {} for name in STREAMS}
        self._state: dict[str, Any] = {}

    @property
    def world(self) -> World:
        """The account's own tables."""
        return self.account.world

    def load(self, streams: list[str] | None = None, **settings: Any) -> None:
        """Run tap and loader once, from the state of the run before."""
        self.account.wait(minutes=5)
        ran = self.account.run(
            self._state or None, only=streams or STREAMS, **(SETTINGS | settings)
        )
        assert (ran.code, ran.line) == (0, None)
        self._state = self.loader.load(ran.text)
        messages = map(json.loads, ran.text.splitlines())
        activated = {
            message["stream"] for message in messages if message["type"] == "ACTIVATE_VERSION"
        }
        for name, records in ran.records.items():
            # A full table has only its newest rows; target-duckdb keeps the former rows.
            if name in activated and isinstance(self.loader.tables, PostgresTables):
                self.emitted[name] = {}
            for record in records:
                key = tuple(record[key] for key in STREAMS[name])
                self.emitted[name].pop(key, None)
                if not record.get(DELETED):
                    self.emitted[name][key] = record

    def build(self, *, with_unit_tests: bool = False, **variables: Any) -> Transform:
        """Build everything; raise if a model or a test fails or warns.

        Unit tests do not depend on the loaded rows, so one build per database runs them.
        """
        left_out = () if with_unit_tests else ("--exclude-resource-type", "unit_test")
        statuses = self.transform.build(*left_out, **variables)
        assert set(statuses.values()) <= GREEN, {
            name: status for name, status in statuses.items() if status not in GREEN
        }
        return self.transform


def open_warehouse(database: str, folder: Path, request: pytest.FixtureRequest) -> Warehouse:
    """Create an empty database; the server may be in any time zone."""
    if database == "duckdb":
        loader = into_duckdb(folder)
        environment = {"DBT_TARGET": "duckdb", "DBT_DUCKDB_PATH": str(folder / "loaded.duckdb")}
    else:
        made = request.getfixturevalue("postgres").database()
        made.rows(f"ALTER DATABASE {made.name} SET timezone = 'Pacific/Auckland'")
        loader = into_postgres(folder, made)
        environment = {"DBT_TARGET": "postgres", **made.environment}
    return Warehouse(loader, Transform(loader.tables, folder, environment))


@pytest.fixture(params=DATABASES)
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Warehouse:
    """An empty database of each kind."""
    return open_warehouse(request.param, tmp_path, request)


@dataclass(frozen=True)
class Day:
    """The tables after a load and a build, and their expected content."""

    marts: dict[str, list[Row]]
    staging: dict[str, list[Row]]
    expected: account.Expected
    emitted: dict[str, dict[account.Key, Row]]


@dataclass(frozen=True)
class History:
    """An account that was loaded and built, then changed, then loaded and built again."""

    transform: Transform
    days: list[Day]
    campaigns: dict[str, Row]
    #: Contact and tag of each tag that a contact lost between the two loads.
    gone: set[tuple[str, str]]


@pytest.fixture(scope="session", params=DATABASES)
def history(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[History]:
    """Two loads of one account into a database of each kind. Tests only read it."""
    folder = tmp_path_factory.mktemp("history")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder / "state"))
        warehouse = open_warehouse(request.param, folder, request)
        campaigns = account.plant_campaigns(warehouse.world)
        warehouse.load(detect_deletes=True)
        days = [day_of(warehouse, with_unit_tests=True)]
        removed = work_two_days(warehouse)
        warehouse.load(detect_deletes=True)
        days.append(day_of(warehouse))
        yield History(warehouse.transform, days, campaigns, removed)


def day_of(warehouse: Warehouse, *, with_unit_tests: bool = False) -> Day:
    """Build the project and return the content of its tables."""
    transform = warehouse.build(with_unit_tests=with_unit_tests)
    return Day(
        transform.all_rows(MARTS),
        transform.all_rows(STAGING),
        account.expected(warehouse.world),
        {name: dict(records) for name, records in warehouse.emitted.items()},
    )


def work_two_days(warehouse: Warehouse) -> set[tuple[str, str]]:
    """Move, win and reopen deals, tag, untag, join, leave, open; delete a contact and a deal.

    Return contact and tag of each tag that a contact lost.
    """
    world, wait = warehouse.world, warehouse.account.wait
    deals = [row for row in account.seen_deals(world) if row.status == account.OPEN]
    stages = world.tables["dealStages"].by("group", deals[0].group)
    for stage in stages[1:]:
        wait(hours=7)
        world.edit_deal(deals[0].id, stage=stage.id)
    world.edit_deal(deals[0].id, status=account.WON)
    wait(hours=3)
    world.edit_deal(deals[1].id, status=account.LOST)
    wait(hours=3)
    world.edit_deal(deals[1].id, status=account.OPEN)
    world.delete_deal(deals[-1].id)
    pair = next(iter(world.tables["contactTags"]))
    removed = {(str(pair.contact), str(pair.tag))}
    world.untag(pair.contact, pair.tag)
    world.tag(9, world.add_tag("brand new").id)
    world.edit_contact(5, firstName="Zoë")
    for status in (1, 2):
        wait(hours=26)
        world.subscribe(11, 2, status)
        world.touch(11)
    world.subscribe(12, 2)
    world.touch(12)
    for contact in (13, 13, 14):  # an open does not change the contact
        wait(hours=1)
        click(world, contact, campaign=9, message=9)
    # A deal does not change when its contact is deleted.
    with_deals = {row.contact for name in ("deals", "contactDeals") for row in world.tables[name]}
    person = next(
        row.contact for row in world.tables["contactTags"] if row.contact not in with_deals
    )
    removed |= {
        (str(person), str(row.tag)) for row in world.tables["contactTags"].by("contact", person)
    }
    world.delete_contact(person)
    wait(hours=30)
    return removed
