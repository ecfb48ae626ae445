"""Under every fault the tap's output equals the account, field by field."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from tests.length import LONG, seeds
from tests.sandbox import Shape
from tests.tap.running import Account

from .reading_cases import CLOSED, PASSING
from .warehouse import Warehouse, check_run, outcomes, replayed

if TYPE_CHECKING:
    from tests.sandbox import World
    from tests.tap.running import Ran

SIZE: dict[str, Any] = {"contacts": 30, "deals": 12, "accounts": 8, "hidden_deals": True}
PAGED = {"contacts": 104, "deals": 104, "accounts": 103}  # where a fault is a fault of paging
# `tests/tap/client/test_retry.py` proves for each status that the client decides as for 500 or 524.
ALIKE = {f"{status} with HTML" for status in (502, 504, 520, 521, 522, 523)}
LATER = pytest.mark.long
SHAPE = Shape(contact_fields=9, account_fields=14, deal_fields=10, tags=14)


def change(w: World, seed: int) -> None:
    """Change some rows of every kind that ActiveCampaign marks as changed."""
    dice, t = random.Random(seed), w.tables
    people, deals = list(t["contacts"].ids()), list(t["deals"].ids())
    w.add_contact(f"new{seed}@letters.example", firstName=" New ", lastName=f"No {seed}")
    w.add_tag(f"made {seed}")
    w.add_list(f"Made {seed}")
    if people:
        for contact_id in dice.sample(people, min(4, len(people))):
            w.edit_contact(contact_id, lastName=f"Edit {seed}", phone=f"+1 555 {seed}")
            w.subscribe(contact_id, 1, dice.choice([1, 2]))
            w.tag(contact_id, dice.randrange(1, 9))
        w.add_note("Subscriber", people[-1], f"Note {seed}")
    w.add_deal(f"Deal {seed}", value=100 * seed + 1, currency="eur")
    for deal_id in dice.sample(deals, min(3, len(deals))):
        w.edit_deal(deal_id, title=f"Deal at {seed}", status=dice.randrange(3))
    w.add_account(f"Firm {seed}", accountUrl="https://firm.example")
    w.add_field(f"Field {seed}", "number")


class TapRuns:
    """An account, and a warehouse with the output of its runs."""

    def __init__(self, **options: Any) -> None:
        """Make both."""
        self.account = Account(shape=SHAPE, **options)
        self.world = self.account.world
        self.warehouse = Warehouse()

    def run(self, *, keep: int | None = None, **settings: Any) -> Ran:
        """Run the tap from the last state; load all its messages, or the first ``keep``."""
        before = self.warehouse.state
        ran = self.account.run(before, **settings)
        check_run(ran, before, self.account.moments())
        self.warehouse.load(ran.messages[:keep])
        return ran

    def go_on(self, seed: int) -> None:
        """Advance the clock by an hour and change some rows."""
        self.account.wait(minutes=30)
        change(self.world, seed)
        self.account.wait(minutes=30)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=LATER if name in ALIKE else ()) for name in PASSING]
)
def test_a_passing_fault_costs_nothing(name: str) -> None:
    """A first load and an incremental run through a fault that ends lose no field of any row.

    Both exit with 0.
    """
    case = PASSING[name]
    size = SIZE | PAGED if case.is_paged else SIZE
    runs = TapRuns(**size, **case.switches)
    for turn in range(1 if case.is_paged and not LONG else 2):
        runs.world.faults.clear()
        case.spoil(runs.world)
        ran = runs.run()
        assert ran.code == 0, outcomes(ran)
        runs.warehouse.check(runs.world, truth=case.truth)
        runs.go_on(turn)


def close(w: World, way: str, path: str) -> None:
    """Forbid an endpoint for good; the user of the key can still be read."""
    w.faults.rewrite("/users/me", lambda _: None)
    options = {"document": {}, "status": 400} if way == "refuse" else {}
    getattr(w.faults, way)(path, times=None, **options)


@pytest.mark.parametrize(
    ("path", "way"),
    [(path, "forbid") for path in CLOSED]
    + [(path, "not_found") for path in (CLOSED if LONG else ("/deals", "/fields", "/contactTags"))],
)
def test_an_endpoint_closed_for_good_costs_its_streams_alone(path: str, way: str) -> None:
    """A forbidden endpoint affects its own streams alone; once readable, they are complete."""
    runs = TapRuns(**SIZE)
    close(runs.world, way, path)
    for _ in range(2):
        assert runs.run(sideload="never").code == 0
        others = set(runs.warehouse.tables) - set(CLOSED[path])
        assert len(others) >= 10
        runs.warehouse.check(runs.world, others)
        runs.account.wait(hours=1)
    runs.world.faults.clear()
    assert runs.run(sideload="never").code == 0
    runs.warehouse.check(runs.world)
    assert not any("left_out" in entry for entry in runs.warehouse.state["bookmarks"].values())


@pytest.mark.parametrize(
    ("path", "way"),
    [(path, "server_error") for path in ([*CLOSED] if LONG else [*CLOSED][::2])]
    + [(path, "refuse") for path in (CLOSED if LONG else ("/fields", "/dealCustomFieldMeta"))],
)
def test_an_endpoint_in_trouble_for_good_fails_its_streams_alone(path: str, way: str) -> None:
    """An endpoint with lasting 5xx fails its own streams alone and keeps their bookmarks.

    The run exits with 1, and the next run emits what is missing.
    """
    runs = TapRuns(**SIZE)
    close(runs.world, way, path)
    ran = runs.run(sideload="never", max_retry_seconds=5)
    assert ran.code == 1
    done = [name for name, word in outcomes(ran).items() if word == "done"]
    assert len(done) >= 10
    runs.warehouse.check(runs.world, done)
    runs.world.faults.clear()
    runs.go_on(1)
    assert runs.run().code == 0
    runs.warehouse.check(runs.world)


@pytest.mark.parametrize(
    ("path", "stream"),
    [
        ("/contactTags", "marketing_contact_tags"),
        ("/contactLists", "marketing_segment_memberships"),
    ],
)
@pytest.mark.parametrize("on_forbidden", ["skip", "fail"])
def test_a_stream_without_its_own_rows_is_not_reported_as_done(
    path: str, stream: str, on_forbidden: str
) -> None:
    """A stream whose own rows are forbidden is skipped or fails; the streams beside it are done."""
    runs = TapRuns(**SIZE)
    close(runs.world, "forbid", path)
    ran = runs.run(sideload="never", on_forbidden=on_forbidden)
    assert outcomes(ran)[stream] == ("failed" if on_forbidden == "fail" else "skipped")
    assert outcomes(ran)["crm_contacts"] == "done"
    assert "replication_key_value" not in ran.state["bookmarks"][stream]


@pytest.mark.parametrize("after", [0, 3, 9, 20])
def test_a_lapsed_account_is_complete_once_it_is_paid(after: int) -> None:
    """After a 402 in mid-run, one line and exit 1, the next run emits what is missing."""
    runs = TapRuns(**SIZE)
    requests: list[str] = []

    def lapse(world: World, *_: Any) -> None:
        requests.append("")
        if len(requests) > after:
            world.faults.lapsed()

    runs.world.before_request(lapse)
    ran = runs.account.run({})
    assert (ran.code, "402" in (ran.line or "")) == (1, True)
    assert "\n" not in (ran.line or "")
    runs.warehouse.load(ran.messages)
    runs.world.hooks.clear()
    runs.world.faults.clear()
    assert runs.run().code == 0
    runs.warehouse.check(runs.world)


KINDS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("throttle", {"retry_after": 2}),
    ("throttle", {"retry_after": None}),
    ("throttle", {"status": 503, "retry_after": 1}),
    ("forbid", {}),
    *[("server_error", {"status": status}) for status in (500, 502, 503, 504, 520, 524)],
    ("late_trouble", {}),
    ("empty_body", {}),
    ("truncated_json", {}),
    ("html_200", {}),
    ("complaint_200", {}),
    ("foreign_type", {}),
    ("reset", {}),
    ("reset_after_apply", {"kind": "chunk"}),
    ("reset_after_apply", {"kind": "timeout"}),
    ("slow", {"seconds": 30}),
    ("slow", {"seconds": 90}),
)
SWITCHES: dict[str, list[Any]] = {
    "meta_total": ["native", "native", "missing", "wrong", "larger", "string"],
    "include": ["all", "all", "none", frozenset({"fieldValues", "contactTags"})],
    "include_id_arrays": [True, True, False],
    "include_nested": [True, False],
    "include_row_cap": [None, None, 20],
    "id_greater": [True, True, False],
    "id_greater_total": ["beyond", "all"],
    "date_filters": ["honoured", "honoured", "ignored"],
    "date_granularity": ["second", "day"],
    "date_column": ["udate", "updated_timestamp"],
    "date_naive_zone": ["account", "UTC"],
    "orders_id_elsewhere": [False, True],
    "group_user_groups": [True, False],
    "deal_data_sideload": ["wide", "slim"],
    "account_data": ["live", "live", "live everywhere", "documented"],
    "deal_field_stamps": ["UTC", "naive"],
    "limit_over_100": ["cap", "422"],
}


@pytest.mark.parametrize("seed", seeds(8, 500))
def test_any_mix_of_faults_ends_right(seed: int) -> None:
    """After any faults and interruptions a last run without faults makes the warehouse right.

    A loader that was cut off continues from the last state that it took.
    """
    dice = random.Random(seed)
    with replayed(seed, "tests/faults/test_reading.py -k any_mix"):
        switches = {name: dice.choice(ways) for name, ways in SWITCHES.items()}
        runs = TapRuns(
            contacts=dice.choice([0, 30, 130, 260]),
            deals=dice.choice([0, 20, 120]),
            accounts=dice.choice([0, 25, 110]),
            hidden_deals=dice.random() < 0.5,
            fresh=dice.random() < 0.5,
            seed=seed,
            # With a drifting order and a wrong count, a missing row cannot be detected.
            drifting_order=switches["meta_total"] in {"native", "string"},
            **switches,
        )
        runs.account.order = dice.randrange(1000)
        runs.account.reads_far_ahead = dice.random() < 0.5
        for turn in range(3):
            is_last = turn == 2
            runs.world.faults.clear()
            if not is_last:
                kinds = tuple(dice.sample(KINDS, dice.randrange(1, 5)))
                runs.world.faults.mix(dice.uniform(0.02, 0.35), seed + turn, kinds)
            ran = runs.run(
                keep=None if is_last or dice.random() < 0.5 else dice.randrange(1, 500),
                sideload=dice.choice(["auto", "auto", "never"]),
                max_retry_seconds=dice.choice([3, 600]),
            )
            if is_last:
                assert ran.code == 0, ran.line
                runs.warehouse.check(runs.world)
            runs.go_on(seed + turn)
