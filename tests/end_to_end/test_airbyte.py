"""The Airbyte connectors as Airbyte runs them: processes with messages alone on stdout."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox import Served, serve
from tests.side_by_side import Meeting

from .program import KEY, SECONDS, Ended, Workspace, checked

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE, DESTINATION = (
    str(Path(sys.executable).with_name(name))
    for name in ("source-activecampaign-unified", "destination-activecampaign")
)
ROOT = Path(__file__).parents[2]
STREAMS = ("marketing_tags", "marketing_segments", "crm_notes", "crm_stages")
#: A stream that takes a request for each contact, and a catalog of the tap with that stream alone.
PER_CONTACT = "raw_contact_logs"
PER_CONTACT_CATALOG = {
    "streams": [
        {
            "tap_stream_id": PER_CONTACT,
            "stream": PER_CONTACT,
            "schema": {"type": "object", "properties": {}},
            "metadata": [{"breadcrumb": [], "metadata": {"selected": True}}],
        }
    ]
}


@pytest.fixture
def meeting() -> Meeting:
    """A small account for one test, in which two programs start at the same moment."""
    return Meeting(contacts=24, api_key=KEY)


@pytest.fixture
def account(meeting: Meeting) -> Iterator[Served]:
    """The small account, served at its address."""
    with serve(meeting) as served:
        yield served


@pytest.fixture
def shared(tmp_path: Path, account: Served) -> Workspace:
    """A folder with that account's settings at ActiveCampaign's limit."""
    workspace = Workspace(tmp_path, account.url)
    workspace.settings["requests_per_second"] = 5
    return workspace


def call(workspace: Workspace, *command: str, **settings: Any) -> Ended:
    """Run a connector and check that stdout has messages alone and stderr nothing."""
    ended = workspace.call([*command, "--config", str(workspace.config(**settings))])
    return received(ended)


def received(ended: Ended) -> Ended:
    """Return the messages of a run."""
    ended.messages = [json.loads(line) for line in ended.out.splitlines()]
    assert ended.err == ""
    return ended


def logged(ended: Ended, level: str) -> list[str]:
    """Return the log messages of a level."""
    logs = [message["log"] for message in ended.messages if message["type"] == "LOG"]
    return [log["message"] for log in logs if log["level"] == level]


def configured(workspace: Workspace, names: tuple[str, ...] = STREAMS) -> Path:
    """Return the file of a configured catalog."""
    found = call(workspace, SOURCE, "discover")
    streams = found.messages[-1]["catalog"]["streams"]
    entries = [
        {
            "stream": stream,
            "sync_mode": stream["supported_sync_modes"][-1],
            "destination_sync_mode": "append_dedup",
        }
        for stream in streams
        if stream["name"] in names
    ]
    return workspace.file("configured.json", {"streams": entries})


def test_the_log_of_a_check_is_in_messages_and_names_no_user(
    workspace: Workspace, served: Served
) -> None:
    """A check logs the readable collections as LOG messages, and not the user of the key."""
    ended = call(workspace, SOURCE, "check")
    assert ended.code == 0
    assert ended.messages[-1]["connectionStatus"] == {"status": "SUCCEEDED"}
    lines = [line.split() for line in logged(ended, "INFO")]
    tags = len(served.world.tables["tags"])
    assert ["tags", "yes,", str(tags), "rows"] in lines
    assert ["is", "good", "yes"] in lines
    assert not [words for words in lines if words[0] == "user"]


def test_an_unknown_setting_is_a_warning(workspace: Workspace) -> None:
    """A setting of Singer alone is ignored with a warning."""
    ended = call(workspace, SOURCE, "discover", flattening_enabled=True)
    assert ended.code == 0
    assert logged(ended, "WARN") == ["setting flattening_enabled is unknown and ignored"]


def test_a_wrong_setting_ends_with_two(workspace: Workspace) -> None:
    """A wrong setting is one message and one log line, and exit code 2."""
    ended = call(workspace, SOURCE, "discover", requests_per_second="many")
    assert ended.code == 2
    assert logged(ended, "ERROR") == ["requests_per_second must be a number"]
    (trace,) = [message["trace"] for message in ended.messages if message["type"] == "TRACE"]
    assert trace["error"]["failure_type"] == "config_error"


def test_a_connector_without_its_extra_says_which(workspace: Workspace) -> None:
    """Without Airbyte's models each program ends with one line that names the extra."""
    for package in ("tap_activecampaign_unified", "target_activecampaign"):
        hidden = "import sys; sys.modules['airbyte_protocol_dataclasses'] = None\n"
        hidden += "import importlib.util as u; find = u.find_spec\n"
        hidden += "u.find_spec = lambda n: None if n.startswith('airbyte') else find(n)\n"
        started = f"{hidden}from {package}.airbyte.__main__ import main; main()"
        ended = workspace.call([sys.executable, "-c", started, "spec"])
        assert ended.code == 1
        assert ended.out == ""
        assert "pip install 'tap-activecampaign-unified[airbyte]'" in ended.err


def test_airbyte_may_end_a_command_that_has_answered(workspace: Workspace) -> None:
    """A process that Airbyte ends after its answer dies of the signal, as Airbyte expects."""
    config = str(workspace.config())
    for command in (["spec"], ["check", "--config", config], ["discover", "--config", config]):
        process = subprocess.Popen(
            [SOURCE, *command],
            stdout=subprocess.PIPE,
            env=workspace.environment,
            cwd=workspace.folder,
        )
        assert process.stdout is not None
        for line in process.stdout:
            if b'"LOG"' not in line:
                process.send_signal(signal.SIGTERM)
                break
        assert process.wait(SECONDS) in {0, -signal.SIGTERM}
        process.stdout.close()


def test_a_read_that_airbyte_ends_leaves_whole_messages(
    workspace: Workspace, served: Served
) -> None:
    """After SIGTERM every line is a message, and each stream ended with the signal as reason."""
    catalog = configured(workspace, ("crm_contacts", "raw_field_values", "marketing_tags"))
    served.world.faults.slow(0.5, "/fieldValues", times=None)
    process = background(workspace, [SOURCE, "read", "--catalog", str(catalog)])
    while b'"RUNNING"' not in (workspace.folder / "out").read_bytes():
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    ended = done(workspace, process)
    assert ended.code == -signal.SIGTERM
    traces = [message["trace"] for message in ended.messages if message["type"] == "TRACE"]
    last = {
        trace["stream_status"]["stream_descriptor"]["name"]: trace["stream_status"]["status"]
        for trace in traces
        if trace["type"] == "STREAM_STATUS"
    }
    assert set(last) == {"crm_contacts", "raw_field_values", "marketing_tags"}
    assert "INCOMPLETE" in last.values()
    assert [trace["error"]["failure_type"] for trace in traces if trace["type"] == "ERROR"] == [
        "transient_error"
    ]


@pytest.mark.long
def test_the_page_works_without_pyairbyte(workspace: Workspace, served: Served) -> None:
    """The commands and files in docs/airbyte.md read an account and write it back."""
    page = (ROOT / "docs" / "airbyte.md").read_text("utf-8")
    part = page[page.index("## Without PyAirbyte") : page.index("## On Airbyte's platform")]
    config, catalog = re.findall(r"```json\n(.*?)```", part, re.DOTALL)
    (commands,) = re.findall(r"```sh\n(.*?)```", part, re.DOTALL)
    assert set(json.loads(config)) == {"api_url", "api_key"}
    workspace.config()
    workspace.file("configured.json", catalog)
    (workspace.folder / ".venv").symlink_to(ROOT / ".venv")
    before = len(served.world.log)
    ended = received(workspace.call(["bash", "-e", "-c", commands]))
    assert ended.code == 0
    read = (workspace.folder / "messages.jsonl").read_text().splitlines()
    records = [message for message in map(json.loads, read) if message["type"] == "RECORD"]
    assert len(records) == len(served.world.tables["contacts"])
    (state,) = [message["state"] for message in ended.messages if message["type"] == "STATE"]
    assert state["destinationStats"]["recordCount"] == len(records)
    assert "POST" in {entry.method for entry in served.world.log[before:]}


@pytest.mark.long
def test_source_and_tap_side_by_side_share_the_budget(shared: Workspace, meeting: Meeting) -> None:
    """Source and tap together send five requests a second."""
    catalog = asked_for(shared, *STREAMS, PER_CONTACT)
    meeting.begin()
    source = background(shared, [SOURCE, "read", "--catalog", str(catalog)])
    singer = shared.run(catalog=PER_CONTACT_CATALOG)
    ended = done(shared, source)
    assert (singer.code, ended.code) == (0, 0)
    assert {
        message["record"]["stream"] for message in ended.messages if message["type"] == "RECORD"
    } >= {*STREAMS}
    meeting.check_rate()


@pytest.mark.long
def test_destination_and_tap_share_the_budget(shared: Workspace, meeting: Meeting) -> None:
    """Destination and tap together send five requests a second."""
    catalog = asked_for(shared, "crm_contacts")
    rows = [
        {"type": "RECORD", "record": {"stream": "crm_contacts", "data": data, "emitted_at": 1}}
        for data in ({"email": f"p{n}@example.com", "tags": ["new"]} for n in range(18))
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    shared.settings["bulk_import"] = "never"
    meeting.begin()
    command = [DESTINATION, "write", "--catalog", str(catalog)]
    destination = background(shared, command, lines)
    del shared.settings["bulk_import"]
    singer = shared.run(catalog=PER_CONTACT_CATALOG)
    ended = done(shared, destination)
    assert (singer.code, ended.code) == (0, 0)
    assert meeting.find_contact("p17@example.com") is not None
    meeting.check_rate()


def asked_for(workspace: Workspace, *names: str) -> Path:
    """Return the file of a catalog with all fields of some streams."""
    modes = {"sync_mode": "full_refresh", "destination_sync_mode": "append"}
    streams = [
        {"name": name, "json_schema": {}, "supported_sync_modes": ["full_refresh"]}
        for name in names
    ]
    return workspace.file(
        "configured.json", {"streams": [{"stream": stream, **modes} for stream in streams]}
    )


def background(
    workspace: Workspace, command: list[str], lines: str = ""
) -> subprocess.Popen[bytes]:
    """Start a connector with an input; the account sees it as another program."""
    settings = workspace.settings | {"user_agent": "airbyte"}
    with (
        workspace.file("input.jsonl", lines).open("rb") as stdin,
        (workspace.folder / "out").open("wb") as stdout,
        (workspace.folder / "err").open("wb") as stderr,
    ):
        return subprocess.Popen(
            [*command, "--config", str(workspace.file("airbyte.json", settings))],
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env=workspace.environment,
            cwd=workspace.folder,
        )


def done(workspace: Workspace, process: subprocess.Popen[bytes]) -> Ended:
    """Wait for a connector and read what it wrote."""
    code = process.wait(SECONDS)
    out, err = (workspace.folder / "out").read_bytes(), (workspace.folder / "err").read_bytes()
    return received(checked(code, out, err))
