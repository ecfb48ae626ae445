"""The run report of tap and target."""

from __future__ import annotations

import json
import re
import resource
import signal
import subprocess
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_activecampaign_unified.client import AuthenticationError, RequestStats
from tap_activecampaign_unified.reporting.report_files import write_report
from tap_activecampaign_unified.reporting.run_report import RunReport
from tests.end_to_end.program import Workspace
from tests.sandbox import World, serve
from tests.tap.client.clients import KEY, ManualClock, world_of
from tests.tap.running import Account, Ran
from tests.target.runner import Run, TargetRunner, schema_of, state_of, stream_of

if TYPE_CHECKING:
    from collections.abc import Callable

SHARED = {
    "program",
    "versions",
    "account",
    "began_at",
    "finished_at",
    "seconds",
    "exit_code",
    "problem",
    "settings",
    "rows",
    "streams",
    "traffic",
    "bookmarks_before",
    "bookmarks_after",
}
WRONG_KEY = "wrong-key-123"
PERSON = {"email": "ada.lovelace@shop.example", "first_name": "Augusta"}


def read(path: Path, *, people: bool = False) -> dict[str, Any]:
    """Return a report after checking what every report must have.

    With ``people`` it may name people, because it has the samples of a dry run.
    """
    assert path.stat().st_mode & 0o777 == 0o600
    text = path.read_text(encoding="utf-8")
    for secret in (KEY, WRONG_KEY, *(() if people else ("shop.example", "Augusta"))):
        assert secret not in text
    assert [
        file.name for file in path.parent.iterdir() if file.name.startswith(f".{path.name}")
    ] == []
    found: dict[str, Any] = json.loads(text)
    assert set(found) >= SHARED
    assert set(found["versions"]) == {"program", "python", "singer_sdk", "system"}
    assert found["began_at"] <= found["finished_at"]
    assert found["account"] == "acme"
    traffic = found["traffic"]
    counts = [n for by in traffic["by_endpoint"].values() for n in by.values()]
    assert traffic["requests"] == sum(counts) == sum(traffic["by_status"].values())
    over_time = traffic["over_time"]
    assert sum(over_time["requests"]) == traffic["requests"]
    assert sum(over_time["faults"]) == sum(traffic["faults"].values())
    assert len(over_time["faults"]) == len(over_time["requests"])
    return found


class Reading:
    """A tap, an account and a report."""

    def __init__(self, folder: Path) -> None:
        """Make the account."""
        self.path = folder / "report.json"
        self.account = Account(contacts=30, deals=5, accounts=5)
        self.world = self.account.world

    def run(self, state: Any = None, **settings: Any) -> tuple[int, str | None]:
        """Run it; return exit code and last log line."""
        path = str(self.path)
        ran: Ran = self.account.run(state, run_report_path=path, **settings)
        return ran.code, ran.line

    def stop(self, signum: int) -> None:
        """Send it a signal."""
        self.account.stop(signum)


class Writing:
    """A target, an account and a report."""

    def __init__(self, folder: Path) -> None:
        """Make the account."""
        clock = ManualClock()
        self.path = folder / "report.json"
        self.world = world_of(clock, contacts=5)
        self.runner = TargetRunner(self.world, clock, folder)

    def run(self, **settings: Any) -> tuple[int, str | None]:
        """Run it; return exit code and last log line."""
        made, real = [], self.runner.target

        def remember(**options: Any) -> Any:
            made.append(real(**options))
            self.target = made[-1]
            return made[-1]

        self.runner.target = remember  # type: ignore[method-assign]
        run: Run = self.runner.send("crm_contacts", PERSON | {"tags": list("abcdefgh")}, **settings)
        return run.code, run.last_word or None

    def stop(self, signum: int) -> None:
        """Send it a signal."""
        self.target._handle_termination(signum, None)


BOTH = pytest.mark.parametrize("kind", [Reading, Writing], ids=["tap", "target"])

# --- every ending -------------------------------------------------------------------------------


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


# --- its numbers ----------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("seed", range(3))
def test_the_numbers_are_the_accounts_own(
    kind: Callable[[Path], Any], tmp_path: Path, seed: int
) -> None:
    """The report counts each status and each fault as often as the account gave it.

    Statuses and retry reasons are separate for 429, 403, 5xx, an empty answer, half an answer,
    HTML, a broken connection, and an answer that did not come.
    """
    program = kind(tmp_path)
    faults = (
        "throttle",
        "forbid",
        "server_error",
        "empty_body",
        "truncated_json",
        "html_200",
        "reset",
        ("slow", {"seconds": 100}),
    )
    program.world.faults.mix(0.5, seed, faults)
    program.run()
    traffic = read(program.path)["traffic"]
    log = Counter(str(entry.status) for entry in program.world.log if entry.status)
    answered = {name: n for name, n in traffic["by_status"].items() if name.isdigit()}
    assert traffic["requests"] == len(program.world.log)
    assert sum(answered.values()) <= sum(log.values())
    for status in ("429", "403", "502"):
        assert answered.get(status, 0) == log[status]
        reported = [n for what, n in traffic["faults"].items() if status in what]
        assert sum(reported) == log[status]
    names = {
        "throttled (429)",
        "forbidden (403)",
        "server error (502)",
        "an empty response (200)",
        "a response that is incomplete, not JSON, or nested too deep (200)",
        "HTML in place of JSON (200)",
        "the connection broke",
        "no response in time",
    }
    assert set(traffic["faults"]) <= names | {name.replace("200", "201") for name in names}
    assert sum(traffic["faults"].values()) > 3
    assert all(traffic["faults"][why] >= n for why, n in traffic["retries"].items())


@pytest.mark.parametrize(
    ("fault", "reported"),
    [
        ("throttle", "throttled (429)"),
        ("forbid", "forbidden (403)"),
        ("server_error", "server error (502)"),
        ("empty_body", "an empty response (200)"),
        ("truncated_json", "a response that is incomplete, not JSON, or nested too deep (200)"),
        ("html_200", "HTML in place of JSON (200)"),
        ("reset", "the connection broke"),
    ],
)
def test_a_fault_has_one_name(tmp_path: Path, fault: str, reported: str) -> None:
    """A fault that occurs twice is counted twice under one name."""
    program = Reading(tmp_path)
    getattr(program.world.faults, fault)(prefix="/tags", times=2)
    assert program.run(max_concurrent_requests=1)[0] == 0
    traffic = read(program.path)["traffic"]
    assert traffic["faults"] == traffic["retries"] == {reported: 2}
    assert traffic["repeats"] == 2


def test_waits_are_reported_by_cause(tmp_path: Path) -> None:
    """Waits for the server, between attempts and for the budget add up to all sleep."""
    program = Reading(tmp_path)
    program.world.faults.throttle(prefix="/tags", times=1, retry_after=30)
    program.world.faults.server_error(prefix="/lists", times=3)
    assert program.run(max_concurrent_requests=1)[0] == 0
    waited = read(program.path)["traffic"]["seconds_waited"]
    assert waited["asked_for_by_the_server"] == pytest.approx(30, abs=1.5)
    assert waited["between_attempts"] > 0
    assert waited["for_the_budget"] > 1
    slept = sum(pause for pause in program.account.clock.slept if pause > 0)
    assert sum(waited.values()) == pytest.approx(slept, abs=0.5)


@given(pauses=st.lists(st.floats(0, 90_000), min_size=1, max_size=60))
def test_rates_over_time_are_whole_and_bounded(pauses: list[float]) -> None:
    """The rates have every request and fault in at most 360 buckets, for a run of any length.

    A bucket's start is exact, so that a reader can calculate a rate.
    """
    clock = ManualClock()
    traffic = RequestStats(clock)
    moments = []
    for pause in pauses:
        clock.sleep(pause)
        moments.append((clock.now() - traffic.began_at).total_seconds())
        traffic.count("GET tags", "502")
        traffic.note_fault("server error (502)")
    reported = traffic.document()["over_time"]
    width = reported["bucket_seconds"]
    expected = Counter(int(moment // width) for moment in moments)
    assert len(reported["requests"]) <= 360
    assert reported["requests"] == reported["faults"]
    assert {n: count for n, count in enumerate(reported["requests"]) if count} == expected
    assert width == 2 or len(reported["requests"]) > 180


def test_unreadable_fields_are_counted(tmp_path: Path) -> None:
    """The report counts rows that lost a field, by field and without the value."""
    program = Reading(tmp_path)
    for number in (3, 4):
        program.world.tables["contacts"].get(number).bounced_hard = "Augusta"
    assert program.run()[0] == 0
    found = read(program.path)
    assert found["streams"]["crm_contacts"]["rows_faulty"] == 2
    (what,) = found["streams"]["crm_contacts"]["faults"].items()
    assert what[0].startswith("bounced_hard: ")
    assert what[1] == 2
    assert found["rows"]["faulty"] >= 2


def test_rejected_rows_are_counted_by_reason(tmp_path: Path) -> None:
    """The report counts rows by result and reason, without values."""
    program = Writing(tmp_path)
    rows = [PERSON, {"email": "no address of Augusta"}, {"email": "none"}, {"last_name": "Augusta"}]
    program.runner.run(*stream_of("crm_contacts", *rows))
    found = read(program.path)
    reported_rows = found["rows"]
    assert (reported_rows["read"], reported_rows["created"], reported_rows["rejected"]) == (4, 1, 3)
    reasons = found["streams"]["crm_contacts"]["reasons"]
    assert sum(n for why, n in reasons.items() if why.startswith("rejected: ")) == 3


# --- bookmarks ------------------------------------------------------------------------------------


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


# --- the file -------------------------------------------------------------------------------------


def test_a_full_disk_leaves_the_old_report_whole(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """On a full disk the old report stays, no temporary file is left, and one warning is logged."""
    path = tmp_path / "report.json"
    write_report(path, {"old": True})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    quiet = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        write_report(path, {"new": "x" * 100_000})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, quiet)
    assert json.loads(path.read_text()) == {"old": True}
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["report.json"]
    assert "could not be written" in caplog.text


@pytest.mark.parametrize(
    "name", ["report\0.json", "x" * 300, "report.json/report.json", "/proc/x/y"]
)
def test_an_unusable_report_path_is_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """An unusable report path costs one warning.

    It is an invalid name, a file in place of a folder, or a read-only folder.
    """
    (tmp_path / "report.json").write_text("")
    write_report(tmp_path / name, {})
    assert caplog.text.count("could not be written") == 1


# --- its documentation --------------------------------------------------------------------------


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


def test_kinds_beyond_the_log_are_counted(
    tmp_path: Path, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Of many kinds of faults the log names some, and says how many more the report has."""
    report = RunReport()
    for number in range(14):
        report.stats_of("crm_notes").note_faults([f"column_{number}: no date"])
    report.log_summary()
    assert "crm_notes: 4 more kinds of faults: see run_report_path" in caplog.text
    rows = [{"email": f"{number}@shop.example", f"odd_{number}": 1} for number in range(12)]
    runner = TargetRunner(world_of(clock), clock, tmp_path)
    run = runner.run(*stream_of("crm_contacts", *rows, keys=["email"]))
    assert run.code == 0
    assert "crm_contacts: 2 more reasons: see results_path" in caplog.text
