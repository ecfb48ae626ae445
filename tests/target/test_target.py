"""Rows, results, numbering, bad input, states and unchanged rows."""

from __future__ import annotations

import pytest

from tap_activecampaign_unified.config.read_settings import SettingsError

from .runner import TargetRunner, schema_of, state_of, stream_of


def test_a_new_contact_is_created_and_the_same_again_costs_nothing(runner: TargetRunner) -> None:
    """A new contact has one result with its id; delivered again it costs no request."""
    row = {"email": "new@shop.example", "first_name": "Nia", "tags": ["vip"]}
    first = runner.send("crm_contacts", row)
    assert first.code == 0
    assert first.actions == ["created"]
    contact = runner.world.find_contact("new@shop.example")
    assert contact is not None
    assert (str(contact.id), contact.firstName) == (first.results[0]["id"], "Nia")
    again = runner.send("crm_contacts", row)
    assert again.actions == ["unchanged"]
    assert again.requests == []
    assert again.results[0]["id"] == str(contact.id)
    assert again.states == [{"bookmarks": {"at": 1}}]


def test_bad_lines_are_rejected_rows_and_the_others_go_on(
    runner: TargetRunner, caplog: pytest.LogCaptureFixture
) -> None:
    """A bad line is one rejected row, and the other rows are written.

    Bad lines have broken JSON, no schema, no key, an unknown stream, or an end that is cut off.
    """
    run = runner.run(
        {"type": "RECORD", "stream": "crm_accounts", "record": {"name": "Early"}},
        schema_of("crm_contacts", ["email"]),
        '{"type": "RECORD", "stream": "crm_contacts", "record": {"email": \n',
        {"type": "RECORD", "stream": "crm_contacts", "record": {"first_name": "Nobody"}},
        {"type": "RECORD", "stream": "crm_contacts", "record": {"email": "no address"}},
        *stream_of("widgets", {"id": 1}),
        {"type": "RECORD", "stream": "crm_contacts", "record": {"email": "ok@shop.example"}},
        state_of(7),
        '{"type": "RECORD", "stream": "crm_contacts", "rec',
    )
    assert run.code == 0
    assert run.actions == ["rejected"] * 5 + ["created", "rejected"]
    assert [r["row"] for r in sorted(run.results, key=lambda r: r["row"])] == list(range(1, 8))
    assert "SCHEMA" in run.reason(1)
    assert "JSON" in run.reason(2)
    assert "email" in run.reason(3)
    assert "stream" in run.reason(5)
    assert "middle" in run.reason(7)
    warned = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert sum(int(line.split()[1]) for line in warned if " times rejected: " in line) == 6
    assert run.states == [{"bookmarks": {"at": 7}}]


def test_a_setting_that_is_said_to_be_ignored_is(
    runner: TargetRunner, caplog: pytest.LogCaptureFixture
) -> None:
    """A setting of the SDK that the target ignores, such as flattening, changes nothing."""
    run = runner.run(
        *stream_of("crm_contacts", {"email": "ada@shop.example", "tags": [{"name": "vip"}]}),
        flattening_enabled="often",
    )
    assert run.code == 0
    assert run.actions == ["created"]
    assert "setting flattening_enabled is unknown and ignored" in caplog.text


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("dryrun", "dry_run"),
        ("max_change", "max_changes"),
        ("run_automation", "run_automations"),
        ("maxdeletes", "max_deletes"),
    ],
)
def test_a_misspelt_protective_setting_ends_the_run(
    runner: TargetRunner, wrong: str, right: str
) -> None:
    """A run that was to write nothing, or less, writes nothing if the setting is misspelt."""
    with pytest.raises(SettingsError, match=f"setting {wrong} is unknown: write {right}"):
        runner.send("crm_contacts", {"email": "ada@shop.example"}, **{wrong: 1})
    assert runner.world.find_contact("ada@shop.example") is None


def test_a_line_that_is_no_message_is_logged_with_its_number(
    runner: TargetRunner, caplog: pytest.LogCaptureFixture
) -> None:
    """A line that is no message is no row; the log has its line number."""
    run = runner.run(
        "[1]\n", schema_of("crm_contacts", ["email"]), {"a": 1}, '{"type": "SCHEMA", \n'
    )
    assert run.code == 0
    assert run.results == []
    errors = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert [line.partition("; ")[0] for line in errors] == [
        "Left out of the input: line 1: it is not a JSON object",
        "Left out of the input: line 3: its type is not one of Singer's (SCHEMA, RECORD, STATE)",
        "Left out of the input: line 4: broken JSON",
    ]


@pytest.mark.parametrize("line", ['{"email": "ada@shop.example"}\n', "email,name\n"])
def test_an_input_without_a_message_ends_with_1(
    runner: TargetRunner, caplog: pytest.LogCaptureFixture, line: str
) -> None:
    """An input of plain rows ends with exit code 1 and a line that says what to do."""
    run = runner.run(*[line] * 50)
    assert (run.code, run.writes) == (1, [])
    errors = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert errors[-1].startswith("no line of the input is a Singer message")
    assert len(errors) <= 12
    assert runner.run("\n").code == 0


def test_without_a_retry_file_no_state_covers_a_failed_row(runner: TargetRunner) -> None:
    """Without a retry file no state behind a failed row is emitted, and the exit code is 1."""
    runner.world.faults.server_error("/contact/sync", times=None)
    run = runner.run(
        *stream_of("marketing_tags"),
        state_of(1),
        *stream_of("crm_contacts", {"email": "a@shop.example"}),
        state_of(2),
        max_retry_seconds=1,
    )
    assert run.code == 1
    assert run.actions == ["failed"]
    assert run.states == [{"bookmarks": {"at": 1}}]


def test_the_next_run_sends_the_rows_of_the_retry_file(runner: TargetRunner) -> None:
    """A state may cover rows of the retry file; the next run sends them first."""
    path = runner.folder / "retry.jsonl"
    runner.world.faults.server_error("/contact/sync", times=None)
    run = runner.send(
        "crm_contacts", {"email": "a@shop.example"}, max_retry_seconds=1, retry_path=str(path)
    )
    assert (run.code, run.actions, len(run.states)) == (1, ["failed"], 1)
    assert path.stat().st_mode & 0o777 == 0o600
    runner.world.faults.clear()
    later = runner.send("crm_contacts", {"email": "b@shop.example"}, retry_path=str(path))
    assert later.code == 0
    assert [r["row"] for r in later.results] == [None, 1]
    assert runner.world.find_contact("a@shop.example") is not None
    assert path.read_text() == ""


@pytest.mark.parametrize("ratio", [1.0, 0.2])
def test_the_share_of_rejected_rows_decides_the_exit_code(
    runner: TargetRunner, ratio: float
) -> None:
    """The run ends with 1 beyond max_reject_ratio, and with 0 up to it."""
    records = [{"email": f"c{n}@shop.example" if n % 2 else "none"} for n in range(4)]
    run = runner.send("crm_contacts", *records, max_reject_ratio=ratio)
    assert run.code == (0 if ratio == 1.0 else 1)


def test_on_reject_fail_ends_the_run_before_any_state_covers_the_row(runner: TargetRunner) -> None:
    """With on_reject: fail the batch is finished, and no state covers the rejected row."""
    run = runner.send(
        "crm_contacts", {"email": "none"}, {"email": "ok@shop.example"}, on_reject="fail"
    )
    assert (run.code, run.states) == (1, [])
    assert run.actions == ["rejected", "created"]


def test_results_are_readable_by_their_owner_alone(runner: TargetRunner) -> None:
    """Results and ledger have mode 0600."""
    runner.send("crm_contacts", {"email": "ok@shop.example"})
    for name in ("results.jsonl", "ledger.sqlite"):
        assert (runner.folder / name).stat().st_mode & 0o777 == 0o600
    assert b"ok@shop" not in (runner.folder / "ledger.sqlite").read_bytes()
