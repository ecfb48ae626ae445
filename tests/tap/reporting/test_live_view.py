"""The live view: what a terminal shows during a run and after it."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_activecampaign_unified.raw import COLLECTIONS
from tap_activecampaign_unified.reporting import progress
from tap_activecampaign_unified.reporting.durations import clock_time
from tap_activecampaign_unified.reporting.live_view import Screen, screen_of
from tap_activecampaign_unified.reporting.progress import SyncProgress
from tap_activecampaign_unified.reporting.progress_rows import (
    ProgressRow,
    ProgressStatus,
    ProgressView,
)
from tap_activecampaign_unified.reporting.run_report import RunReport
from tap_activecampaign_unified.resources import by_name
from tests import length
from tests.end_to_end.program import Workspace, selecting
from tests.sandbox import World, serve
from tests.tap.client.clients import KEY, world_of
from tests.target.runner import TargetRunner, schema_of, state_of, stream_of

from . import terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tap_activecampaign_unified.client import Client
    from tests.tap.client.clients import ManualClock

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


# --- on a terminal --------------------------------------------------------------------------------


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


@pytest.mark.parametrize(("out", "kind"), [(None, "xterm"), ("out.jsonl", "dumb")])
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


# --- the drawing ----------------------------------------------------------------------------------


class DrawnScreen:
    """A screen of any size that draws into a terminal of that size, without a process."""

    def __init__(self, columns: int, lines: int, encoding: str = "utf-8") -> None:
        """Open it."""
        self.terminal = terminal.Screen(columns, lines)
        feed = self.terminal.feed

        class Stream(io.TextIOWrapper):
            def write(self, text: str) -> int:
                feed(text.encode(encoding, "backslashreplace"))
                return len(text)

        self.stream = Stream(io.BytesIO(), encoding=encoding)
        self.screen = Screen(self.stream)


LINES = st.lists(
    st.builds(
        ProgressRow,
        st.text(st.characters(codec="utf-8"), max_size=60) | st.sampled_from(STREAMS),
        st.sampled_from(ProgressStatus),
        st.integers(0, 10**9),
        st.none() | st.integers(0, 10**9),
        st.text(st.characters(codec="utf-8"), max_size=80),
    ),
    max_size=45,
)
GLANCES = st.builds(
    ProgressView, st.just("tap  acme  0:42"), LINES, st.lists(st.text(max_size=40), max_size=9)
)
WORDS = st.text("abc |0", min_size=1, max_size=90).map(lambda text: f"x{text.strip()}x")


@settings(max_examples=length.of(60, 2000))
@given(
    columns=st.integers(1, 200),
    lines=st.integers(1, 40),
    encoding=st.sampled_from(["utf-8", "ascii", "iso-8859-1"]),
    steps=st.lists(GLANCES | WORDS, max_size=8),
)
def test_the_log_is_what_it_would_be_without_the_view(
    columns: int, lines: int, encoding: str, steps: list[ProgressView | str]
) -> None:
    """The view changes no line of the log, for any screen size, language and stream."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("COLUMNS", str(columns))
        environment.setenv("LINES", str(lines))
        drawn = DrawnScreen(columns, lines, encoding)
        bare = terminal.Screen(columns, lines)
        with drawn.screen:
            for step in steps:
                if isinstance(step, str):
                    drawn.screen.write(step + "\n")
                    bare.feed(step.encode() + b"\n")
                else:
                    drawn.screen.draw(step)
                    height = len(drawn.screen.rendered(step))
                    assert height <= max(lines - 2, 0)
    assert drawn.terminal.all == bare.all


@given(steps=st.lists(GLANCES | WORDS, max_size=8))
@settings(max_examples=length.of(30, 1000))
def test_lines_of_another_program_are_not_erased(steps: list[ProgressView | str]) -> None:
    """The view does not erase lines of a loader at the other end of the pipe."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("COLUMNS", "100")
        environment.setenv("LINES", "24")
        drawn = DrawnScreen(100, 24)
        written = []
        with drawn.screen:
            for step in steps:
                if isinstance(step, str):
                    drawn.terminal.feed(step[:99].encode() + b"\x1b[K\n")
                    written.append(step[:99].rstrip())
                    drawn.screen.draw(ProgressView("tap", [], []))
                else:
                    drawn.screen.draw(step)
    assert drawn.terminal.all == written


@pytest.mark.parametrize("columns", [24, 40, 64, 80, 120, 200])
def test_numbers_are_whole_at_every_width(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A narrow terminal loses bars, notes and ends of names, and never digits of a number."""
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("LINES", "24")
    drawn = DrawnScreen(columns, 24)
    left = "about 1:02:03 left"
    lines = [
        ProgressRow("marketing_segment_memberships", ProgressStatus.UNDER_WAY, 4300, 10_000, left),
        ProgressRow(
            "crm_notes", ProgressStatus.FAILED, 12, None, "the server answers 502 whatever is asked"
        ),
    ]
    with drawn.screen:
        drawn.screen.draw(
            ProgressView("tap  acme  0:42", lines, ["4.9 of 5 requests/s", "213 requests"])
        )
        shown = drawn.terminal.shown
    assert any("4,300 of 10,000" in line for line in shown)
    assert any(re.search(r"cr\S*.* 12( |$)", line) for line in shown)
    assert any("4.9 of 5 requests/s" in line for line in shown)
    assert any(left in line for line in shown) is (columns >= 64)
    assert any("━" in line for line in shown) is (columns >= 80)


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


def test_streams_under_way_are_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a hundred streams a small terminal shows those that are read now."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "12")
    drawn = DrawnScreen(80, 12)
    statuses = (
        [ProgressStatus.DONE] * 70 + [ProgressStatus.UNDER_WAY] + [ProgressStatus.WAITING] * 29
    )
    lines = [ProgressRow(f"raw_{n}", status, n) for n, status in enumerate(statuses)]
    with drawn.screen:
        drawn.screen.draw(ProgressView("tap", lines, ["5 of 5 requests/s"]))
        shown = "\n".join(drawn.terminal.shown)
    assert "raw_70" in shown
    assert "more above" in shown
    assert "more below" in shown
    assert "5 of 5 requests/s" in shown


# --- what it says ---------------------------------------------------------------------------------


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


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0:00"), (59.6, "1:00"), (65, "1:05"), (7200, "2:00:00")]
)
def test_durations_read_like_a_clock(seconds: float, shown: str) -> None:
    """Durations are shown as minutes and seconds, with hours where there are any."""
    assert clock_time(seconds) == shown
