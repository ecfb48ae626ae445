"""The run's id, and results as Singer messages."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from jsonschema import validate

from tests.target.runner import TargetRunner, state_of, stream_of

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

ROWS = [
    {"email": "new@shop.example", "first_name": "Ada"},
    {"email": "no address"},
    {"first_name": "Nobody"},
]


def messages_of(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a results file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_each_run_has_an_id_in_log_report_and_results(
    runner: TargetRunner, caplog: pytest.LogCaptureFixture
) -> None:
    """Log, report and each result name the same run id; the log names it before any row is read."""
    caplog.set_level("INFO")
    run = runner.send("crm_contacts", *ROWS)
    lines = [record.getMessage() for record in caplog.records]
    [first] = [line for line in lines if line.startswith("Run ")]
    assert re.fullmatch(r"Run \d{8}T\d{6}Z-[0-9a-f]{8}", first)
    assert lines.index(first) < next(n for n, line in enumerate(lines) if line.startswith("Reader"))
    assert [result["run"] for result in run.results] == [run.report["run"]] * 3
    assert first == f"Run {run.report['run']}"
    later = runner.send("crm_contacts", *ROWS)
    assert later.report["run"] != run.report["run"]


def test_a_run_that_fails_early_has_its_id_in_the_report(runner: TargetRunner) -> None:
    """A run that ends before its first result has its id in the report."""
    run = runner.send("crm_contacts", *ROWS, api_key="wrong" * 8)
    assert run.code == 1
    assert run.report["run"]


def test_results_as_singer_messages_say_what_the_json_lines_say(
    runner: TargetRunner, tmp_path: Path
) -> None:
    """`results_format: singer` writes a SCHEMA and one valid record per result."""
    plain = runner.send("crm_contacts", *ROWS, dry_run=True)
    run = runner.send("crm_contacts", *ROWS, dry_run=True, results_format="singer")
    schema, *records = messages_of(tmp_path / "results.jsonl")
    assert (schema["type"], schema["stream"]) == ("SCHEMA", "activecampaign_results")
    assert schema["key_properties"] == ["run", "number"]
    assert {(record["type"], record["stream"]) for record in records} == {
        ("RECORD", "activecampaign_results")
    }
    rows = [record["record"] for record in records]
    for row in rows:
        validate(row, schema["schema"])
        assert row.keys() == schema["schema"]["properties"].keys()
        assert row["run"] == run.report["run"]
        assert row["time"].endswith("+00:00")
    assert Counter(row["number"] for row in rows) == dict.fromkeys((1, 2, 3), 1)
    names = ("row", "stream", "key", "action", "id", "reason")
    assert [{n: row[n] for n in names} for row in rows] == [
        {n: result[n] for n in names} for result in plain.results
    ]


def test_a_run_without_rows_leaves_a_schema_for_the_loader(
    runner: TargetRunner, tmp_path: Path
) -> None:
    """Without rows the singer file has its SCHEMA, so a loader creates the table."""
    run = runner.run(*stream_of("crm_contacts"), state_of(1), results_format="singer")
    assert run.code == 0
    assert [message["type"] for message in messages_of(tmp_path / "results.jsonl")] == ["SCHEMA"]
    assert (tmp_path / "results.jsonl").stat().st_mode & 0o777 == 0o600
