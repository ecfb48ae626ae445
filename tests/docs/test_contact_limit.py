"""docs/contact-limit.md shows the lines that the programs log, and a run does what it says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.render import ROOT
from tests.tap.client.clients import ManualClock, world_of
from tests.target.runner import TargetRunner

if TYPE_CHECKING:
    from pathlib import Path


PAGE = ROOT / "docs" / "contact-limit.md"
NEW, FREE = 8_200, 3_000


@pytest.mark.long
def test_the_page_shows_what_is_logged_and_done(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Of 8,200 new contacts the plan shows 3,000 within the limit, and the run creates them.

    The next run creates the rest. A key that may not read the limit has the line that the page
    shows.
    """
    caplog.set_level("INFO")
    planned, unknown = re.findall(r"```text\n(.*?)\n```", PAGE.read_text("utf-8"), re.DOTALL)
    clock = ManualClock()
    world = world_of(clock, is_empty=True)
    world.add_contact("owner@shop.example")
    world.contact_limit = 1 + FREE
    runner = TargetRunner(world, clock, tmp_path)
    rows = [{"email": f"p{n}@shop.example"} for n in range(NEW)]
    assert runner.send("crm_contacts", *rows, dry_run=True).writes == []
    assert planned in caplog.messages
    run = runner.send("crm_contacts", *rows)
    assert (run.code, run.states, len(world.tables["contacts"])) == (1, [], 1 + FREE)
    reasons = {result["reason"] for result in run.results if result["action"] == "skipped"}
    assert len(reasons) == 1
    assert f"`{reasons.pop()}`" in PAGE.read_text("utf-8")
    world.contact_limit = 10_000
    later = runner.send("crm_contacts", *rows)
    assert (later.code, len(later.states), len(world.tables["contacts"])) == (0, 1, 1 + NEW)
    assert unknown not in caplog.messages
    world.faults.forbid("/api/3/settings/account")
    runner.send("crm_contacts", {"email": "another@shop.example"})
    assert unknown in caplog.messages
