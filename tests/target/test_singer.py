"""The SDK's standard tests of a target, and the command line."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from singer_sdk.testing import target_tests
from singer_sdk.testing.legacy import target_sync_test

from tests.sandbox import World, serve

from .runner import TargetRunner, state_of, stream_of

if TYPE_CHECKING:
    from pathlib import Path

# Tests that expect an error where the target rejects a row are replaced by tests below.
FILES = [
    value
    for value in vars(target_tests).values()
    if isinstance(value, type)
    and issubclass(value, target_tests.TargetFileTestTemplate)
    and value is not target_tests.TargetFileTestTemplate
]


@pytest.mark.parametrize("template", FILES, ids=lambda template: template.name)
def test_the_sdks_streams_end_as_rejected_rows(runner: TargetRunner, template: Any) -> None:
    """Each row of the standard tests is rejected as of an unknown stream."""
    sample = template()
    text = sample.singer_filepath.read_text()
    rows = sum('"RECORD"' in line for line in text.splitlines())
    target = runner.target()
    target_sync_test(target, io.StringIO(text))
    lines = (runner.folder / "results.jsonl").read_text().splitlines() if rows else []
    assert len(lines) == rows
    assert {json.loads(line)["action"] for line in lines} <= {"rejected"}


def config_of(url: str, folder: Path, **more: Any) -> list[str]:
    """Write a config file and return the command that uses it."""
    path = folder / "config.json"
    settings = {
        "api_url": url,
        "api_key": "sandbox-key",
        "requests_per_second": 0,
        "results_path": str(folder / "results.jsonl"),
        "ledger_path": str(folder / "ledger.sqlite"),
    }
    path.write_text(json.dumps(settings | more))
    return [sys.executable, "-m", "target_activecampaign", "--config", str(path)]


def text_of(*messages: Any) -> str:
    """Return messages as lines."""
    return "".join(json.dumps(message) + "\n" for message in messages)


def test_the_command_line_writes_and_says_so(tmp_path: Path) -> None:
    """A run from standard input exits with 0, the state on stdout and a summary on stderr."""
    world = World(contacts=0, requests_per_second=0)
    with serve(world) as served:
        lines = text_of(*stream_of("crm_contacts", {"email": "cli@shop.example"}), state_of(1))
        done = subprocess.run(
            config_of(served.url, tmp_path),
            input=lines,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"bookmarks": {"at": 1}}
    assert "1 created" in done.stderr
    assert world.find_contact("cli@shop.example") is not None


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_while_waiting_for_input_ends_at_once(
    tmp_path: Path, signum: int, code: int
) -> None:
    """After a signal the rows before the last state are covered; the exit code names the signal."""
    world = World(contacts=0, requests_per_second=0)
    with serve(world) as served:
        process = subprocess.Popen(
            config_of(served.url, tmp_path),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdin.write(
            text_of(*stream_of("crm_contacts", {"email": "s@shop.example"}), state_of(1))
        )
        process.stdin.flush()
        assert json.loads(process.stdout.readline()) == {"bookmarks": {"at": 1}}
        process.stdin.write(text_of(*stream_of("crm_contacts", {"email": "u@shop.example"})))
        process.stdin.flush()
        time.sleep(0.3)  # the program does not report that it has read a line
        begun = time.monotonic()
        process.send_signal(signum)
        assert process.wait(20) == code
        assert time.monotonic() - begun < 5
        assert "Traceback" not in process.stderr.read()
        # The row behind the state was read and not written: it has a result and no state.
        assert process.stdout.read() == ""
        lines = (tmp_path / "results.jsonl").read_text().splitlines()
        assert [json.loads(line)["action"] for line in lines] == ["created", "failed"]
        assert world.find_contact("u@shop.example") is None
        for pipe in (process.stdin, process.stdout, process.stderr):
            pipe.close()


@pytest.mark.parametrize(
    ("setting", "value", "word"),
    [
        ("api_url", "http://example.com", "api_url"),
        ("bulk_import", "sometimes-secret", "bulk_import"),
        ("max_deletes", "many-secret", "max_deletes"),
        ("match_opportunities_on", ["secret"], "match_opportunities_on"),
        ("stream_aliases", "secret", "stream_aliases"),
        ("tags_mode", "mirror", "tag_namespace"),
        ("ledger_path", "/proc/secret/ledger", "ledger_path"),
    ],
)
def test_wrong_settings_are_one_line_and_exit_code_2(
    tmp_path: Path, setting: str, value: Any, word: str
) -> None:
    """A wrong setting is one line with its name and never its value, and exit code 2."""
    command = config_of("https://acme.api-us1.com", tmp_path, requests_per_second=5)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {setting: value}))
    lines = text_of(*stream_of("crm_contacts", {"email": "x@shop.example"}))
    done = subprocess.run(
        command, input=lines, capture_output=True, text=True, check=False, env=dict(os.environ)
    )
    assert done.returncode == 2
    errors = [line for line in done.stderr.splitlines() if "ERROR" in line]
    assert len(errors) == 1
    assert word in errors[0]
    assert "secret" not in errors[0]


def test_stream_maps_and_aliases_name_the_stream(runner: TargetRunner) -> None:
    """Stream maps and aliases map a source's stream and columns to ours."""
    run = runner.run(
        *stream_of("analytics-scores", {"mail": "map@shop.example", "fn": "Mapped"}),
        *stream_of("leads", {"email": "alias@shop.example"}),
        state_of(1),
        stream_aliases={"leads": "crm_contacts"},
        stream_maps={
            "analytics-scores": {"email": "mail", "first_name": "fn", "__alias__": "crm_contacts"}
        },
    )
    assert run.actions == ["created", "created"]
    assert runner.world.find_contact("map@shop.example").firstName == "Mapped"
