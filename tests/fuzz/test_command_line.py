"""Both programs with any command line, settings and input: exit codes and clear lines."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import sys
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tap_activecampaign_unified import cli
from tap_activecampaign_unified.config.tap_settings import TAP
from target_activecampaign.config.target_settings import TARGET
from tests import length
from tests.tap.client.clients import ManualClock, world_of
from tests.tap.running import Account
from tests.target.input.test_junk import VALUES
from tests.target.runner import TargetRunner, stream_of

from .junk import ALMOST, ANY, TEXT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import click

    from tap_activecampaign_unified.config.read_settings import Setting

# Options that end the parsing of the command line leave earlier files open.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
SEARCH = settings(
    max_examples=length.of(30, 3000),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
# Names inside the test's folder, and names that no file can have.
FILES = st.sampled_from(
    [
        "kept",
        "a/b",
        ".",
        "..",
        "",
        " ",
        "file/x",
        "x" * 300,
        "nul\0",
        "~",
        "half\ud800",
        "config.json",
    ]
)
ADDRESSES = st.sampled_from(
    ["https://acme.api-us1.com", "http://127.0.0.1:1", "https://", "acme", "https://[", "ftp://x"]
)
STORES = FILES | st.sampled_from(["redis://127.0.0.1:1/0", "redis://[", "redis://x y", "http://x"])
SPECIAL: dict[str, st.SearchStrategy[Any]] = {
    "api_url": ADDRESSES | TEXT,
    "rate_limit_store": STORES,
    **{
        setting.name: FILES
        for setting in (*TAP, *TARGET)
        if setting.name.endswith("_path") and setting.name != "rate_limit_store"
    },
}
NUMBERS = st.sampled_from([0, 1, -1, 0.5, 1e-300, 1e300, 10**400, "5", "1e999", "٣", True]) | (
    st.floats() | st.integers()
)


def value_of(setting: Setting) -> st.SearchStrategy[Any]:
    """Return values of a setting, most of them invalid."""
    if setting.name in SPECIAL:
        return SPECIAL[setting.name]
    strategies = [ANY]
    if setting.choices:
        strategies.append(st.sampled_from(setting.choices))
    if setting.kind in {"number", "integer"}:
        strategies = [NUMBERS, NUMBERS, ANY]
    return st.one_of(strategies)


def configs(ours: tuple[Setting, ...]) -> st.SearchStrategy[Any]:
    """Return configs: mostly a valid config with a few settings changed, or any JSON."""
    single = st.sampled_from(ours).flatmap(
        lambda setting: st.tuples(st.just(setting.name), value_of(setting))
    )
    others = st.tuples(
        st.sampled_from(["stream_maps", "flattening_enabled", "nobodys"]) | TEXT, ANY
    )
    return st.lists(single | single | others, max_size=3).map(dict) | ANY


def mutated(document: Any, data: st.DataObject) -> Any:
    """Return a document with one part replaced."""
    changed = json.loads(json.dumps(document))
    for _ in range(data.draw(st.integers(0, 3))):
        node = changed
        while isinstance(node, (dict, list)) and node:
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            key = data.draw(st.sampled_from(keys))
            if data.draw(st.booleans()) or not isinstance(node[key], (dict, list)):
                node[key] = data.draw(ANY)
                break
            node = node[key]
    return changed


class Ended:
    """The output of a program: last log line, exit code, stdout and log."""

    def __init__(self, name: str, command: Callable[[], click.Command], words: list[str]) -> None:
        """Run it with these arguments."""
        self.out = io.StringIO()
        self.log: list[logging.LogRecord] = []
        handler = logging.Handler()
        handler.emit = self.log.append  # type: ignore[method-assign]
        root = logging.getLogger()
        with (
            patch.object(sys, "argv", [name, *words]),
            patch.object(root, "handlers", [handler]),
            contextlib.redirect_stdout(self.out),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            self.lines, self.code = cli._run(logging.getLogger(name), name, command)

    def check(self) -> None:
        """Check for exit code 0, 1 or 2, and for an error line unless it is 0."""
        logged = self.lines + [
            record.getMessage() for record in self.log if record.levelno >= logging.ERROR
        ]
        assert self.code in {0, 1, 2}, logged
        assert not [line for line in logged if "a defect of this program" in line], self.log
        assert not [record for record in self.log if record.exc_info]
        if self.code:
            assert logged
        for line in self.lines:
            assert line.strip()
            assert "\n" not in line
            assert "Traceback" not in line


def write(folder: Path, name: str, content: Any, data: st.DataObject) -> str:
    """Write a file as JSON, as broken JSON, or as bytes; return its path."""
    path = folder / name
    raw = json.dumps(content).encode()
    spoil = data.draw(st.sampled_from(["whole"] * 6 + ["half", "bytes", "empty", "missing"]))
    if spoil != "missing":
        found = {"whole": raw, "half": raw[: len(raw) // 2], "bytes": b"\xff\xfe\x00", "empty": b""}
        path.write_bytes(found[spoil])
    return str(path)


@contextlib.contextmanager
def isolated(folder: Path) -> Any:
    """Run in a folder where no path reaches other files of the machine."""
    before = os.getcwd()  # noqa: PTH109 - beside chdir
    home = {"HOME": str(folder), "XDG_STATE_HOME": str(folder / "state")}
    with patch.dict(os.environ, home):
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)


# --- the tap --------------------------------------------------------------------------------------

TAP_WORDS = st.sampled_from(
    [
        "--discover",
        "--test",
        "--test=schema",
        "--test=json",
        "--test=what",
        "--about",
        "--format=json",
        "--format=x",
        "--version",
        "--help",
        "--config=ENV",
        "--config",
        "--nonsense",
        "-x",
        "words",
    ]
)
CATALOG = Account(contacts=2, deals=1, accounts=1).discover().to_dict()
ENTRIES = st.sampled_from([{}, {"replication_key_value": "2026-01-31T00:00:00+00:00"}]) | ANY
STATES = st.fixed_dictionaries(
    {
        "bookmarks": st.dictionaries(
            st.sampled_from(["crm_contacts", "crm_notes", "crm_opportunities", "nobody"]),
            ENTRIES
            | st.dictionaries(
                st.sampled_from(
                    ["replication_key_value", "replication_key", "progress", "seen", "swept_at"]
                ),
                ANY,
                max_size=3,
            ),
            max_size=3,
        )
        | ANY
    }
)


@SEARCH
@given(data=st.data())
def test_the_tap_ends_as_it_should_whatever_it_is_given(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """The tap ends with 0, 1 or 2 for any arguments, settings, catalog and state.

    Unless it is 0 there is an error line. Stdout has whole Singer messages, or the requested
    output.
    """
    folder = tmp_path_factory.mktemp("tap")
    account = Account(contacts=2, deals=1, accounts=1)
    config = data.draw(configs(TAP))
    if isinstance(config, dict):
        config = account.config(max_retry_seconds=5) | config
    (folder / "file").write_text("")
    words = ["--config", write(folder, "config.json", config, data)]
    if data.draw(st.booleans()):
        words += ["--state", write(folder, "state.json", data.draw(STATES | ANY), data)]
    if data.draw(st.booleans()):
        words += ["--catalog", write(folder, "catalog.json", mutated(CATALOG, data), data)]
    words += data.draw(st.sampled_from([[], [], []]) | st.lists(TAP_WORDS, max_size=2))
    with isolated(folder):
        ended = Ended("tap-activecampaign-unified", lambda: account.tap_class().cli, words)
    ended.check()
    plain = {"--about", "--version", "--help", "--discover"} & set(words)
    if not plain:
        for line in ended.out.getvalue().splitlines():
            assert json.loads(line)["type"] in {"SCHEMA", "RECORD", "STATE", "ACTIVATE_VERSION"}


# --- the target -----------------------------------------------------------------------------------

TARGET_WORDS = st.sampled_from(
    ["--about", "--format=json", "--version", "--help", "--config=ENV", "--nonsense", "-x", "words"]
)
STREAMS = st.sampled_from(["crm_contacts", "crm_notes", "raw_requests", "nobody"]) | ANY
MESSAGES = (
    st.fixed_dictionaries(
        {
            "type": st.just("RECORD"),
            "stream": STREAMS,
            "record": st.dictionaries(
                st.sampled_from(["email", "id", "content", "tags", "segments", "path"]) | TEXT,
                VALUES | ANY,
                max_size=4,
            )
            | ANY,
        }
    )
    | st.fixed_dictionaries(
        {
            "type": st.just("SCHEMA"),
            "stream": STREAMS,
            "schema": st.just({"properties": {"email": {"type": "string"}}}) | ANY,
            "key_properties": st.sampled_from([[], ["email"], ["id", "email"]]) | ANY,
        }
    )
    | st.fixed_dictionaries({"type": st.just("STATE"), "value": ANY})
    | st.dictionaries(
        st.sampled_from(["type", "stream", "record", "value", "schema", "key_properties"]),
        st.sampled_from(["RECORD", "SCHEMA", "STATE", "ACTIVATE_VERSION", "BATCH", "crm_notes"])
        | ANY,
        max_size=5,
    )
)
LINES = (
    MESSAGES.map(lambda message: json.dumps(message).encode())
    | ANY.map(lambda value: json.dumps(value).encode())
    | st.binary(max_size=20).map(lambda raw: raw.replace(b"\n", b""))
    | ALMOST.map(lambda text: text.encode("utf-8", "surrogatepass"))
)


@SEARCH
@given(data=st.data(), lines=st.lists(LINES, max_size=12))
def test_the_target_ends_as_it_should_whatever_it_is_given(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, lines: list[bytes]
) -> None:
    """The target ends with 0, 1 or 2 for any arguments, settings and input.

    Unless it is 0 there is an error line.
    """
    folder = tmp_path_factory.mktemp("target")
    clock = ManualClock()
    runner = TargetRunner(world_of(clock, contacts=2, deals=1, accounts=1), clock, folder)
    config = data.draw(configs(TARGET))
    if isinstance(config, dict):
        config = dict(runner.target().config) | {"max_retry_seconds": 5} | config
    (folder / "file").write_text("")
    (folder / "input.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    words = ["--config", write(folder, "config.json", config, data)]
    words += ["--input", str(folder / "input.jsonl")]
    words += data.draw(st.sampled_from([[], [], []]) | st.lists(TARGET_WORDS, max_size=2))
    with isolated(folder):
        ended = Ended("target-activecampaign", lambda: type(runner.target()).cli, words)
    ended.check()
    if not {"--about", "--version", "--help"} & set(words):
        for line in ended.out.getvalue().splitlines():
            assert isinstance(json.loads(line), dict)


# --- defects found before -------------------------------------------------------------------------

FOUND = {
    "hours beyond all calendars": ({"lookback_hours": 1e300}, 2, "lookback_hours must be at most"),
    "a number of 400 digits": ({"max_concurrent_requests": 10**400}, 2, "must be a number"),
    "a request in ten years": ({"requests_per_second": 1e-9}, 2, "must be at least 0.001"),
    "a file that cannot be": ({"rate_limit_store": "a\0b"}, 2, "rate_limit_store holds a"),
    "half a character": ({"run_report_path": "\ud800"}, 2, "run_report_path holds a"),
    "flattening without a depth": ({"flattening_enabled": True}, 2, "needs flattening_max_depth"),
    "flattening to a negative depth": (
        {"flattening_enabled": True, "flattening_max_depth": -1},
        2,
        "flattening_max_depth must be at least 0",
    ),
    "numbers of the SDK as text": (
        {
            "flattening_enabled": True,
            "flattening_max_depth": "2",
            "flattening_max_key_length": "63",
        },
        0,
        None,
    ),
    "a map that divides by nothing": (
        {"stream_maps": {"crm_users": {"half": "1/0"}}},
        2,
        "stream_maps or flattening cannot be applied",
    ),
    "a key that a map takes away": (
        {"stream_maps": {"crm_users": {"id": None, "user_id": "id"}}},
        2,
        "use the `__key_properties__` operator",
    ),
    "a map that names no column": (
        {"stream_maps": {"crm_users": {"half": "no_such_column"}}},
        2,
        "'no_such_column' is not defined",
    ),
    "no maps": ({"stream_maps": None}, 0, None),
}


@pytest.mark.parametrize("case", FOUND)
def test_inputs_that_caused_defects_stay_fixed(tmp_path: Path, case: str) -> None:
    """Each input that once caused a defect ends with 0, 1 or 2 and a clear line."""
    given_, code, message = FOUND[case]
    account = Account(contacts=2, deals=1, accounts=1)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(account.config() | given_))
    with isolated(tmp_path):
        tap = account.tap_class()
        ended = Ended("tap-activecampaign-unified", lambda: tap.cli, ["--config", str(path)])
    ended.check()
    assert ended.code == code
    assert message is None or message in ended.lines[0]


def test_bytes_that_are_no_text_cost_their_line(tmp_path: Path) -> None:
    """Bytes that are no text reject their line; the rows before and after it are written."""
    clock = ManualClock()
    runner = TargetRunner(world_of(clock, contacts=2), clock, tmp_path)
    rows = [
        json.dumps(message) for message in stream_of("crm_contacts", {"email": "x@shop.example"})
    ]
    (tmp_path / "input.jsonl").write_bytes("\n".join(rows).encode() + b'\n"\x80"\n' + b"\x80\n")
    (tmp_path / "config.json").write_text(json.dumps(dict(runner.target().config)))
    words = ["--config", str(tmp_path / "config.json"), "--input", str(tmp_path / "input.jsonl")]
    ended = Ended("target-activecampaign", lambda: type(runner.target()).cli, words)
    assert ended.code == 0
    lines = (tmp_path / "results.jsonl").read_text().splitlines()
    results = {line["row"]: line["action"] for line in map(json.loads, lines)}
    assert results == {1: "created", 2: "rejected", 3: "rejected"}


def test_a_map_that_fails_on_one_row_costs_that_row(tmp_path: Path) -> None:
    """A stream map that fails on one row rejects that row; the others are written."""
    clock = ManualClock()
    runner = TargetRunner(world_of(clock, contacts=2), clock, tmp_path)
    rows = [{"email": f"m{n}@shop.example", "n": n} for n in (1, 0, 2)]
    maps = {"crm_contacts": {"email": "email", "first_name": "str(10 / n)", "__else__": None}}
    run = runner.run(*stream_of("crm_contacts", *rows), stream_maps=maps)
    assert run.actions == ["created", "rejected", "created"]
    assert run.code == 0
