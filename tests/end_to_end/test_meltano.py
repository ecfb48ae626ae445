"""Meltano runs the tap into target-duckdb twice and keeps its state."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.demo.account import Account
from tests.demo.checks import Database, look_up, rows_in_account
from tests.demo.pipeline import Pipeline, install, run_meltano

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STATE_ID = "sandbox:tap-activecampaign-unified-to-target-duckdb"
RUN = ["run", "--no-install", "tap-activecampaign-unified", "target-duckdb"]
UNLIMITED = (("TAP_ACTIVECAMPAIGN_UNIFIED_REQUESTS_PER_SECOND", "0"),)


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    """An account in its own process, without a limit."""
    with Account(tmp_path, contacts=400, deals=60, accounts=30, requests_per_second=0) as account:
        yield account


def run(pipeline: Pipeline) -> dict[str, Any]:
    """Run the pipeline as a user types it; return the tap's report."""
    run_meltano(RUN, pipeline.environment, pipeline.folder / "meltano.log")
    return dict(json.loads((pipeline.folder / "report.json").read_text(encoding="utf-8")))


def state(pipeline: Pipeline) -> dict[str, Any]:
    """Return the bookmarks that Meltano keeps."""
    log = pipeline.folder / "state.log"
    run_meltano(["state", "get", STATE_ID], pipeline.environment, log)
    line = next(line for line in reversed(log.read_text().splitlines()) if line.startswith("{"))
    return dict(json.loads(line)["singer_state"]["bookmarks"])


@pytest.mark.meltano
@pytest.mark.slow
def test_meltano_loads_the_account_and_then_what_changed(account: Account, tmp_path: Path) -> None:
    """After each run account and tables have as many rows; the second reads only changes."""
    install()
    pipeline = Pipeline(tmp_path, account.url, UNLIMITED)
    database = Database(pipeline.database)

    first = run(pipeline)
    expected = rows_in_account(account)
    assert database.counts() == expected
    assert {name: stream["rows_emitted"] for name, stream in first["streams"].items()} == expected

    changed = account.change(7)
    report = run(pipeline)
    second = report["streams"]
    untagged = len(changed["tags_removed"])
    expected = rows_in_account(account)
    # Singer has no message for a pair that is gone.
    assert database.counts() == expected | {
        "marketing_contact_tags": expected["marketing_contact_tags"] + untagged
    }
    for finding in look_up(changed, account, database):
        assert finding.found == finding.total, finding.change
    # At most the edited, new, tagged, untagged and noted contacts.
    touched = sum(len(value) for value in changed.values() if isinstance(value, list))
    assert 0 < second["crm_contacts"]["rows_emitted"] <= touched < expected["crm_contacts"]
    assert second["crm_contacts"]["rows_emitted"] == second["marketing_contacts"]["rows_emitted"]
    # A link may change the account's date.
    assert second["crm_accounts"]["rows_emitted"] <= len(changed["accounts_edited"]) + 1
    assert second["crm_notes"]["rows_emitted"] == len(changed["notes_added"])
    assert report["bookmarks_before"] == first["bookmarks_after"]
    assert report["bookmarks_after"] == state(pipeline)
