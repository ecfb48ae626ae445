"""The overview shows the status of each account from the reports of its runs."""

from __future__ import annotations

import datetime as dt
import html
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.demo.account import ROOT
from tests.sandbox import FakeClock
from tests.tap.client.clients import ManualClock, world_of
from tests.tap.running import Account
from tests.target.runner import TargetRunner

if TYPE_CHECKING:
    from pathlib import Path

    from tests.postgres import Database

SCRIPT = ROOT / "orchestrate" / "overview.py"
HEADINGS = r"<td class=\"([a-z-]+)\">([a-z ]+)</td>"


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the script as a user does."""
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def standings(database: Database) -> dict[str, str]:
    """Return the status of each account's tap."""
    return dict(
        database.rows(
            "SELECT account, standing FROM activecampaign.overview "
            "WHERE program IS DISTINCT FROM 'target-activecampaign'"
        )
    )


def account_of(*, hours_ago: float = 0.1, **options: Any) -> Account:
    """Create a small account whose clock starts at a real moment."""
    moment = dt.datetime.now(dt.UTC) - dt.timedelta(hours=hours_ago)
    return Account(clock=FakeClock(moment), contacts=5, deals=2, **options)


def report(folder: Path, label: str, account: Account, **settings: Any) -> int:
    """Run the tap over an account; its report is in the folder. Returns the exit code."""
    path = str(folder / f"{label}.json")
    return account.run(account_label=label, run_report_path=path, **settings).code


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with reports of real runs, one for each status of an account."""
    folder = tmp_path / "reports"
    assert report(folder, "fresh", account_of()) == 0
    failing = account_of()
    failing.world.faults.server_error("/contacts", times=None)
    assert report(folder, "failing", failing, max_retry_seconds=1) == 1
    assert report(folder, "busy", account_of(requests_per_second=1)) == 0
    forbidden = account_of()
    forbidden.world.faults.no_crm()
    assert report(folder, "no-deals", forbidden) == 0
    assert report(folder, "locked-out", account_of(), api_key="another") == 1
    assert report(folder, "late", account_of(hours_ago=27)) == 0
    assert report(folder, "hourly", account_of(hours_ago=4)) == 0
    return folder


def test_every_status_is_shown(folder: Path, postgres_database: Database) -> None:
    """Each status is shown: fresh, late, failing, throttled, forbidden, never run.

    The exit code and one line each name the accounts that need attention; the page has all.
    """
    (folder / "broken.json").write_text("{")
    (folder / "other.json").write_text('{"program": "somebody else"}')
    address = postgres_database.url("postgresql+psycopg")
    page = folder / "overview.html"
    first = run("--page", str(page), str(folder), POSTGRES_URL=address)
    assert first.returncode == 1, first.stderr
    expected = {
        "fresh": "fresh",
        "failing": "failing",
        "busy": "throttled",
        "no-deals": "out of permission",
        "locked-out": "out of permission",
        "late": "late",
        "hourly": "fresh",
    }
    assert standings(postgres_database) == expected
    named = [line.split(": ")[0] for line in first.stderr.splitlines()]
    unwell = {name for name, standing in expected.items() if standing not in ("fresh", "throttled")}
    assert set(named) - {str(folder / "broken.json") + " cannot be read as JSON"} == unwell
    assert "broken.json" in first.stderr
    shown = re.findall(HEADINGS, page.read_text())
    assert sorted(name for _, name in shown) == sorted(expected.values())
    assert all(html.escape(name) in page.read_text() for name in expected)

    postgres_database.rows(
        "INSERT INTO activecampaign.accounts (label, connection_id, warehouse_schema, schedule) "
        "VALUES ('hourly', 'a', 'a', 'hourly'), ('never', 'b', 'b', 'daily')"
    )
    postgres_database.rows(
        "INSERT INTO activecampaign.accounts (label, connection_id, warehouse_schema, enabled) "
        "VALUES ('late', 'c', 'c', false)"
    )
    assert run(str(folder), POSTGRES_URL=address).returncode == 1
    del expected["late"]
    assert standings(postgres_database) == expected | {"hourly": "late", "never": "late"}
    kept = postgres_database.rows("SELECT count(*) FROM activecampaign.reports")
    assert kept == [(7,)]


def test_the_next_run_of_an_account_decides(tmp_path: Path, postgres_database: Database) -> None:
    """An account's last run decides: an earlier failure is history, a later failure is not.

    A stopped run decides neither.
    """
    account = account_of(hours_ago=1)
    account.world.faults.server_error("/contacts", times=None)
    seen = []
    environment = postgres_database.environment
    for fixed in (False, True, False):
        if fixed:
            account.world.faults.clear()
        elif seen:
            account.world.faults.server_error("/contacts", times=None)
        report(tmp_path, "acme", account, max_retry_seconds=1)
        run(str(tmp_path), **environment)
        seen.append(standings(postgres_database)["acme"])
        account.wait(minutes=5)
    assert seen == ["failing", "fresh", "failing"]


def test_both_programs_are_shown_and_no_value_of_a_row(
    tmp_path: Path, postgres_database: Database
) -> None:
    """The database has both programs' runs, and no sample of a plan."""
    clock = ManualClock(FakeClock(dt.datetime.now(dt.UTC)))
    runner = TargetRunner(world_of(clock, contacts=5), clock, tmp_path)
    person = {"email": "ada@shop.example", "first_name": "Augusta", "account_label": "acme"}
    assert runner.send("crm_contacts", person, account_label="acme", dry_run=True).code == 0
    assert report(tmp_path, "acme", account_of()) == 0
    assert run(str(tmp_path), **postgres_database.environment).returncode == 0
    rows = postgres_database.rows(
        "SELECT account, program, standing FROM activecampaign.overview ORDER BY program"
    )
    assert rows == [
        ("acme", "tap-activecampaign-unified", "fresh"),
        ("acme", "target-activecampaign", "fresh"),
    ]
    assert "Augusta" in (tmp_path / "report.json").read_text()
    found = str(postgres_database.rows("SELECT report FROM activecampaign.reports"))
    assert "Augusta" not in found


def test_a_database_that_is_not_there_is_one_line_without_its_password() -> None:
    """A missing database is one line without its address."""
    done = run(POSTGRES_URL="postgresql://me:s3cret-word@127.0.0.1:1/x?connect_timeout=2")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "POSTGRES_URL" in done.stderr
    assert "s3cret" not in done.stderr
