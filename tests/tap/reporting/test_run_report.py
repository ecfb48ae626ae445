"""The run report of tap and target."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tap_activecampaign_unified.client import AuthenticationError
from tests.end_to_end.program import Workspace
from tests.sandbox import World, serve
from tests.tap.client.clients import KEY
from tests.tap.reporting.reported_runs import BOTH, PERSON, WRONG_KEY, Reading, Writing, read
from tests.target.runner import schema_of, state_of, stream_of

if TYPE_CHECKING:
    from collections.abc import Callable


@BOTH
def test_the_report_of_a_successful_run(kind: Callable[[Path], Any], tmp_path: Path) -> None:
    """A successful run reports exit code 0, no problem, its rows, and every request."""
    program = kind(tmp_path)
    assert program.run() == (0, None)
    found = read(program.path)
    assert (found["exit_code"], found["problem"]) == (0, None)
    assert found["traffic"]["faults"] == found["traffic"]["retries"] == {}
    assert found["rows"]["read"] > 0
    assert "api_key" not in found["settings"]
    assert found["settings"]["max_retry_seconds"] == 600


@BOTH
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_the_report_of_a_stopped_run(
    kind: Callable[[Path], Any], tmp_path: Path, signum: signal.Signals
) -> None:
    """A stopped run reports the signal, 130 or 143, and its requests."""
    program = kind(tmp_path)
    seen: list[str] = []

    def stop(_: Any, __: str, path: str, ___: Any) -> None:
        seen.append(path)
        if len(seen) == 3:
            program.stop(signum)

    program.world.before_request(stop)
    code, word = program.run()
    found = read(program.path)
    assert (found["exit_code"], found["problem"]) == (code, word)
    assert (code, word) == (128 + signum, f"stopped by {signum.name}")
    assert found["traffic"]["requests"] == len(program.world.log) > 0


@BOTH
def test_the_report_of_a_run_with_a_wrong_key(kind: Callable[[Path], Any], tmp_path: Path) -> None:
    """A wrong key is reported with exit code 1, the fix, and the refusals by endpoint.

    The report does not have the key. The target's row counts as failed.
    """
    program = kind(tmp_path)
    code, word = program.run(api_key=WRONG_KEY)
    found = read(program.path)
    assert (found["exit_code"], found["problem"]) == (code, word)
    assert code == 1
    assert "Settings › Developer" in found["problem"]
    assert found["traffic"]["faults"] == {"forbidden (403)": len(program.world.log)}
    assert found["traffic"]["by_status"] == {"403": len(program.world.log)}
    assert found["rows"].get("failed", 0) == (1 if kind is Writing else 0)


@BOTH
def test_the_report_of_a_failed_run(kind: Callable[[Path], Any], tmp_path: Path) -> None:
    """A failed run reports exit code 1, the account's answers, and the number of requests."""
    program = kind(tmp_path)
    program.world.faults.server_error(status=502, times=None)
    code, _ = program.run(max_retry_seconds=20)
    found = read(program.path)
    assert found["exit_code"] == code == 1
    assert "failed" in found["problem"]
    traffic = found["traffic"]
    assert traffic["faults"] == {"server error (502)": traffic["requests"]}
    assert 0 < traffic["repeats"] == sum(traffic["retries"].values()) < traffic["requests"]


def test_a_failed_discovery_leaves_a_report(tmp_path: Path) -> None:
    """A discovery that fails leaves a report; a successful discovery leaves no report."""
    program = Reading(tmp_path)
    config = program.account.config(run_report_path=str(program.path))

    def discover(**settings: Any) -> None:
        tap = program.account.tap_class()(config=config | settings, setup_mapper=False)
        tap.run_discovery()

    discover()
    assert not program.path.exists()
    with pytest.raises(AuthenticationError) as reported:
        discover(api_key=WRONG_KEY)
    found = read(program.path)
    assert (found["exit_code"], found["problem"]) == (1, str(reported.value))


def test_a_closed_output_is_in_the_report(tmp_path: Path) -> None:
    """If the output is closed, the report has the exit code of the process, not 0."""
    world = World(contacts=5, api_key=KEY, requests_per_second=0)
    with serve(world) as served, Path("/dev/full").open("wb") as full:
        workspace = Workspace(tmp_path, served.url)
        workspace.settings |= {"api_key": KEY, "run_report_path": str(tmp_path / "report.json")}
        done = subprocess.run(
            workspace.arguments(),
            env=workspace.environment,
            stdout=full,
            stderr=subprocess.DEVNULL,
            timeout=60,
            check=False,
        )
    found = json.loads((tmp_path / "report.json").read_text())
    assert found["exit_code"] == done.returncode == 1
    assert "No space left on device" in found["problem"]


def test_an_unusable_ledger_is_in_the_report(tmp_path: Path) -> None:
    """An unusable ledger is reported with exit code 2 and the error, without a request."""
    program = Writing(tmp_path)
    with pytest.raises(Exception, match="ledger_path"):
        program.run(ledger_path=str(tmp_path))
    found = read(program.path)
    assert found["exit_code"] == 2
    assert "ledger_path" in found["problem"]
    assert found["traffic"]["requests"] == 0


def test_the_report_has_the_taps_bookmarks_before_and_after(tmp_path: Path) -> None:
    """The report has the bookmarks of the input state and of the last state."""
    program = Reading(tmp_path)
    ran = program.account.run(only=["crm_contacts"], run_report_path=str(program.path))
    assert read(program.path)["bookmarks_before"] == {}
    assert read(program.path)["bookmarks_after"] == ran.state["bookmarks"]
    program.account.wait(hours=1)
    again = program.account.run(ran.state, only=["crm_contacts"], run_report_path=str(program.path))
    assert read(program.path)["bookmarks_before"] == ran.state["bookmarks"]
    assert read(program.path)["bookmarks_after"] == again.state["bookmarks"]


def test_the_report_has_the_states_that_the_target_emitted(tmp_path: Path) -> None:
    """The target reports the first state that it read and the last state that it emitted.

    It reports only instants and numbers, because a source may keep anything in its state.
    """
    program = Writing(tmp_path)
    marks = [
        {
            "leads": {"replication_key": "at", "replication_key_value": value},
            "x": {"cursor": "Augusta"},
        }
        for value in ("2026-01-31T00:00:00+00:00", "2026-02-01", "Augusta Ada", 17)
    ]
    states = [{"type": "STATE", "value": {"bookmarks": bookmarks}} for bookmarks in marks]
    rows = [{"type": "RECORD", "stream": "crm_contacts", "record": PERSON}, states[1]]
    program.runner.run(schema_of("crm_contacts"), states[0], *rows)
    found = read(program.path)
    assert found["bookmarks_before"]["leads"] == {
        "replication_key_value": marks[0]["leads"]["replication_key_value"]
    }
    assert found["bookmarks_after"]["leads"] == {"replication_key_value": "2026-02-01"}
    bad = {"type": "RECORD", "stream": "crm_contacts", "record": {"email": "none"}}
    program.runner.run(schema_of("crm_contacts"), states[3], bad, states[1], on_reject="fail")
    assert read(program.path)["bookmarks_after"]["leads"] == {"replication_key_value": 17}
    program.runner.run(schema_of("crm_contacts"), states[2])
    assert read(program.path)["bookmarks_after"]["leads"] == {}


def test_a_dry_run_moves_no_bookmark(tmp_path: Path) -> None:
    """The report of a dry run has the plan, and no bookmark moved."""
    program = Writing(tmp_path)
    program.runner.run(*stream_of("crm_contacts", PERSON), state_of(1), dry_run=True)
    found = read(program.path, people=True)
    assert found["bookmarks_after"] == {}
    assert found["rows"]["planned"] == 1
    assert found["plan"]


def test_the_page_names_what_there_is(tmp_path: Path) -> None:
    """docs/run-report.md names every key of both programs' reports, and no other key.

    Some keys exist in the report of one program only: the tap's skipped rows, the target's
    automations.
    """
    page = Path(__file__).parents[3].joinpath("docs", "run-report.md")
    table = page.read_text(encoding="utf-8")
    rows = [line.split("|") for line in table.splitlines() if line.startswith("| `")]
    names = {name for row in rows for name in re.findall(r"`([a-z_.]+)`", row[1])}
    programs = [
        (Reading(tmp_path), {"left_out"}, {"audiences", "automations", "run", "undo"}),
        (Writing(tmp_path), set(), set()),
    ]
    for program, more, less in programs:
        program.run()
        found = read(program.path)
        traffic = {f"traffic.{name}" for name in found.pop("traffic")}
        assert names - less == (set(found) - more) | traffic
        reported = next(row[2] for row in rows if "`rows`" in row[1])
        assert set(found["rows"]) - {"read"} <= set(re.findall(r"`([a-z_]+)`", reported))
