"""When incremental streams are read as a whole, and bookmarks in the future."""

from __future__ import annotations

import copy
import datetime as dt
import logging
from typing import Any

import pytest

from tap_activecampaign_unified.config.read_settings import SettingsError
from tap_activecampaign_unified.full_sweeps import SweepPolicy
from tests.sandbox import FakeClock
from tests.tap.client.clients import ManualClock
from tests.tap.running import Account

ONLY = ["crm_contacts"]
AUTO: dict[str, Any] = {"only": ONLY, "full_sweep_hours": "auto"}
HOUR = dt.timedelta(hours=1)


def entry_of(ran: Any) -> dict[str, Any]:
    found: dict[str, Any] = ran.state["bookmarks"]["crm_contacts"]
    return found


@pytest.mark.parametrize(
    ("requests", "rate", "age"),
    [
        (115, 5, HOUR),  # 10,000 contacts take 23 seconds
        (1_150, 5, dt.timedelta(seconds=4_600)),
        (11_500, 5, dt.timedelta(seconds=46_000)),
        (11_500, 2.5, dt.timedelta(seconds=92_000)),
        (10**7, 5, 168 * HOUR),
        (0, 5, HOUR),
        (None, 5, 168 * HOUR),
    ],
)
def test_a_sweep_takes_at_most_a_twentieth_of_the_time(requests, rate, age):
    """The interval is 20 times the last sweep's duration, between an hour and a week."""
    assert SweepPolicy(rate=rate).age(requests) == age


def test_an_unsubscription_arrives_within_the_hour_by_default():
    """An unsubscription, which moves no date, is emitted by a sweep after an hour."""
    account = Account(contacts=40)
    settings = account.config(only=None) | {"full_sweep_hours": None}
    settings.pop("only")
    first = account.run(only=ONLY, **settings)
    assert entry_of(first)["sweep_requests"] >= 1
    account.wait(minutes=1)
    account.world.subscribe(11, 2, 2)
    account.wait(minutes=58)
    second = account.run(first.state, only=ONLY, **settings)
    assert second.ids("crm_contacts") == []
    assert entry_of(second)["sweep_requests"] == entry_of(first)["sweep_requests"]
    account.wait(minutes=2)
    third = account.run(second.state, only=ONLY, **settings)
    segments = third.by_id("crm_contacts")["11"]["segments"]
    assert "unsubscribed" in {segment["status"] for segment in segments if segment["id"] == "2"}
    assert entry_of(third)["read_whole_at"] > entry_of(first)["read_whole_at"]


def test_a_larger_collection_waits_for_as_long_as_its_sweep_costs():
    """At a hundredth of the rate the sweep is due after 20 times its longer duration."""
    account = Account(contacts=40)
    options = AUTO | {"requests_per_second": 0.01}
    first = account.run(**options)
    age = dt.timedelta(seconds=entry_of(first)["sweep_requests"] / 0.01 * 20)
    assert age > 2 * HOUR
    started = dt.datetime.fromisoformat(entry_of(first)["read_whole_at"])
    # Discovery and the run itself take a few requests of a hundred seconds each.
    account.wait(seconds=(started + age - account.world.clock()).total_seconds() - 2_000)
    assert account.run(first.state, **options).ids("crm_contacts") == []
    account.wait(seconds=2_000)
    assert len(account.run(first.state, **options).ids("crm_contacts")) == 40


def test_an_interrupted_sweep_counts_the_requests_of_all_its_runs():
    """The cost of an interrupted sweep includes the requests before the interruption."""
    account = Account(contacts=2_500)
    whole = entry_of(account.run(**AUTO))["sweep_requests"]
    account.world.faults.server_error("/contacts", times=None, after=20)
    first = account.run(**AUTO, max_retry_seconds=1)
    progress = entry_of(first)["progress"]
    assert progress["requests"] > 0
    account.world.faults.clear()
    second = account.run(first.state, **AUTO)
    assert entry_of(second)["sweep_requests"] >= whole


@pytest.mark.parametrize("hours", ["auto", "Auto", 12, "12.5"])
def test_hours_are_a_number_or_auto(hours):
    """`full_sweep_hours` is a number or `auto`, also as text from the environment."""
    account = Account(contacts=3)
    assert account.run(only=ONLY, full_sweep_hours=hours).code == 0


def test_another_word_is_refused_with_what_is_allowed():
    """Any other word is an error that names the setting and both forms."""
    with pytest.raises(SettingsError, match="full_sweep_hours must be a number or auto"):
        Account(contacts=3).run(full_sweep_hours="weekly")


# --- bookmarks in the future -------------------------------------------------------------------


def later(state: dict[str, Any], name: str, days: int = 10) -> dict[str, Any]:
    """Return a state with a moment in the future, as a wrong clock or a copied file leaves it."""
    found = copy.deepcopy(state)
    entry = found["bookmarks"]["crm_contacts"]
    moment = dt.datetime.fromisoformat(entry["replication_key_value"]) + dt.timedelta(days=days)
    if name == "progress":
        entry[name] = {"after": 30, "started": moment.isoformat(), "whole": False}
    else:
        entry[name] = moment.isoformat()
    return found


@pytest.mark.parametrize("name", ["replication_key_value", "read_whole_at", "progress"])
@pytest.mark.parametrize("settings", [{}, {"lookback_hours": 0}, {"full_sweep_hours": 0}], ids=str)
def test_a_moment_in_the_future_costs_a_sweep_and_no_row(name, settings, caplog):
    """A bookmark in the future causes a full read with one warning.

    It returns to the run's start.
    """
    account = Account(contacts=40)
    first = account.run(only=ONLY, **settings)
    account.wait(hours=3)
    account.world.touch(7)
    with caplog.at_level(logging.WARNING):
        second = account.run(later(first.state, name), only=ONLY, **settings)
    assert [r for r in caplog.records if name in r.message and "later than now" in r.message]
    assert len(second.ids("crm_contacts")) == 40
    names = {"replication_key_value", "read_whole_at"} & entry_of(second).keys()
    moments = [dt.datetime.fromisoformat(entry_of(second)[name]) for name in names]
    assert moments
    assert max(moments) <= account.world.clock()
    account.wait(hours=1)
    account.world.touch(9)
    assert account.run(second.state, only=ONLY, **settings).ids("crm_contacts") == ["9"]


def test_a_machine_whose_clock_is_slow_does_not_sweep_for_it(caplog):
    """The server's clock decides what is in the future, where the machine's clock is slow."""
    account = Account(contacts=40)
    first = account.run(only=ONLY)
    account.wait(hours=1)
    slow = account.world.clock() - dt.timedelta(days=3)
    account.clock = ManualClock(FakeClock(slow))
    account.world.touch(7)
    with caplog.at_level(logging.WARNING):
        second = account.run(first.state, only=ONLY)
    assert second.ids("crm_contacts") == ["7"]
    assert not [r for r in caplog.records if "later than now" in r.message]


@pytest.mark.parametrize("count", [-1, "many", True, 1.5])
def test_a_count_that_is_none_is_a_misshapen_state(count):
    """A count that is no number makes the state invalid."""
    account = Account(contacts=3)
    state = account.run(only=ONLY).state
    state["bookmarks"]["crm_contacts"]["sweep_requests"] = count
    with pytest.raises(SettingsError, match="sweep_requests"):
        account.run(state, only=ONLY)
