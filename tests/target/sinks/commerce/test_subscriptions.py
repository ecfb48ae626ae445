"""Writing subscriptions, which ActiveCampaign only accepts and which reads show late."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox.ecommerce import store

from .test_orders import SUBSCRIPTION, documents

if TYPE_CHECKING:
    from tests.target.runner import TargetRunner


@pytest.fixture(autouse=True)
def _shop(runner: TargetRunner) -> None:
    runner.world.switches.ecommerce = "served"
    store.add_connection(runner.world, "own", "shop-1", "Shop")


@pytest.mark.parametrize("reading", ["replace", "patch"])
def test_subscriptions_are_accepted_and_keep_what_a_row_does_not_name(
    runner: TargetRunner, reading: str
) -> None:
    """A partial subscription keeps its other values, also those that this run just wrote."""
    runner.world.switches.payment_upsert = reading
    runner.batch_rows = 1
    partial = {"store_id": "1", "store_subscription_id": "s-1", "status": "cancelled"}
    run = runner.send("commerce_subscriptions", SUBSCRIPTION, partial)
    assert run.actions == ["created", "updated"]
    assert "accepted" in run.reason()
    (payment,) = documents(runner, "storeRecurringPayments").values()
    assert payment["normalizedStatus"] == "CANCELLED"
    assert (payment["paymentAmount"], payment["email"]) == ("9.9", "lea@harbour.example")


@pytest.mark.parametrize("seconds", [3, 25])
def test_a_run_right_after_another_one_clears_no_column_of_a_subscription(
    runner: TargetRunner, seconds: float
) -> None:
    """Reads show a subscription some seconds late: the next run waits before it reads."""
    runner.world.switches.payment_upsert = "replace"
    runner.world.switches.ecommerce_copy_seconds = seconds
    assert runner.send("commerce_subscriptions", SUBSCRIPTION).actions == ["created"]
    partial = {"store_id": "1", "store_subscription_id": "s-1", "status": "cancelled"}
    assert runner.send("commerce_subscriptions", partial).actions == ["updated"]
    (payment,) = documents(runner, "storeRecurringPayments").values()
    assert payment["normalizedStatus"] == "CANCELLED"
    assert (payment["paymentAmount"], payment["email"]) == ("9.9", "lea@harbour.example")


@pytest.mark.parametrize("answer", [{}, {"a0": None}, {"a0": [None]}])
def test_an_answer_without_the_row_does_not_mean_that_there_is_none(
    runner: TargetRunner, answer: dict[str, Any]
) -> None:
    """A read that does not answer fails the row: an upsert without its values would clear them."""
    assert runner.send("commerce_subscriptions", SUBSCRIPTION).actions == ["created"]
    runner.world.settle(at_once=True)

    def spoil(body: dict[str, Any]) -> None:
        if "a0" in body["data"]:
            body["data"] = answer

    runner.world.faults.rewrite("/ecom/graphql", spoil)
    partial = {"store_id": "1", "store_subscription_id": "s-1", "status": "cancelled"}
    run = runner.send("commerce_subscriptions", partial)
    assert (run.code, run.actions) == (1, ["failed"])
    (payment,) = documents(runner, "storeRecurringPayments").values()
    assert (payment["paymentAmount"], payment["normalizedStatus"]) == ("9.9", "ACTIVE")
