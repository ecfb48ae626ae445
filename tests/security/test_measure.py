"""Excessive input from ActiveCampaign or stdin costs itself alone.

The client reads an answer up to 64 MiB. A run over hostile rows needs less than 600 MiB more of
address space, and ends.
"""

from __future__ import annotations

import functools
import gzip
import json
import resource
from typing import TYPE_CHECKING, Any

import pytest

from tap_activecampaign_unified.client import ConnectionFailed, ServerError, UnconfirmedWrite
from tap_activecampaign_unified.client import response_body as receiving
from tests.length import LONG
from tests.sandbox.wire import Answer
from tests.tap.client.clients import ManualClock, Script, client_of, wired_client
from tests.tap.running import Account
from tests.target.runner import schema_of, state_of, stream_of

from .foreign import Listener

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from tests.target.runner import TargetRunner

MEBI = 1 << 20
DEEP = 10_000
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.fixture
def _little_memory() -> Iterator[None]:
    """Permit 600 MiB more than the process has."""
    with open("/proc/self/statm") as found:  # noqa: PTH123 - of no folder
        size = int(found.read().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (size + 600 * MEBI, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


# --- answers -------------------------------------------------------------------------------------


def endless(connection: socket.socket, _: bytes) -> None:
    """Send data without end."""
    connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"100000\r\n" + b" " * MEBI + b"\r\n")


def announced(connection: socket.socket, _: bytes) -> None:
    """Announce a gigabyte and begin to send."""
    connection.sendall(HEAD + b"Content-Length: 1073741824\r\n\r\n" + b" " * 1000)
    connection.recv(1)


@functools.cache
def gigabyte() -> bytes:
    """Return a gigabyte of blanks, compressed."""
    return gzip.compress(b" " * (128 * MEBI), 9) * 8


def bomb(connection: socket.socket, _: bytes) -> None:
    """Send a gigabyte in a compressed megabyte."""
    body = gigabyte()
    length = f"Content-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(HEAD + length.encode() + body)


def redirecting_bomb(connection: socket.socket, request: bytes) -> None:
    """Send the same with a redirect to itself: the client need not read a redirect's body."""
    body = gigabyte()
    head = b"HTTP/1.1 302 Found\r\nLocation: /api/3/tags\r\n"
    length = f"Content-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head + length.encode() + body)


@pytest.mark.usefixtures("_little_memory")
@pytest.mark.parametrize("answer", [endless, announced, bomb, redirecting_bomb])
def test_an_answer_beyond_64_mib_is_an_error_without_a_retry(answer: Any) -> None:
    """An answer beyond 64 MiB, uncompressed, is not retried, and its write is unconfirmed."""
    clock = ManualClock()
    with Listener(answer) as listener, wired_client(listener.url, clock) as client:
        with pytest.raises(ServerError, match="a response of more than 64 MiB"):
            client.get("tags")
        with pytest.raises(UnconfirmedWrite, match="a response of more than 64 MiB"):
            client.send("POST", "tags", json={})
    assert len(listener.received) == 2


def endless_head(connection: socket.socket, _: bytes) -> None:
    """Send headers for ever."""
    connection.sendall(HEAD)
    while True:
        connection.sendall(b"X-Padding: " + b"a" * 1000 + b"\r\n")


@pytest.mark.usefixtures("_little_memory")
def test_more_than_a_hundred_headers_are_a_server_error() -> None:
    """An answer with more than 100 headers is a server error."""
    clock = ManualClock()
    with (
        Listener(endless_head) as listener,
        wired_client(listener.url, clock, max_retry_seconds=1) as client,
        pytest.raises((ServerError, ConnectionFailed)),
    ):
        client.get("tags")


@pytest.mark.parametrize(
    "length", [b"Content-Length: 1000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n"]
)
def test_an_answer_that_takes_ten_timeouts_is_retried(length: bytes) -> None:
    """An answer whose bytes arrive in time, but never end, is retried after ten time-outs."""
    clock = ManualClock()

    def dripping(connection: socket.socket, _: bytes) -> None:
        connection.sendall(HEAD + length)
        for _ in range(900):
            clock.sleep(50)
            connection.sendall(b" " if b"Length" in length else b"1\r\n \r\n")

    with (
        Listener(dripping) as listener,
        wired_client(listener.url, clock, max_retry_seconds=100_000) as client,
        pytest.raises((ServerError, ConnectionFailed), match="no response in time"),
    ):
        client.get("tags")
    assert len(listener.received) > 1


def test_a_page_that_is_too_large_is_asked_for_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of rows of one megabyte is read in smaller pages, and every row is emitted."""
    monkeypatch.setattr(receiving, "MAX_BYTES", 1 * MEBI)
    account = Account(contacts=3)
    for number in range(4):
        account.world.add_tag(f"{number}" + "ä" * 60_000)
    ran = account.run(only=["marketing_tags"])
    assert ran.code == 0
    assert (
        len([record for record in ran.records["marketing_tags"] if len(record["name"]) > 50_000])
        == 4
    )


@pytest.mark.parametrize(
    "text",
    ["[" * DEEP + "]" * DEEP, '{"a":' * DEEP + "1" + "}" * DEEP, "1" + "0" * 5000],
    ids=["arrays", "objects", "digits"],
)
def test_a_response_beyond_the_json_reader_is_one_clear_error(text: str) -> None:
    """10,000 levels or 5,000 digits end the request with one line and no traceback."""
    body = f'{{"rows": [{{"id": "1", "x": {text}}}]}}'.encode()
    with pytest.raises(ServerError, match="incomplete, not JSON, or nested too deep"):
        client_of(Script(*[(200, body)] * 40), ManualClock()).get("rows", patience=5)


def test_a_number_beyond_floats_is_read_as_infinite() -> None:
    """1e400 is read as infinite, with the rest of the answer."""
    body = b'{"rows": [{"id": "1", "x": 1e400}], "z": 1}'
    found = client_of(Script((200, body)), ManualClock()).get("rows").body
    assert (found["rows"][0]["x"], found["z"]) == (float("inf"), 1)


VALUES = {
    "deep arrays": "[" * DEEP + "]" * DEEP,
    "nearly too deep": "[" * 900 + "]" * 900,
    "half as deep": '{"a":' * 450 + "1" + "}" * 450,
    "digits": "1" + "0" * 5000,
    "beyond floats": "1e400",
    "no number": "NaN",
    "half a character": '"\\ud800x"',
    "NUL": '"a\\u0000\\u001bb"',
    "a megabyte": json.dumps("a" * MEBI),
    "twice": '1, "name": 2, "title": 3',
}


#: Those that the JSON reader of the client accepts.
READABLE = {name: value for name, value in VALUES.items() if name not in {"deep arrays", "digits"}}


@pytest.mark.usefixtures("_little_memory")
@pytest.mark.parametrize("value", READABLE.values(), ids=READABLE)
@pytest.mark.parametrize("remote", [False, True] if LONG else [True])
def test_hostile_rows_of_the_account_do_not_end_a_run(value: str, *, remote: bool) -> None:
    """Hostile values in every column cost no row, and the exit code is 0."""
    columns = ("name", "title", "tag", "stringid", "firstName", "udate", "value", "note", "x")
    row = ", ".join(f'"{name}": {value}' for name in columns)
    account = Account(contacts=3, deals=2, accounts=2)
    for path in ("/lists", "/tags", "/deals", "/accounts", "/notes", "/contacts"):
        key = path[1:]
        page = f'{{"{key}": [{{"id": "1", {row}}}, {{"id": "2"}}], "meta": {{"total": "2"}}}}'
        answer = Answer(200, raw=page.encode())
        account.world.faults._add(
            "hostile", path, None, lambda _, answer=answer: answer, {"method": "GET"}
        )
    streams = ["marketing_segments", "marketing_tags", "crm_accounts", "crm_notes"]
    ran = account.run(only=streams, include_remote_data=remote)
    assert ran.code == 0, ran.line
    for stream in streams:
        assert ran.ids(stream) == ["1", "2"], stream
        json.dumps(ran.records[stream], allow_nan=False)


@pytest.mark.long
def test_ten_thousand_custom_fields_are_read() -> None:
    """Each of 10,000 custom fields is a property of the schema."""
    account = Account(contacts=2)
    rows = [
        {"id": str(n), "title": f"F{n}", "type": "text", "perstag": f"F{n}"}
        for n in range(1, 10_001)
    ]

    def page(_: Any) -> Answer:
        query = dict(account.world.log[-1].query)
        begin, most = int(query.get("offset", 0)), int(query.get("limit", 20))
        return Answer(200, {"fields": rows[begin : begin + most], "meta": {"total": "10000"}})

    account.world.faults._add("many", "/fields", None, page, {"method": "GET"})
    ran = account.run(only=["crm_contacts"])
    assert ran.code == 0
    custom = ran.schemas["crm_contacts"]["schema"]["properties"]["custom_fields"]["properties"]
    assert len(custom) == 10_000


# --- the input -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("_little_memory")
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_hostile_rows_of_the_input_do_not_end_a_run(runner: TargetRunner, value: str) -> None:
    """Each hostile row of the input has one result, and the row behind it is written."""
    rows = []
    for column in ("first_name", "tags", "custom_fields", "account", "x"):
        record = f'{{"email": "a@fjord.example", "{column}": {value}}}'
        rows.append(f'{{"type": "RECORD", "stream": "crm_contacts", "record": {record}}}\n')
    good = stream_of("crm_contacts", {"email": "good@fjord.example"})
    run = runner.run(schema_of("crm_contacts"), *rows, *good, state_of(1), bulk_import="never")
    assert sorted(result["row"] for result in run.results) == list(range(1, len(rows) + 2))
    assert "failed" not in run.actions
    assert run.actions[-1] == "created"


def test_a_hostile_schema_ends_no_run(runner: TargetRunner) -> None:
    """A schema with endless nesting or 10,000 columns ends no run."""
    deep = '{"type": "SCHEMA", "stream": "crm_contacts", "schema": ' + "[" * DEEP + "]" * DEEP
    wide = schema_of("crm_contacts", **{f"c{n}": {"type": "string"} for n in range(10_000)})
    good = stream_of("crm_contacts", {"email": "good@fjord.example"})
    run = runner.run(deep + ', "key_properties": []}\n', wide, *good[1:])
    assert run.actions == ["created"]
