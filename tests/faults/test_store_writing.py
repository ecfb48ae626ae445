"""Under every fault rows of e-commerce, objects, tasks and events are written once."""

from __future__ import annotations

import random
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from tests.length import LONG, seeds
from tests.tap.client.clients import ManualClock
from tests.target.combinations import combinations, settings_of
from tests.target.kills import Killed
from tests.target.runner import TargetRunner

from .delivery import DONE, Delivery
from .store_delivery import account, lines, picture, stream_settings_of, wanted
from .test_writing import KINDS, LOSSES
from .warehouse import replayed

if TYPE_CHECKING:
    from pathlib import Path

    from tests.target.runner import Run

EVENTS = "marketing_events"
WRITES = [
    ("POST", "/ecom/graphql"),
    ("POST", "/customObjects/records"),
    ("POST", "/dealTasks"),
    ("POST", "/eventTrackingEvents"),
    ("POST", "/contact/sync"),
]


class StoreDelivery(Delivery):
    """An account and the same rows, delivered until all are written."""

    def __init__(
        self, folder: Path, seed: int | None = None, *, events: bool = False, **switches: Any
    ) -> None:
        self.clock, self.folder = ManualClock(), folder
        self.besides: dict[str, Any] = {}
        self.world = account(self.clock, **switches)
        self.runner = TargetRunner(self.world, self.clock, folder, seed)
        self.lines = lines(events=events)
        self.rows = sum(line["type"] == "RECORD" for line in self.lines)
        self.wanted = wanted(folder / "undisturbed", self.lines, **switches)

    def run(self, **settings: Any) -> Run:
        """Deliver everything, with the settings of all streams."""
        return self.deliver(**stream_settings_of(self.world) | self.besides | settings)

    def end(self) -> None:
        """Deliver once more without a fault; check that everything is written once."""
        self.world.faults.clear()
        self.world.settle(at_once=True)
        self.clock.sleep(30)
        run = self.run()
        assert run.code == 0, [r for r in run.results if r["action"] not in DONE] or run.last_word
        assert picture(self.world) == self.wanted
        assert not any(entry["starts"] for entry in self.orders_started())

    def orders_started(self) -> list[dict[str, Any]]:
        """Return the orders that could start automations."""
        return [entry for entry in self.world.automation_log if entry["trigger"] == "order_written"]


@pytest.mark.parametrize("name", KINDS if LONG else [*KINDS][::2])
def test_a_fault_costs_no_row_and_doubles_none(tmp_path: Path, name: str) -> None:
    """After two runs through a fault and a run without, the account equals the rows."""
    delivery = StoreDelivery(tmp_path)
    for turn in range(2):
        delivery.world.faults.mix(0.2, seed=turn, kinds=(KINDS[name],))
        delivery.run()
    delivery.end()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("method", "path"), WRITES[:-2], ids=lambda part: part.strip("/"))
def test_an_answer_that_is_lost_after_the_write_doubles_nothing(
    tmp_path: Path, method: str, path: str, loss: str
) -> None:
    """After every answer of a kind of write is lost, the next runs write nothing twice."""
    delivery = StoreDelivery(tmp_path)
    kind, options = LOSSES[loss]
    rule = getattr(delivery.world.faults, kind)(path, times=None, method=method, **options)
    delivery.run()
    assert rule.hits > 0
    delivery.end()


def test_every_kind_of_write_is_among_them(tmp_path: Path) -> None:
    """The test above loses every kind of write of a clean run, except that of events."""
    delivery = StoreDelivery(tmp_path, events=True)
    made = {(method, "/" + path.lstrip("/")) for method, path in delivery.run().writes}
    others = [request for request in made if not any(request[1].startswith(p) for _, p in WRITES)]
    assert others == [("POST", "/event")]


@pytest.mark.parametrize("name", KINDS if LONG else [*KINDS][1::3])
def test_an_event_is_recorded_at_most_once_through_any_fault(tmp_path: Path, name: str) -> None:
    """An unrecorded event is `failed` in every run; each other event is recorded once."""
    delivery = StoreDelivery(tmp_path, events=True)
    delivery.world.faults.mix(0.4, seed=5, kinds=(KINDS[name],))
    delivery.run()
    delivery.world.faults.clear()
    delivery.clock.sleep(60)
    for _ in range(2):
        run = delivery.run()
        failed = [r for r in run.results if r["action"] == "failed"]
        assert {r["stream"] for r in failed} <= {EVENTS}
        assert run.code == bool(failed)
        recorded = picture(delivery.world)["events"]
        assert len(recorded) == len(set(recorded)) >= len(delivery.wanted["events"]) - len(failed)
    rest = {name: part for name, part in picture(delivery.world).items() if name != "events"}
    assert rest == {name: part for name, part in delivery.wanted.items() if name != "events"}


def killed_at(delivery: StoreDelivery, number: int, *, is_applied: bool) -> bool:
    """Run and end at a request, before or after it is processed; return False if there is none.

    The files are restored as they were at that time, so no work at the program's end counts. Rows
    behind the last state are delivered again.
    """
    world, runner = delivery.world, delivery.runner
    seen, real = [0], world.answer
    copy = delivery.folder / "copy"

    def answer(*request: Any) -> Any:
        seen[0] += 1
        if seen[0] < number:
            return real(*request)
        if seen[0] == number:
            if is_applied:
                real(*request)
            copy.mkdir()
            for path in runner.folder.glob("*.*"):
                shutil.copy(path, copy / path.name)
        raise Killed

    world.answer = answer  # type: ignore[method-assign]
    try:
        delivery.run()
    except Killed:
        for path in runner.folder.glob("*.*"):
            path.unlink()
        for path in copy.iterdir():
            shutil.move(path, runner.folder / path.name)
        copy.rmdir()
        return True
    else:
        return False
    finally:
        world.answer = real  # type: ignore[method-assign]


#: Every combination of the settings of `combinations`: one after the other, at each kill point.
COMBINATIONS = combinations()


@pytest.mark.long
@pytest.mark.parametrize("is_applied", [False, True])
def test_a_run_that_is_killed_at_any_request_is_completed_by_the_next(
    tmp_path: Path, is_applied: bool
) -> None:
    """After a kill before or after any request nothing is lost and nothing is written twice."""
    number, step = (1, 1) if LONG else (1 + is_applied, 3)
    while True:
        folder = tmp_path / str(number)
        folder.mkdir()
        delivery = StoreDelivery(folder, events=True)
        names = COMBINATIONS[(2 * (number // step) + is_applied) % len(COMBINATIONS)]
        delivery.besides = settings_of(names, folder)
        if not killed_at(delivery, number, is_applied=is_applied):
            break
        delivery.clock.sleep(60)
        run = delivery.run()
        unclear = [r for r in run.results if r["action"] == "failed"]
        assert {r["stream"] for r in unclear} <= {EVENTS}, number
        assert len(unclear) <= 1, number
        found = picture(delivery.world)
        events = found.pop("events")
        assert len(events) == len(set(events)) >= len(delivery.wanted["events"]) - len(unclear)
        assert found == {n: part for n, part in delivery.wanted.items() if n != "events"}, number
        number += step
    assert number > 30


SWITCHES: dict[str, list[Any]] = {
    "order_upsert": ["replace", "patch"],
    "payment_upsert": ["replace", "patch"],
    "order_discount_field": ["discountsAmount", "discountAmount", "both"],
    "order_filters": ["all", "shown"],
    "graphql_decimals": ["number", "text"],
    "graphql_most_rows": [None, 1, 3],
    "tokens_count_variables": [False, True],
    "ecommerce_copy_seconds": [0, 3, 90],
    "payments_create_contacts": [True, False],
    "record_upsert": ["replace", "patch"],
    "record_relationships": ["cleared", "kept"],
    "record_answer_has_id": [False, True],
    "record_unknown_field": ["422", "dropped"],
    "record_numbers": ["number", "text"],
    "record_stamp_digits": [3, 9],
    "record_lag_seconds": [0, 5],
    "task_needs_outcome": [True, False],
    "email_match": ["folded", "exact"],
}


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, ways in SWITCHES.items() for value in ways]
)
def test_under_every_reading_the_account_ends_the_same(
    tmp_path: Path, name: str, value: Any
) -> None:
    """Unconfirmed behaviour of ActiveCampaign does not change the result of the rows."""
    delivery = StoreDelivery(tmp_path, **{name: value})
    delivery.wanted = wanted(tmp_path / "usual", delivery.lines)
    run = delivery.run()
    assert run.code == 0, [r for r in run.results if r["action"] not in DONE]
    assert picture(delivery.world) == delivery.wanted
    again = delivery.run()
    # The order that may not subscribe a person who left the list has its reason on every run.
    skipped = [r["reason"] for r in again.results if r["action"] not in {"unchanged", "updated"}]
    assert [reason for reason in skipped if "accepts_marketing" not in reason] == []
    assert len(skipped) == 1


@pytest.mark.parametrize("seed", seeds(6, 300))
def test_any_mix_of_faults_and_readings_ends_with_the_account_equal_to_the_rows(
    tmp_path: Path, seed: int
) -> None:
    """After runs through any faults, and a run without, the account equals the rows."""
    dice = random.Random(seed)
    with replayed(seed, "tests/faults/test_store_writing.py -k any_mix"):
        switches = {name: dice.choice(ways) for name, ways in SWITCHES.items()}
        delivery = StoreDelivery(tmp_path, None if dice.random() < 0.5 else seed, **switches)
        for turn in range(dice.randrange(1, 4)):
            kinds = tuple(dice.sample(list(KINDS.values()), dice.randrange(1, 5)))
            delivery.world.faults.mix(dice.uniform(0.02, 0.3), seed + turn, kinds)
            patience = 60 if KINDS["403 now and then"] in kinds else 2
            delivery.run(max_retry_seconds=patience)
        delivery.end()
