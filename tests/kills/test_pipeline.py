"""``tap | target``: one is killed, and both run again from the saved state."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import pytest

from tests.end_to_end.program import KEY
from tests.faults.store_delivery import OBJECT
from tests.faults.store_delivery import picture as store_picture
from tests.length import seeds
from tests.sandbox import Served, Shape, World, serve
from tests.sandbox.custom_objects import acts
from tests.sandbox.ecommerce import store
from tests.target.combinations import combinations, settings_of
from tests.target.test_copy import picture

from .fast import FastClock
from .moments import SIGNALS, Killer, Moment
from .programs import check_ending, finish, lines_of, start

if TYPE_CHECKING:
    from pathlib import Path

    from tests.end_to_end.program import Ended

REQUESTS = {"tap": 35, "target": 90}
STORE_REQUESTS = {"tap": 20, "target": 60}
#: The tap continues from a state, and the input of an audience is whole each time.
COMBINATIONS = combinations("audiences")
STORE_STREAMS = {
    *("marketing_segments", "marketing_tags", "crm_accounts", "marketing_contacts"),
    *("commerce_stores", "commerce_products", "commerce_orders", "commerce_order_lines"),
    *("commerce_subscriptions", OBJECT),
}


class Pipeline:
    """Copies one account into another; the tap continues from the target's last state."""

    def __init__(
        self,
        source: Served,
        copy: Served,
        folder: Path,
        catalog: Path | None = None,
        seed: int = 0,
    ) -> None:
        """Begin without a state; without a catalog the tap reads what is selected by default.

        The seed chooses settings of the target.
        """
        count = len(COMBINATIONS)
        names = COMBINATIONS[(seed + seed // count) % count]  # with each victim in turn
        self.besides = settings_of(names, folder)
        self.source, self.copy, self.folder = source, copy, folder
        self.state, self.catalog = folder / "state.json", catalog

    def run(self, victim: str = "", killer: Killer | None = None) -> dict[str, Ended]:
        """Run both to their ends."""
        more = ["--state", str(self.state)] if self.state.exists() else []
        more += ["--catalog", str(self.catalog)] if self.catalog else []
        tap = start("tap", self.folder, *more, settings={"api_url": self.source.url}, stdin=None)
        settings = {
            "api_url": self.copy.url,
            "source_ids": "foreign",
            "create_missing_fields": True,
            "ledger_path": str(self.folder / "ledger.sqlite"),
            **self.besides,
        }
        target = start("target", self.folder, settings=settings, stdin=tap.stdout)
        assert tap.stdout is not None
        tap.stdout.close()  # the target's alone, so that the tap's write fails when the target ends
        tap.stdout = None
        if killer is not None:
            killer.watch({"tap": tap, "target": target}[victim])
        ended = {"target": finish(target, killer=killer), "tap": finish(tap)}
        if states := lines_of(ended["target"].out):
            self.state.write_text(json.dumps(states[-1]))
        return ended


def empty() -> World:
    """Return an empty account on a fast clock."""
    return World(
        is_empty=True, api_key=KEY, requests_per_second=0, clock=FastClock(), import_seconds=3
    )


@pytest.fixture(scope="module")
def source() -> Any:
    """The account that is copied."""
    world = World(contacts=24, deals=6, accounts=4, api_key=KEY, requests_per_second=0)
    with serve(world) as served:
        yield served


@pytest.fixture(scope="module")
def undisturbed(source: Served, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The copy of an undisturbed pipeline."""
    world = empty()
    with serve(world) as copy:
        ended = Pipeline(source, copy, tmp_path_factory.mktemp("undisturbed")).run()
    assert [one.code for one in ended.values()] == [0, 0], ended["target"].err
    return picture(world)


@pytest.mark.parametrize("seed", seeds(len(COMBINATIONS), 40))
def test_a_copy_that_was_broken_off_ends_as_if_it_had_not_been(
    source: Served, undisturbed: dict[str, Any], tmp_path: Path, seed: int
) -> None:
    """After either program was killed, a second run makes the same copy, with no row twice."""
    dice = random.Random(seed)
    victim = ("target", "tap")[seed % 2]
    world = empty()
    moment = Moment(dice.choice(SIGNALS), "before", dice.randint(1, REQUESTS[victim]))
    killer = Killer(moment, world if victim == "target" else source.world)
    with serve(world) as copy:
        pipeline = Pipeline(source, copy, tmp_path, seed=seed)
        ended = pipeline.run(victim, killer)
        killer.leave()
        check_ending(ended[victim], moment.signum, is_sent=killer.is_sent)
        if victim == "target" and ended["tap"].code:
            assert ended["tap"].code == 1
            assert "program that reads the output has ended" in ended["tap"].line
        again = pipeline.run()
        assert [one.code for one in again.values()] == [0, 0], (moment, again["target"].err)
        world.settle(at_once=True)
        assert picture(world) == undisturbed, (victim, moment)


def add_visits(world: World) -> Any:
    """Define a custom object."""
    fields = [acts.field("title"), acts.field("note", "textarea")]
    return acts.add_schema(world, "visits", fields, [acts.relationship("visitor")])


@pytest.fixture(scope="module")
def shop() -> Any:
    """The account whose stores and custom objects are copied."""
    shape = Shape(stores=2, orders=24, products=12, subscriptions=6, lines_per_order=2)
    world = World(contacts=12, shape=shape, api_key=KEY, requests_per_second=0)
    visits = add_visits(world)
    for n in range(8):
        fields, relations = {"title": f"V{n}", "note": "x"}, {"visitor": [str(1 + n)]}
        acts.put_record(world, visits, f"v-{n}", fields, relations, lags=False)
    with serve(world) as served:
        yield served


@pytest.fixture(scope="module")
def shop_catalog(shop: Served, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog that selects the streams of stores and what they refer to."""
    folder = tmp_path_factory.mktemp("catalog")
    settings = {"api_url": shop.url}
    ended = finish(start("tap", folder, "--discover", settings=settings, stdin=None))
    found = json.loads(ended.out)
    for stream in found["streams"]:
        root = next(one for one in stream["metadata"] if one["breadcrumb"] == [])
        root["metadata"]["selected"] = stream["tap_stream_id"] in STORE_STREAMS
    path = folder / "catalog.json"
    path.write_text(json.dumps(found))
    return path


def empty_shop(shop: World) -> World:
    """Return an account with the same stores and custom object, and nothing in them."""
    world = empty()
    world.switches.ecommerce = "served"
    for one in shop.tables["connections"]:
        store.add_connection(world, one.service, one.externalid, one.name)
    add_visits(world)
    return world


@pytest.fixture(scope="module")
def undisturbed_shop(
    shop: Served, shop_catalog: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """The copy of an undisturbed pipeline."""
    world = empty_shop(shop.world)
    with serve(world) as copy:
        folder = tmp_path_factory.mktemp("shop")
        ended = Pipeline(shop, copy, folder, shop_catalog).run()
    assert [one.code for one in ended.values()] == [0, 0], ended["target"].err
    found = store_picture(world)
    assert all(found[part] for part in ("orders", "products", "subscriptions", "records"))
    return found


@pytest.mark.parametrize("seed", seeds(len(COMBINATIONS), 24))
def test_a_copy_of_a_store_that_was_broken_off_ends_as_if_it_had_not_been(
    shop: Served, shop_catalog: Path, undisturbed_shop: dict[str, Any], tmp_path: Path, seed: int
) -> None:
    """After either program was killed, a second run makes the same stores and custom objects."""
    dice = random.Random(seed)
    victim = ("target", "tap")[seed % 2]
    world = empty_shop(shop.world)
    moment = Moment(dice.choice(SIGNALS), "before", dice.randint(1, STORE_REQUESTS[victim]))
    killer = Killer(moment, world if victim == "target" else shop.world)
    with serve(world) as copy:
        pipeline = Pipeline(shop, copy, tmp_path, shop_catalog, seed)
        ended = pipeline.run(victim, killer)
        killer.leave()
        check_ending(ended[victim], moment.signum, is_sent=killer.is_sent)
        again = pipeline.run()
        assert [one.code for one in again.values()] == [0, 0], (moment, again["target"].err)
        assert store_picture(world) == undisturbed_shop, (victim, moment)
