"""The progress of a run: rate, time left, totals, and the lines of a log without a terminal."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.raw import COLLECTIONS
from tap_activecampaign_unified.reporting import progress
from tap_activecampaign_unified.reporting.progress import SyncProgress
from tap_activecampaign_unified.reporting.run_report import RunReport
from tap_activecampaign_unified.resources import by_name
from tests.tap.client.clients import world_of
from tests.target.runner import TargetRunner, state_of, stream_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from tap_activecampaign_unified.client import Client
    from tests.sandbox import World
    from tests.tap.client.clients import ManualClock


def test_the_time_left_is_shown_only_when_it_can_be_estimated(
    make_client: Callable[..., Client], world: World, clock: ManualClock
) -> None:
    """The view estimates the time left by the endpoint's speed, not if rows exceed the count."""
    report = RunReport()
    reading = SyncProgress("tap", make_client(world), report)
    reading.expect_streams(["crm_contacts"])
    reading.begin("contacts", [by_name["crm_contacts"]])
    report.stats_of("crm_contacts")

    def note() -> str:
        (line,) = reading.view().lines
        return line.note

    reading.advance(100, 1000)
    assert note() == ""
    clock.sleep(10)
    assert note() == "about 1:30 left"
    clock.sleep(10)
    reading.advance(100, 1000)
    assert note() == "about 1:20 left"
    reading.advance(900, 1000)
    assert note() == ""
    assert reading.view().lines[0].total is None


def test_rows_without_a_count_have_no_total(
    make_client: Callable[..., Client], world: World, clock: ManualClock
) -> None:
    """The view shows related rows without a total: the count is that of the contacts."""
    report = RunReport()
    reading = SyncProgress("tap", make_client(world), report)
    names = ["crm_contacts", "marketing_contact_tags", "raw_contact_logs"]
    reading.expect_streams(names)
    reading.begin("contacts", [by_name.get(name) or collection(name) for name in names])
    for name in names:
        report.stats_of(name).read = 7
    reading.advance(100, 1000)
    assert [line.total for line in reading.view().lines] == [1000, None, None]


def collection(name: str) -> Any:
    """Return a raw collection."""
    return next(collection for collection in COLLECTIONS if collection.name == name)


def test_the_rate_is_that_of_the_last_seconds(
    make_client: Callable[..., Client], world: World, clock: ManualClock
) -> None:
    """During a standstill the rate falls to zero, and the view says since when no answer came."""
    client = make_client(world)
    reading = SyncProgress("tap", client, RunReport())
    for _ in range(40):
        client.get("tags")
        clock.sleep(0.5)
        footer = reading.view().footer
    assert footer[:2] == ["2.0 requests/s", "40 requests"]
    for _ in range(40):
        clock.sleep(0.5)
        footer = reading.view().footer
    assert footer == ["0.0 requests/s", "40 requests", "no answer for 0:20"]


def test_the_rate_shown_never_exceeds_the_limit(
    make_client: Callable[..., Client], world: World, clock: ManualClock, tmp_path: Path
) -> None:
    """The view never shows a rate above the limit, though the first requests leave at once."""
    client = make_client(world, rate=5, store=tmp_path / "rate.json")
    reading = SyncProgress("tap", client, RunReport())
    began = clock.monotonic()
    for _ in range(9):
        client.get("tags")
    assert clock.monotonic() - began < 9 / 5
    assert reading.view().footer[:2] == ["5.0 of 5 requests/s", "9 requests"]


def test_without_a_terminal_the_target_logs_its_progress(
    tmp_path: Path, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a terminal the target logs rows by result at most twice a minute, and no value."""
    world = world_of(clock, contacts=0)
    world.faults.slow(4, "/contact/sync", times=None)
    runner = TargetRunner(world, clock, tmp_path)
    began = clock.monotonic()
    with caplog.at_level(logging.INFO):
        people = [{"email": f"p{n}@shop.example"} for n in range(40)]
        batches = [
            [*stream_of("crm_contacts", person), state_of(n)] for n, person in enumerate(people)
        ]
        lines = [line for batch in batches for line in batch]
        assert runner.run(*lines, bulk_import="never").code == 0
    shown = [text for text in caplog.messages if " rows received: " in text]
    assert 2 <= len(shown) <= (clock.monotonic() - began) / progress.SECONDS_BETWEEN_LINES
    assert re.fullmatch(r"\d+ rows received: \d+ created, \d+ requests in all", shown[-1])
