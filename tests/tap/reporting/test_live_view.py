"""The live view: what a terminal shows during a run and after it."""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tap_activecampaign_unified.reporting.live_view import Screen, screen_of
from tap_activecampaign_unified.reporting.progress_rows import (
    ProgressRow,
    ProgressStatus,
    ProgressView,
)
from tests.end_to_end.program import Workspace, selecting
from tests.sandbox import World, serve
from tests.tap.client.clients import KEY
from tests.tap.reporting import terminal
from tests.target.runner import schema_of, state_of, stream_of

if TYPE_CHECKING:
    from collections.abc import Iterator


TARGET = Path(sys.executable).with_name("target-activecampaign")
LOG_LINE = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+ \| (INFO|WARNING|ERROR) +\| [\w.-]+ +\| \S"
)
STREAMS = ("crm_contacts", "crm_notes", "marketing_contacts", "marketing_tags")


@pytest.fixture
def screen() -> Iterator[terminal.Terminal]:
    """A terminal, wide enough for the longest line of the log."""
    emulator = terminal.Terminal(columns=320)
    yield emulator
    emulator.close()


def workspace_of(folder: Path, url: str) -> Workspace:
    """Return the start of a run on a terminal that supports drawing."""
    workspace = Workspace(folder, url)
    workspace.settings |= {"api_key": KEY, "max_concurrent_requests": 2}
    return workspace


@pytest.mark.long
def test_a_terminal_shows_the_run_and_ends_with_a_table(
    screen: terminal.Terminal, tmp_path: Path
) -> None:
    """A terminal shows streams, rows of the expected count, the rate and retries during a run.

    Warnings stay, each on its own line, and nothing of the view does. The last lines are a table of
    the rows read and the path of the report. The log's other lines are left out.
    """
    world = World(contacts=1500, api_key=KEY, requests_per_second=0)
    world.faults.slow(0.12, "/contacts", times=None)
    world.faults.server_error("/notes", times=3)
    world.faults.slow(1.5, "/notes", times=None)
    with serve(world) as served:
        workspace = workspace_of(tmp_path, served.url)
        workspace.settings["run_report_path"] = str(tmp_path / "report.json")
        catalog = selecting(
            json.loads(workspace.call(workspace.arguments("--discover")).out), STREAMS
        )
        command = workspace.arguments(catalog=catalog)
        out = tmp_path / "out.jsonl"
        environment = workspace.environment | {"TERM": "xterm-256color"}
        assert screen.run(command, environment, out) == 0
    assert screen.showed("crm_contacts", "of 1,500", "requests/s", "marketing_tags")
    assert screen.showed("sent again", "3 × server error (502)")
    left = screen.screen.all
    log = [line for line in left if LOG_LINE.match(line)]
    assert any("retrying" in line for line in log)
    assert not [line for line in log if "| INFO" in line]
    assert left[: len(log)] == log
    head, *rows, report = [line.split() for line in left[len(log) :]]
    assert head[:3] == ["stream", "read", "emitted"]
    assert [row[0] for row in rows] == [*STREAMS, "all"]
    assert rows[0][1:3] == rows[2][1:3] == ["1,500", "1,500"]
    assert report == ["Report:", str(tmp_path / "report.json")]
    types = {json.loads(line)["type"] for line in out.read_text(encoding="utf-8").splitlines()}
    assert types == {"SCHEMA", "RECORD", "STATE"}


@pytest.mark.parametrize("name", ["LOGLEVEL", "TAP_ACTIVECAMPAIGN_UNIFIED_LOGLEVEL"])
def test_with_a_log_level_a_terminal_has_the_whole_log(
    screen: terminal.Terminal, tmp_path: Path, name: str
) -> None:
    """With a log level in the environment a terminal has the log that a pipe has."""
    world = World(contacts=3, api_key=KEY, requests_per_second=0)
    with serve(world) as served:
        workspace = workspace_of(tmp_path, served.url)
        environment = workspace.environment | {"TERM": "xterm-256color", name: "INFO"}
        assert screen.run(workspace.arguments(), environment, tmp_path / "out") == 0
    assert any(LOG_LINE.match(line) and "METRIC" in line for line in screen.screen.all)


def test_a_terminal_shows_the_plan_of_a_dry_run(screen: terminal.Terminal, tmp_path: Path) -> None:
    """A terminal shows the lines of the plan of a dry run."""
    world = World(contacts=0, api_key=KEY, requests_per_second=0)
    source = tmp_path / "in.jsonl"
    messages = stream_of("crm_contacts", {"email": "ada@shop.example"})
    source.write_text("".join(json.dumps(message) + "\n" for message in messages))
    with serve(world) as served, source.open("rb") as given_:
        workspace = workspace_of(tmp_path, served.url)
        command = [str(TARGET), "--config", str(workspace.config(dry_run=True))]
        environment = workspace.environment | {"TERM": "xterm-256color"}
        assert screen.run(command, environment, tmp_path / "out", stdin=given_) == 0
    left = "\n".join(screen.screen.all)
    assert "1 created" in left
    assert re.search(r"^crm_contacts +1 +1$", left, re.MULTILINE)


def test_a_terminal_shows_rows_by_result(screen: terminal.Terminal, tmp_path: Path) -> None:
    """The target shows rows by result, and how many are left.

    The table at the end has the same numbers.
    """
    world = World(contacts=0, api_key=KEY, requests_per_second=0)
    world.faults.slow(0.02, "/contact/sync", times=None)
    # The rejected rows come first, so their results are visible while others are under way.
    rows = [{"email": "none" if n < 40 else f"p{n}@shop.example"} for n in range(200)]
    lines = [{"type": "RECORD", "stream": "crm_contacts", "record": row} for row in rows]
    source = tmp_path / "in.jsonl"
    messages = [schema_of("crm_contacts", ["email"]), *lines, state_of(1)]
    source.write_text("".join(json.dumps(message) + "\n" for message in messages))
    with serve(world) as served, source.open("rb") as given_:
        workspace = workspace_of(tmp_path, served.url)
        command = [str(TARGET), "--config", str(workspace.config(bulk_import="never"))]
        environment = workspace.environment | {"TERM": "xterm-256color"}
        assert screen.run(command, environment, tmp_path / "out", stdin=given_) == 0
    assert screen.showed("crm_contacts", "40 rejected", "200 rows received", "160 pending")
    left = [line.split() for line in screen.screen.all if not LOG_LINE.match(line)]
    head, counts, run = left
    assert head == ["stream", "rows", "created", "rejected"]
    assert counts == ["crm_contacts", "200", "160", "40"]
    assert run[0] == "Run:"
    assert json.loads((tmp_path / "out").read_text()) == state_of(1)["value"]


@pytest.mark.parametrize(
    ("out", "kind"), [pytest.param(None, "xterm", marks=pytest.mark.long), ("out.jsonl", "dumb")]
)
def test_without_a_usable_terminal_there_is_no_view(
    screen: terminal.Terminal, tmp_path: Path, out: str | None, kind: str
) -> None:
    """A terminal that shows the messages, or that cannot be drawn on, gets plain lines."""
    world = World(contacts=120, api_key=KEY, requests_per_second=0)
    with serve(world) as served:
        workspace = workspace_of(tmp_path, served.url)
        file = tmp_path / out if out else None
        assert screen.run(workspace.arguments(), workspace.environment | {"TERM": kind}, file) == 0
    assert b"\x1b" not in screen.output
    plain = [line for line in screen.output.decode().splitlines() if not LOG_LINE.match(line)]
    assert all(json.loads(line)["type"] for line in plain)


def test_of_two_programs_on_a_terminal_one_draws(
    screen: terminal.Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a pipeline of both programs only the first draws on the terminal."""
    monkeypatch.setenv("TERM", "xterm")
    with open(screen.far, "w", closefd=False) as stderr:
        first = screen_of(stderr)
        assert first is not None
        assert screen_of(stderr) is None
        with first:
            pass
        again = screen_of(stderr)
        assert again is not None
        with again:
            pass


@pytest.mark.parametrize("name", ["NO_COLOR", None])
def test_no_color_is_honoured(name: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """With NO_COLOR the view has no colour; without it there is colour."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("COLORTERM", raising=False)
    if name:
        monkeypatch.setenv(name, "1")
    stream = io.StringIO()
    screen = Screen(stream)
    with screen:
        screen.draw(ProgressView("tap", [ProgressRow("crm_notes", ProgressStatus.DONE, 5)], []))
    colours = re.findall(r"\x1b\[(?:\d+;)*3\d(?:;\d+)*m", stream.getvalue())
    assert bool(colours) is (name is None)
