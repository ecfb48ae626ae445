"""Under every fault e-commerce, custom objects, engagement, segments and tasks are complete."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from tests.length import LONG, seeds
from tests.sandbox import Shape
from tests.sandbox.custom_objects import acts as objects
from tests.sandbox.ecommerce import store
from tests.sandbox.engagement import acts as mails
from tests.tap.running import Account

from .test_reading import KINDS
from .warehouse import Warehouse, check_run, outcomes, replayed

if TYPE_CHECKING:
    from tests.sandbox import World
    from tests.tap.running import Ran

OBJECT = "custom_visits"
STREAMS = (
    *("commerce_stores", "commerce_customers", "commerce_orders", "commerce_order_lines"),
    *("commerce_products", "commerce_subscriptions", "crm_tasks", OBJECT),
    *("marketing_engagements", "marketing_saved_segments", "marketing_saved_segment_members"),
)
SMALL = Shape(stores=2, orders=12, products=8, subscriptions=6, sends=40, tasks=4)
PAGED = Shape(
    stores=2, orders=104, products=103, subscriptions=102, lines_per_order=1, sends=150, tasks=4
)


class StoreJourney:
    """An account with a store, and a warehouse with the output of its runs."""

    def __init__(self, *, is_paged: bool = False, **options: Any) -> None:
        self.account = Account(contacts=30, shape=PAGED if is_paged else SMALL, **options)
        self.world = self.account.world
        self.schema = objects.add_schema(
            self.world,
            "visits",
            [objects.field("title"), objects.field("count", "number")],
            [objects.relationship("visitor")],
        )
        self.visits = 102 if is_paged else 8
        for number in range(self.visits):
            self.visit(number)
        segments = list(self.world.tables["segments"])[:2]
        for contact in range(1, 9):
            self.world.tag(contact, segments[contact % 2].tag)
        self.settings: dict[str, Any] = {
            "saved_segments": [str(segment.id) for segment in segments]
        }
        self.catalog = self.account.discover()
        self.warehouse = Warehouse()

    def visit(self, number: int, title: str = "Visit") -> None:
        """Write a record that reads show at once."""
        fields = {"title": f"{title} {number}", "count": number}
        relations = {"visitor": [str(1 + number % 30)]}
        objects.put_record(self.world, self.schema, f"v-{number}", fields, relations, lags=False)

    def run(self, *, keep: int | None = None, **settings: Any) -> Ran:
        """Run the tap from the last state; load all its messages, or the first ``keep``."""
        before = self.warehouse.state
        ran = self.read(before, **settings)
        check_run(ran, before, self.account.moments())
        self.warehouse.load(ran.messages[:keep])
        return ran

    def read(self, state: dict[str, Any], **settings: Any) -> Ran:
        """Read everything, or the changes since a state."""
        return self.account.run(
            state, only=STREAMS, catalog=self.catalog, **self.settings | settings
        )

    def check(self, but: tuple[str, ...] = ()) -> None:
        """Fail unless the tables equal a run without a fault."""
        self.world.faults.clear()
        whole = Warehouse()
        ran = self.read({})
        assert ran.code == 0, ran.line
        whole.load(ran.messages)
        for stream in set(STREAMS) - set(but):
            held, wanted = self.warehouse.tables.get(stream, {}), whole.tables[stream]
            assert len(wanted) > 1, stream
            assert held.keys() == wanted.keys(), stream
            for key, record in wanted.items():
                assert held[key] == record, (stream, key)

    def go_on(self, seed: int) -> None:
        """Advance the clock by some hours and change some rows of every kind."""
        self.account.wait(hours=5)
        dice, w = random.Random(seed), self.world
        now = w.clock().strftime("%Y-%m-%dT%H:%M:%SZ")
        for row in dice.sample(list(w.tables["storeOrders"]), 3):
            change = {"normalizedStatus": "RETURNED", "storeModifiedDate": now}
            store.write_order(w, {**row.document, **change}, waits=True, at_once=True)
        product = {**next(iter(w.tables["storeProducts"])).document, "brand": f"B{seed}"}
        product |= {"baseProductStoreModifiedDate": now, "variantStoreModifiedDate": now}
        store.put_record(w, "storeProducts", product, replaces=False)
        payment = {**next(iter(w.tables["storeRecurringPayments"])).document}
        payment |= {"normalizedStatus": "PAUSED", "storeModifiedDate": now}
        store.put_record(w, "storeRecurringPayments", payment, replaces=False)
        self.visit(dice.randrange(self.visits), f"Changed {seed}")
        self.visit(200 + seed, "New")
        for contact in dice.sample(range(1, 31), 3):
            mails.send(w, contact)
            mails.click(w, contact, "https://acme.example/new")
        w.settle(at_once=True)
        self.account.wait(hours=1)


@pytest.mark.parametrize(
    "fault", KINDS if LONG else KINDS[::2], ids=lambda fault: f"{fault[0]} {[*fault[1].values()]}"
)
def test_a_passing_fault_costs_nothing(fault: tuple[str, dict[str, Any]]) -> None:
    """A first load and an incremental run through a fault that ends lose no field of any row."""
    journey = StoreJourney()
    for turn in range(2):
        journey.world.faults.mix(0.2, seed=3 + turn, kinds=(fault,))
        ran = journey.run()
        assert ran.code == 0, outcomes(ran)
        if turn == 0:
            journey.world.faults.clear()
            journey.go_on(1)
    journey.check()


GRAPHQL_ERRORS: dict[str, dict[str, Any]] = {
    "an internal error": {"message": "Internal Server Error(s) while executing query"},
    "a time-out": {"message": "Request timed out"},
    "its class": {"message": "x", "extensions": {"classification": "INTERNAL_ERROR"}},
}


@pytest.mark.parametrize("name", GRAPHQL_ERRORS)
def test_errors_with_status_200_cost_nothing(name: str) -> None:
    """A GraphQL answer with `errors` and status 200 is retried as a 5xx is."""
    journey = StoreJourney()
    for after in (0, 2, 4):
        document = {"errors": [GRAPHQL_ERRORS[name]], "data": None}
        journey.world.faults.refuse("/ecom/graphql", document, 1, status=200, after=after)
    assert journey.run().code == 0
    journey.check()


CLOSED: dict[str, tuple[str, ...]] = {
    "/ecomCustomers": ("commerce_customers",),
    "/ecomOrders": ("commerce_orders", "commerce_order_lines"),
    "/connections": ("commerce_stores",),
    "/ecom/graphql": (
        *("commerce_products", "commerce_subscriptions"),
        *("commerce_orders", "commerce_order_lines"),
    ),
    "/customObjects/records": (OBJECT,),
    "/ecomOrderProducts": ("commerce_orders", "commerce_order_lines"),
    **dict.fromkeys(("/logs", "/linkData", "/bounceLogs"), ("marketing_engagements",)),
    "/links": ("marketing_engagements",),
    "/dealTasks": ("crm_tasks",),
    "/segments": ("marketing_saved_segments", "marketing_saved_segment_members"),
}


@pytest.mark.long
@pytest.mark.parametrize("way", ["forbid", "not_found", "server_error"])
@pytest.mark.parametrize("path", CLOSED)
def test_an_endpoint_that_is_closed_costs_its_streams_alone(path: str, way: str) -> None:
    """A forbidden endpoint affects its own streams alone; once readable, they are complete."""
    journey = StoreJourney()
    faults = journey.world.faults
    faults.rewrite("/users/me", lambda _: None)
    getattr(faults, way)(path, times=None)
    ran = journey.run(max_retry_seconds=5)
    assert ran.code == (1 if way == "server_error" else 0)
    journey.check(but=CLOSED[path])
    journey.account.wait(hours=1)
    assert journey.run().code == 0
    journey.check()


def stopped(ran: Ran) -> bool:
    """Return whether a run was interrupted."""
    return ran.code != 0


@pytest.mark.long
@pytest.mark.parametrize("number", range(1, 60, 1 if LONG else 7))
def test_a_run_that_is_cut_off_at_any_request_is_completed_by_the_next(number: int) -> None:
    """After a 402 in mid-run the next run emits the rest."""
    journey = StoreJourney()
    seen = [0]

    def lapse(world: World, *_: Any) -> None:
        seen[0] += 1
        if seen[0] >= number:
            world.faults.lapsed()

    journey.world.before_request(lapse)
    ran = journey.account.run({}, only=STREAMS, catalog=journey.catalog, **journey.settings)
    assert stopped(ran) == (seen[0] >= number)
    journey.warehouse.load(ran.messages)
    journey.world.hooks.clear()
    journey.world.faults.clear()
    journey.go_on(2)
    assert journey.run().code == 0
    journey.check()


SWITCHES: dict[str, list[Any]] = {
    "meta_total": ["native", "native", "missing", "wrong", "larger", "string"],
    "order_discount_field": ["discountsAmount", "discountAmount", "both"],
    "order_filters": ["all", "shown"],
    "order_state_of_others": [0, 1],
    "ecom_orders_id": [False, True],
    "date_ranges": ["refused", "honoured", "ignored"],
    "ecommerce_sort": ["honoured", "ignored"],
    "text_filters": ["honoured", "ignored"],
    "missing_dates_sort": ["last", "first"],
    "graphql_decimals": ["number", "text"],
    "tokens_count_variables": [False, True],
    "record_created_ranges": ["empty", "honoured"],
    "record_numbers": ["number", "text"],
    "record_stamp_digits": [3, 9],
    "mpp_link_data": ["collection", "absent"],
    "limit_over_100": ["cap", "422"],
    "id_greater": [True, False],
}
#: Behaviour that needs more than one page.
PAGING = {"meta_total", "ecommerce_sort", "text_filters", "missing_dates_sort", "limit_over_100"}


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, ways in SWITCHES.items() for value in dict.fromkeys(ways)],
)
def test_under_every_reading_both_runs_bring_what_the_account_has(name: str, value: Any) -> None:
    """Unconfirmed behaviour of ActiveCampaign costs no row of a first load or a later run."""
    journey = StoreJourney(is_paged=name in PAGING, **{name: value})
    assert journey.run().code == 0
    journey.go_on(1)
    assert journey.run().code == 0
    journey.check()


@pytest.mark.parametrize("seed", seeds(5, 300))
def test_any_mix_of_faults_ends_right(seed: int) -> None:
    """After any faults and interruptions a last run without faults makes the warehouse right."""
    dice = random.Random(seed)
    with replayed(seed, "tests/faults/test_store_reading.py -k any_mix"):
        switches = {name: dice.choice(ways) for name, ways in SWITCHES.items()}
        journey = StoreJourney(is_paged=dice.random() < 0.2, **switches)
        journey.account.order = dice.randrange(1000)
        journey.account.reads_far_ahead = dice.random() < 0.5
        for turn in range(3):
            is_last = turn == 2
            journey.world.faults.clear()
            if not is_last:
                kinds = tuple(dice.sample(KINDS, dice.randrange(1, 5)))
                journey.world.faults.mix(dice.uniform(0.02, 0.35), seed + turn, kinds)
            ran = journey.run(
                keep=None if is_last or dice.random() < 0.5 else dice.randrange(1, 500),
                max_retry_seconds=dice.choice([3, 600]),
            )
            if is_last:
                assert ran.code == 0, ran.line
                journey.check()
            else:
                journey.world.faults.clear()
                journey.go_on(turn)
