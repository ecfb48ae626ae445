"""The tap's options, its settings from files and environment, and its output streams."""

from __future__ import annotations

import json
import logging
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.tap.running import Account

from .program import KEY, PREFIX, TAP, Workspace, messages

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandbox import Served, World

STREAMS = {
    "crm_accounts",
    "crm_contacts",
    "crm_fields",
    "crm_notes",
    "crm_opportunities",
    "crm_pipelines",
    "crm_stages",
    "crm_users",
    "directory_groups",
    "directory_users",
    "marketing_contact_tags",
    "marketing_contacts",
    "marketing_segment_memberships",
    "marketing_segments",
    "marketing_tags",
}
OFF = {
    "crm_contact_scores",
    "crm_opportunity_changes",
    "crm_opportunity_scores",
    "crm_tasks",
    "marketing_automations",
    "marketing_campaign_messages",
    "marketing_campaigns",
    "marketing_contact_automations",
    "marketing_engagements",
    "marketing_saved_segments",
    "marketing_saved_segment_members",
    "commerce_stores",
    "commerce_customers",
    "commerce_orders",
    "commerce_order_lines",
    "commerce_products",
    "commerce_subscriptions",
}


def read_report(path: Path) -> dict[str, Any]:
    """Return a run's report after checking that only its owner can read it."""
    assert path.stat().st_mode & 0o777 == 0o600
    text = path.read_text(encoding="utf-8")
    assert KEY not in text
    return dict(json.loads(text))


# --- options without a read --------------------------------------------------------------------


def test_version_needs_no_settings(workspace: Workspace) -> None:
    """--version prints the program and its version without settings."""
    ended = workspace.call([str(TAP), "--version"])
    assert ended.code == 0
    assert re.match(r"tap-activecampaign-unified v\d+\.\d+", ended.out)


def test_about_lists_settings_and_capabilities(workspace: Workspace, served: Served) -> None:
    """--about --format=json describes every setting, marks the key as secret, sends no request."""
    before = len(served.world.log)
    ended = workspace.call([str(TAP), "--about", "--format=json"])
    assert ended.code == 0
    about = json.loads(ended.out)
    settings = about["settings"]["properties"]
    assert all(setting.get("description") for setting in settings.values())
    hidden = {name for name, setting in settings.items() if setting.get("secret")}
    # The address of a database may hold a password.
    assert hidden == {"api_key", "rate_limit_store", "known_ids_path"}
    assert settings["api_key"]["writeOnly"] is True
    assert about["settings"]["required"] == ["api_url", "api_key"]
    assert "batch_config" not in settings
    assert {"catalog", "state", "discover", "stream-maps"} <= set(about["capabilities"])
    assert "batch" not in about["capabilities"]
    assert len(served.world.log) == before


def test_about_is_a_page_too(workspace: Workspace) -> None:
    """--about --format=markdown has a table with a row per setting."""
    ended = workspace.call([str(TAP), "--about", "--format=markdown"])
    assert ended.code == 0
    for name in ("api_url", "api_key", "requests_per_second", "full_sweep_hours"):
        assert re.search(rf"^\| *`?{name}`? *\|", ended.out, re.MULTILINE), name


@pytest.mark.long
def test_discover_writes_a_catalog_and_nothing_else(workspace: Workspace) -> None:
    """--discover writes one catalog, with which a run reads what it reads without a catalog."""
    ended = workspace.call(workspace.arguments("--discover"))
    assert ended.code == 0
    catalog = json.loads(ended.out)
    names = {entry["tap_stream_id"] for entry in catalog["streams"]}
    off = names - STREAMS
    assert names >= STREAMS | OFF
    assert {name for name in off if not name.startswith("raw_")} == OFF
    for entry in catalog["streams"]:
        root = next(part["metadata"] for part in entry["metadata"] if not part["breadcrumb"])
        assert (
            root["selected-by-default"] is root["selected"] is (entry["tap_stream_id"] in STREAMS)
        )
    for entry in catalog["streams"]:
        assert entry["key_properties"]
        assert {*entry["key_properties"], entry.get("replication_key") or "id"} - {"id"} <= set(
            entry["schema"]["properties"]
        )
    ended = workspace.run(catalog=catalog)
    assert "raw_webhooks" not in ended.err  # no line about the streams that are off by default
    records = [message for message in ended.messages if message["type"] == "RECORD"]
    usual = [message for message in workspace.run().messages if message["type"] == "RECORD"]
    assert without_times(records) == without_times(usual)


def without_times(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return record messages without their time of extraction."""
    return [{k: v for k, v in record.items() if k != "time_extracted"} for record in records]


# --- --test --------------------------------------------------------------------------------------


def test_test_reads_a_little_of_every_stream(workspace: Workspace) -> None:
    """--test ends with 0, Singer messages on stdout, and a line per stream on stderr."""
    ended = workspace.run("--test")
    assert ended.code == 0
    assert ended.errors == []
    for stream in STREAMS:
        assert len(ended.records(stream)) >= 1, stream
        assert re.search(rf"\| {stream}: done, .* rows read", ended.err), stream
    assert len(ended.records("crm_contacts")) < 60
    assert "seconds waited" in ended.err.splitlines()[-1]  # the end of the table, below the log


def test_test_with_json_ends_with_one_line_of_json(workspace: Workspace) -> None:
    """--test=json writes its result as the last line of stderr."""
    ended = workspace.run("--test=json")
    assert ended.code == 0
    assert json.loads(ended.err.splitlines()[-1])["key"]["is good"] == "yes"


def test_help_explains_the_values_of_test(workspace: Workspace, served: Served) -> None:
    """--help explains --test and its values; an unknown value is refused."""
    printed = " ".join(workspace.call([str(TAP), "--help"]).out.split())
    assert "--test [json|schema] Print on stderr what the account supports" in printed
    before = len(served.world.log)
    ended = workspace.run("--test=table")
    assert ended.code == 2
    assert "'--test'" in ended.line
    assert "'json'" in ended.line
    assert len(served.world.log) == before


@pytest.mark.long
def test_test_fails_when_a_stream_does(workspace: Workspace, served: Served) -> None:
    """--test ends with 1 and names a forbidden stream where on_forbidden is fail."""
    served.world.faults.forbid("/notes")
    ended = workspace.run("--test", on_forbidden="fail", max_retry_seconds=1)
    assert ended.code == 1
    assert "crm_notes" in ended.line
    assert ended.records("marketing_tags")
    assert workspace.run("--test", max_retry_seconds=1).code == 0


def test_test_schema_writes_schemas_only(workspace: Workspace) -> None:
    """--test=schema writes a SCHEMA per stream with a fixed schema, and no record."""
    ended = workspace.run("--test=schema")
    assert ended.code == 0
    assert {message["type"] for message in ended.messages} == {"SCHEMA"}
    assert {message["stream"] for message in ended.messages} == STREAMS | OFF


# --- settings ------------------------------------------------------------------------------------


def test_settings_come_from_the_environment(workspace: Workspace, served: Served) -> None:
    """--config=ENV reads all settings from the environment, numbers and switches too."""
    report = workspace.folder / "report.json"
    values = {
        "API_URL": f"{served.url}/api/3/",
        "API_KEY": KEY,
        "REQUESTS_PER_SECOND": "0",
        "LOOKBACK_HOURS": "12.5",
        "REQUEST_TIMEOUT": "30",
        "INCLUDE_REMOTE_DATA": "true",
        "START_DATE": "2020-01-31",
        "RUN_REPORT_PATH": str(report),
    }
    environment = {f"{PREFIX}{name}": value for name, value in values.items()}
    ended = workspace.call([str(TAP), "--config=ENV"], **environment)
    assert ended.code == 0, ended.err
    tags = [message for message in messages(ended.out) if message.get("stream") == "marketing_tags"]
    assert tags[-1]["record"]["remote_data"]["tagType"]
    settings = read_report(report)["settings"]
    assert settings["lookback_hours"] == 12.5
    assert settings["request_timeout"] == 30
    assert settings["start_date"].startswith("2020-01-31")


def test_files_are_merged_and_the_environment_wins(workspace: Workspace, served: Served) -> None:
    """Of several --config the later wins, and the environment wins over files."""
    report = workspace.folder / "report.json"
    first = workspace.file(
        "first.json", {"api_url": served.url, "lookback_hours": 1, "sideload": "x"}
    )
    second = workspace.file(
        "second.json",
        {
            "api_key": KEY,
            "lookback_hours": 2,
            "sideload": "never",
            "full_sweep_hours": 3,
            "requests_per_second": 0,
            "run_report_path": str(report),
        },
    )
    files = [str(TAP), "--config", str(first), "--config", str(second)]
    ended = workspace.call([*files, "--config=ENV"], **{f"{PREFIX}FULL_SWEEP_HOURS": "4"})
    assert ended.code == 0, ended.err
    settings = read_report(report)["settings"]
    assert settings["lookback_hours"] == 2
    assert settings["sideload"] == "never"
    assert settings["full_sweep_hours"] == 4


def test_a_number_may_have_a_fraction(workspace: Workspace) -> None:
    """A number in a config file may have a fraction."""
    ended = workspace.run("--test=schema", lookback_hours=1.5, request_timeout=9.5)
    assert ended.code == 0, ended.err


def test_a_misspelt_setting_is_pointed_out(workspace: Workspace) -> None:
    """A warning names an unknown setting and the nearest known setting."""
    ended = workspace.run("--test=schema", lookback_hour=3)
    assert ended.code == 0
    assert re.search(r"WARNING .*lookback_hour is unknown.*did you mean lookback_hours", ended.err)


# --- other output of a run ----------------------------------------------------------------------


@pytest.mark.parametrize("before", ["no file", "an old file"])
def test_the_report_is_right_and_its_owners_alone(
    workspace: Workspace, served: Served, before: str
) -> None:
    """The report has the run's rows and requests, mode 0600, no key and no person."""
    report = workspace.folder / "reports" / "report.json"
    if before == "an old file":
        report.parent.mkdir()
        report.write_text("{}" * 100_000)
        report.chmod(0o644)
    earlier = len(served.world.log)
    ended = workspace.run(run_report_path=str(report))
    assert ended.code == 0
    found = read_report(report)
    assert found["traffic"]["requests"] == len(served.world.log) - earlier
    assert found["traffic"]["repeats"] == 0
    assert set(found["streams"]) == STREAMS
    for name, stream in found["streams"].items():
        assert stream["rows_emitted"] == len(ended.records(name)), name
        assert stream["outcome"] == "done"
    assert found["bookmarks_after"] == ended.states[-1]["bookmarks"]
    shown = report.read_text() + ended.err
    assert not [email for email in emails(served.world) if email in shown]


def emails(world: World) -> list[str]:
    """Return the addresses of all contacts."""
    return [row.email for row in world.tables["contacts"]]


def test_a_report_that_cannot_be_written_costs_no_run(workspace: Workspace) -> None:
    """A report that cannot be written is one warning, and all rows are emitted."""
    ended = workspace.run(run_report_path=str(workspace.folder))
    assert ended.code == 0
    assert re.search(r"WARNING .*run report", ended.err)
    assert ended.records("crm_contacts")


def test_the_log_of_level_debug_has_no_secrets(workspace: Workspace, served: Served) -> None:
    """The log of level DEBUG has no key and no person, also with faults and unreadable values."""
    world = served.world
    dates = [row.id for row in world.tables["fields"] if row.type == "date"]
    world.set_field(7, dates[0], "jane.doe@private.example")
    world.edit_contact(8, firstName="Wilhelmina-Private", phone="+4917155500099")
    world.faults.server_error("/contacts")
    world.faults.truncated_json("/tags")
    world.faults.html_200("/lists")
    world.faults.reset("/deals")
    ended = workspace.call(workspace.arguments(), LOGLEVEL="DEBUG")
    assert ended.code == 0
    assert "DEBUG" in ended.err
    assert "retrying" in ended.err
    private = ["private", "Private", "4917155500099", *emails(world)]
    assert not [text for text in private if text in ended.err]
    assert "Wilhelmina-Private" in ended.out


def test_without_a_terminal_progress_is_logged_twice_a_minute(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Without a terminal a long read logs its progress at most every half minute."""
    account = Account(contacts=900)
    account.world.faults.slow(7, "/contacts", times=None)
    with caplog.at_level(logging.INFO):
        began = account.clock.monotonic()
        ran = account.run(only=["crm_contacts"])
        seconds = account.clock.monotonic() - began
    assert ran.code == 0
    lines = [text for text in caplog.messages if re.match(r"contacts: \d+ rows read", text)]
    assert 1 <= len(lines) <= seconds / 30
    assert re.search(r"of about 900", lines[0])
