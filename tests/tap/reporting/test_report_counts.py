"""The counts of a run's report are those of the account, which counts what it answered."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_activecampaign_unified.client import RequestStats
from tap_activecampaign_unified.reporting.run_report import RunReport
from tests.tap.client.clients import ManualClock, world_of
from tests.tap.reporting.reported_runs import BOTH, PERSON, Reading, Writing, read
from tests.target.runner import TargetRunner, stream_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


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
        reported = [n for fault, n in traffic["faults"].items() if status in fault]
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
    (fault,) = found["streams"]["crm_contacts"]["faults"].items()
    assert fault[0].startswith("bounced_hard: ")
    assert fault[1] == 2
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
    path = tmp_path / "results.jsonl"
    assert f"crm_contacts: 2 more reasons: see {path}" in caplog.text
    runner.run(*stream_of("crm_contacts", *rows, keys=["email"]), results_path=None, force=True)
    assert "crm_contacts: 2 more reasons: set results_path to see them" in caplog.text
