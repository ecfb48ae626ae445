"""Any wrong input ends a run with the right exit code and one line with the fix."""

from __future__ import annotations

import re
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from .program import KEY, Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sandbox import Served

    from .program import Ended

STATE = {"bookmarks": {"marketing_tags": {}, "crm_notes": {"replication_key_value": "2026-01-31"}}}
MENU = "Settings › Developer"
REMOTE = "https://acme.api-us1.com"

WRONG_SETTINGS = {
    "no URL": (
        {"api_url": None, "requests_per_second": 5},
        r"api_url is missing.*TAP_ACTIVECAMPAIGN_UNIFIED_API_URL",
    ),
    "no key": ({"api_key": None}, r"api_key is missing.*TAP_ACTIVECAMPAIGN_UNIFIED_API_KEY"),
    "empty key": ({"api_key": " "}, r"api_key is missing"),
    "no encryption": (
        {"api_url": "http://acme.api-us1.com", "requests_per_second": 5},
        r"api_url .*write https://acme\.api-us1\.com",
    ),
    "admin pages": (
        {"api_url": f"{REMOTE}/admin", "requests_per_second": 5},
        rf"api_url .*admin pages.*{MENU}",
    ),
    "v1": (
        {"api_url": f"{REMOTE}/admin/api.php", "requests_per_second": 5},
        rf"api_url .*old version.*{MENU}",
    ),
    "v1 in the path": (
        {"api_url": f"{REMOTE}/api/1", "requests_per_second": 5},
        rf"api_url .*old version.*{MENU}",
    ),
    "a key in the URL": (
        {"api_url": f"{REMOTE}/api/3?api_key={KEY}", "requests_per_second": 5},
        rf"api_url must not hold a key.*{MENU}",
    ),
    "the key for the URL": ({"api_url": KEY, "requests_per_second": 5}, rf"api_url .*{MENU}"),
    "rate in words": ({"requests_per_second": "fast"}, r"requests_per_second must be a number"),
    "rate above": (
        {"api_url": REMOTE, "requests_per_second": 9},
        r"requests_per_second must be above 0 and at most 5",
    ),
    "lookback": ({"lookback_hours": -1}, r"lookback_hours must be at least 0"),
    "sideload": ({"sideload": "maybe"}, r"sideload must be one of auto, never"),
    "date": ({"start_date": "yesterday-ish"}, r"start_date must be a date.*2026-01-31"),
    "nothing between": (
        {"start_date": "2026-02-01", "end_date": "2026-01-01"},
        r"end_date is not after start_date",
    ),
    "key that is no text": ({"api_key": 4711471147114711}, r"api_key must be text"),
    "key of two lines": ({"api_key": f"{KEY}\nX"}, rf"api_key holds characters.*{MENU}"),
    "an unknown kind of store": (
        {"rate_limit_store": f"memcached://:{KEY}@host", "requests_per_second": 5},
        r"rate_limit_store must be a file of this machine.*redis://host:6379/0",
    ),
    "a Redis without a port": (
        {"rate_limit_store": f"redis://:{KEY}@host:port", "requests_per_second": 5},
        r"rate_limit_store is not the URL of a Redis server.*redis://host:6379/0",
    ),
    "no request at once": (
        {"max_concurrent_requests": 0},
        r"max_concurrent_requests must be at least 1",
    ),
    "a crowd at once": (
        {"max_concurrent_requests": 10**9},
        r"max_concurrent_requests must be at most 100",
    ),
    "flattening": ({"flattening_enabled": "often"}, r"flattening_enabled"),
}
WRONG_STATES = {
    "empty": ("", r"the state file \S+/state.json is empty: leave out --state"),
    "a blank line": ("\n", r"the state file \S+/state.json is empty: leave out --state"),
    "no JSON": ("{'bookmarks': ", r"the state file \S+/state.json is not JSON \(line 1\)"),
    "a list": ([], r"the state file \S+ must hold a JSON object"),
    "a message": ({"type": "STATE", "value": STATE}, r"state is invalid: .*no bookmarks.*value"),
    "bookmarks a list": ({"bookmarks": []}, r"the state is invalid: bookmarks.*delete it"),
    "bookmark a text": ({"bookmarks": {"crm_notes": "2026"}}, r"state.*crm_notes.*delete it"),
    "more requests than a run can send": (
        {"bookmarks": {"crm_notes": {"sweep_requests": 10**30}}},
        r"state.*crm_notes.*sweep_requests.*delete it",
    ),
    "no moment": (
        {"bookmarks": {"crm_notes": {"replication_key_value": "soon"}}},
        r"state.*crm_notes.*replication_key_value.*delete it",
    ),
}
WRONG_CATALOGS = {
    "empty": ("", r"the catalog file \S+ is empty: fill it, or name another file"),
    "no JSON": ("streams: []", r"the catalog file \S+ is not JSON \(line 1\)"),
    "a list": ([], r"the catalog file \S+ must hold a JSON object"),
    "streams by name": ({"streams": {"crm_notes": {}}}, r"the catalog is invalid.*--discover"),
    "no streams": ({"streams": [{"schema": {}}]}, r"the catalog is invalid.*--discover"),
}


def refused(ended: Ended, pattern: str) -> None:
    """Check that a run ended with 2 and one line that fits, before any output."""
    assert ended.code == 2, ended.err
    assert re.search(pattern, ended.line), ended.line
    assert ended.out == ""


def failed(ended: Ended, pattern: str) -> None:
    """Check that a run ended with 1, one line that fits, and the state it was given."""
    assert ended.code == 1, ended.err
    assert re.search(pattern, ended.line), ended.line
    assert ended.states[-1:] in ([], [STATE])
    assert not [message for message in ended.messages if message["type"] == "RECORD"]


@pytest.mark.parametrize("case", WRONG_SETTINGS)
def test_a_wrong_setting_is_named_with_its_fix(workspace: Workspace, case: str) -> None:
    """A wrong setting is one line with its name and never its value, exit code 2, no request."""
    settings, pattern = WRONG_SETTINGS[case]
    ended = workspace.run(**settings)
    refused(ended, pattern)
    assert not re.search(r"4711|fast|maybe|ish|often", ended.line)


def test_every_wrong_setting_has_a_line_of_its_own(workspace: Workspace) -> None:
    """Two wrong settings are two lines of one run."""
    ended = workspace.run(lookback_hours="long", sideload="maybe")
    assert ended.code == 2
    assert [line.split()[0] for line in ended.errors] == ["lookback_hours", "sideload"]


@pytest.mark.parametrize("case", WRONG_STATES)
def test_unreadable_state_is_refused(workspace: Workspace, case: str) -> None:
    """A state that no run wrote ends with exit code 2, not with a first load."""
    state, pattern = WRONG_STATES[case]
    refused(workspace.run(state=state), pattern)


@pytest.mark.parametrize("case", WRONG_CATALOGS)
def test_an_unreadable_catalog_is_refused(workspace: Workspace, case: str) -> None:
    """An invalid catalog ends with exit code 2 and names --discover."""
    catalog, pattern = WRONG_CATALOGS[case]
    refused(workspace.run(catalog=catalog), pattern)


def test_a_selected_stream_that_does_not_exist_is_named(workspace: Workspace) -> None:
    """A selected unknown stream ends with exit code 2; a deselected stream is ignored."""
    metadata: list[dict[str, Any]] = [{"breadcrumb": [], "metadata": {"selected": True}}]
    entry = {"tap_stream_id": "crm_leads", "schema": {"properties": {}}, "metadata": metadata}
    refused(workspace.run(catalog={"streams": [entry]}), r"selects stream crm_leads.*--discover")
    metadata[0]["metadata"]["selected"] = False
    ended = workspace.run(catalog={"streams": [entry]})
    assert ended.code == 0
    assert "The catalog selects no stream: the tap reads nothing" in ended.err


@pytest.mark.parametrize(
    ("content", "pattern"),
    [
        (None, r"config.*missing\.json"),
        (
            "api_url: https://acme.api-us1.com",
            r"the config file \S+/odd.json is not JSON \(line 1\)",
        ),
        (f'{{"api_key": "{KEY}",}}', r"the config file \S+ is not JSON \(line 1\)"),
        ("", r"the config file \S+ is empty: fill it"),
        ([KEY], r"the config file \S+ must hold a JSON object"),
        ('{"request_timeout": NaN}', r"the config file \S+ is not JSON"),
    ],
)
def test_a_config_file_that_is_none_is_refused(
    workspace: Workspace, content: Any, pattern: str
) -> None:
    """A missing or invalid config file ends with exit code 2 and shows none of its content."""
    path = workspace.folder / "missing.json"
    if content is not None:
        path = workspace.file("odd.json", content)
    refused(workspace.run("--config", str(path)), pattern)


@pytest.mark.parametrize("option", ["--config", "--state", "--catalog"])
def test_a_file_that_is_no_text_is_named(workspace: Workspace, option: str) -> None:
    """A binary file or a folder ends with exit code 2, its name and the cause."""
    path = workspace.folder / "odd"
    path.write_bytes(b"\xff\xfe{}")
    kind = option.strip("-")
    refused(
        workspace.run(option, str(path)), rf"{kind} file {path} cannot be read \(not UTF-8 text\)"
    )
    refused(workspace.run(option, str(workspace.folder)), rf"{workspace.folder}.*[Ii]s a directory")


@pytest.mark.parametrize("option", ["--state", "--catalog"])
def test_a_file_that_is_missing_is_named(workspace: Workspace, option: str) -> None:
    """A missing state or catalog ends with exit code 2 and its name."""
    refused(workspace.run(option, "nowhere.json"), r"nowhere\.json")


# --- errors during a run ------------------------------------------------------------------------


@pytest.mark.parametrize("status", [401, pytest.param(403, marks=pytest.mark.long)])
def test_a_wrong_key_ends_the_run(workspace: Workspace, served: Served, status: int) -> None:
    """A wrong key ends with exit code 1, the page with the key, and the old state."""
    served.world.api_key = "another"
    served.world.switches.bad_key_status = status
    ended = workspace.run(state=STATE, max_retry_seconds=1)
    failed(ended, rf"does not accept the key \({status}\).*api_key.*{MENU}")


def test_a_lapsed_account_ends_the_run(workspace: Workspace, served: Served) -> None:
    """A 402 ends with exit code 1, the page for payment, and the old state."""
    served.world.faults.lapsed()
    failed(workspace.run(state=STATE), r"402.*unpaid or expired.*Settings › Billing")


def test_a_host_that_does_not_exist_ends_the_run(workspace: Workspace) -> None:
    """An unknown host ends with exit code 1, its name, and the old state."""
    ended = workspace.run(
        state=STATE,
        api_url="https://nosuch.invalid",
        requests_per_second=5,
        max_retry_seconds=1,
    )
    failed(ended, r"https://nosuch\.invalid cannot be reached \(no such host\).*check api_url")


def test_a_server_without_trusted_tls_ends_the_run(workspace: Workspace, served: Served) -> None:
    """A TLS failure ends at once with exit code 1 and the old state."""
    ended = workspace.run(state=STATE, api_url=f"https://127.0.0.1:{served.port}")
    failed(ended, r"127\.0\.0\.1:\d+ offers no trusted TLS certificate.*check api_url")


@contextmanager
def mute() -> Iterator[int]:
    """Listen on a port without ever answering."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield listener.getsockname()[1]


def test_a_server_that_never_answers_ends_the_run(workspace: Workspace) -> None:
    """A time-out ends with exit code 1 and the old state."""
    with mute() as port:
        ended = workspace.run(
            state=STATE,
            api_url=f"http://127.0.0.1:{port}",
            request_timeout="0.3",
            max_retry_seconds=1,
        )
    failed(ended, r"127\.0\.0\.1:\d+ does not answer \(no response in time\): try again later")


def test_a_server_that_is_gone_ends_the_run(workspace: Workspace) -> None:
    """A closed port ends with exit code 1 and the old state."""
    with mute() as port:
        pass
    ended = workspace.run(state=STATE, api_url=f"http://127.0.0.1:{port}", max_retry_seconds=1)
    failed(ended, r"127\.0\.0\.1:\d+ cannot be reached \(connection refused\).*check api_url")


def test_an_account_that_dies_midway_leaves_the_state_as_it_was(
    workspace: Workspace, served: Served
) -> None:
    """Lasting 5xx answers end with exit code 1, and no bookmark of a failed stream moves."""
    served.world.faults.server_error(status=502, times=None)
    ended = workspace.run(state=STATE, max_retry_seconds="0.1")
    assert ended.code == 1
    marks = {name: bookmark for name, bookmark in ended.states[-1]["bookmarks"].items() if bookmark}
    assert marks == {name: bookmark for name, bookmark in STATE["bookmarks"].items() if bookmark}
