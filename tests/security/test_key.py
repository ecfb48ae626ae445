"""No output of a run has the key or a person, under any fault."""

from __future__ import annotations

import base64
import html
import json
import signal
import subprocess
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from tests.end_to_end.program import PREFIX, SECONDS, TAP, Workspace
from tests.length import LONG
from tests.sandbox import Served, World, serve
from tests.sandbox.wire import Answer

from .foreign import Listener

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.sandbox.faults import Faults

TARGET = TAP.with_name("target-activecampaign")
# Every character of a key that some encoding writes in another form.
KEYS = ["k3y-4f81c6-that-nobody-may-see", "K3y/4f+81=c6&<nobody>'may'%20see\"\\x"]
PERSON = "wilhelmina.private@secret.example"
NAME = "Wilhelmina-Private"
LOG_CONFIG = """
version: 1
disable_existing_loggers: false
formatters: {json: {"()": singer_sdk.logging.StructuredFormatter}}
handlers: {all: {class: logging.FileHandler, filename: own.log, formatter: json}}
root: {level: DEBUG, handlers: [all]}
"""


def spellings(key: str) -> list[str]:
    """Return the encodings in which a key may appear."""
    encoded = base64.b64encode(key.encode()).decode()
    forms = [key, quote(key), quote(key, safe=""), html.escape(key), json.dumps(key)[1:-1], encoded]
    return [form.lower() for form in forms]


def echo(key: str, status: int) -> Callable[..., Answer]:
    """Return a fault that answers with the key in every encoding."""
    forms = [key, quote(key, safe=""), base64.b64encode(key.encode()).decode(), key.upper()]
    text = f"bad Api-Token: {' '.join(forms)} of {PERSON} named '{NAME}'"
    errors = {"errors": [{"title": text, "detail": text, "code": key, "source": {"pointer": key}}]}

    def spoil(_handle: Any) -> Answer:
        if status >= 500:
            page = f"<h1>{html.escape(text)}</h1>".encode()
            return Answer(status, None, {"Content-Type": "text/html"}, page)
        return Answer(status, {**errors, "message": text, "Api-Token": key})

    return spoil


def answers(status: int) -> Callable[[Faults, str], None]:
    """Return a fault under which all but the first few requests are answered with the key."""

    def switch(faults: Faults, key: str) -> None:
        faults._add("echo", "", None, echo(key, status), {"after": 6})

    return switch


def redirect(faults: Faults, key: str) -> None:
    """Redirect every request to a host with the key in its name."""
    bare = "".join(c for c in key if c.isalnum() or c == "-")
    faults.redirect("", f"http://{bare}.evil.example/{quote(key)}", times=None, after=6)


def garbage(faults: Faults, key: str) -> None:
    """Answer 200 with rows that contain the key."""
    row = {"id": "1", "name": key, "title": key, "tag": key, "email": f"{PERSON}"}
    page = {"lists": [row], "tags": [row], "users": [row], "meta": {"total": "1"}, "key": key}
    for path in ("/lists", "/tags"):
        faults._add("echo", path, None, lambda _: Answer(200, page), {"method": "GET"})


FAULTS: dict[str, Callable[[Faults, str], None]] = {
    "none": lambda faults, key: None,
    "401": answers(401),
    "403": answers(403),
    "404": answers(404),
    "422": answers(422),
    "500": answers(500),
    "redirect": redirect,
    "rows": garbage,
    "reset": lambda faults, key: faults.reset(times=None, after=6),
    "lapsed": lambda faults, key: faults.lapsed(),
    "mixed": lambda faults, key: faults.mix(0.5, seed=3),
}
PROGRAMS = {"tap": TAP, "target": TARGET}
# In the short form each fault is tested with one program; faults with a server text with both.
CASES = [
    pytest.param(fault, path, id=f"{fault}-{name}")
    for number, fault in enumerate(FAULTS)
    for place, (name, path) in enumerate(PROGRAMS.items())
    if LONG or fault == "422" or (number % 2 == place and fault != "mixed")
]
ROWS = [
    ("crm_contacts", {"email": PERSON, "first_name": NAME, "tags": ["vip"]}),
    ("crm_contacts", {"email": f"x{PERSON}", "first_name": NAME, "phone": "4917155500099"}),
    ("crm_notes", {"content": f"about {NAME}", "contact": {"email": PERSON}}),
    ("raw_requests", {"method": "PUT", "path": f"users/email/{PERSON}", "body": {"x": {}}}),
    ("crm_opportunities", {"name": "P", "contact": {"email": PERSON}, "pipeline": {"id": "1"}}),
]


def lines_of(rows: list[tuple[str, dict[str, Any]]]) -> str:
    """Return the input of a target."""
    found = []
    for stream, row in rows:
        schema = {"type": "object", "properties": {}}
        found.append({"type": "SCHEMA", "stream": stream, "schema": schema, "key_properties": []})
        found.append({"type": "RECORD", "stream": stream, "record": row})
    found.append({"type": "STATE", "value": {"bookmarks": {}}})
    return "".join(json.dumps(message) + "\n" for message in found)


class Runs:
    """Runs of a program in a folder, and all files that they leave there."""

    def __init__(self, folder: Path, url: str, key: str) -> None:
        """Prepare a folder whose temporary files stay in it."""
        self.folder, self.key = folder, key
        (folder / "tmp").mkdir()
        (folder / "log.yml").write_text(LOG_CONFIG)
        self.workspace = Workspace(folder, url)
        self.workspace.settings |= {
            "api_key": key,
            "max_retry_seconds": 0.05,
            "request_timeout": 1,
            "run_report_path": str(folder / "report.json"),
        }
        self.environment = self.workspace.environment | {
            "LOGLEVEL": "DEBUG",
            "TMPDIR": str(folder / "tmp"),
            "SINGER_SDK_LOG_CONFIG": str(folder / "log.yml"),
        }

    def start(self, program: Path, **settings: Any) -> subprocess.Popen[bytes]:
        """Start a program with its settings in the environment, so that no file has them."""
        prefix = PREFIX if program == TAP else "TARGET_ACTIVECAMPAIGN_"
        config = self.workspace.settings | settings
        environment = {f"{prefix}{name.upper()}": str(value) for name, value in config.items()}
        return subprocess.Popen(
            [program, "--config=ENV"],
            cwd=self.folder,
            env=self.environment | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def left(self) -> dict[str, str]:
        """Return every file of the folder as text."""
        return {
            str(path.relative_to(self.folder)): path.read_bytes().decode("utf-8", "replace")
            for path in self.folder.rglob("*")
            if path.is_file()
        }

    def check(self, out: bytes, err: bytes) -> None:
        """Check the output and files of a run for the key and for people."""
        left = self.left() | {"stdout": out.decode(), "stderr": err.decode()}
        for name, text in left.items():
            assert "Traceback" not in text, name
            for form in spellings(self.key):
                assert form not in text.lower(), name
        for name in ("stderr", "own.log", "report.json", *(n for n in left if "ledger" in n)):
            for private in (PERSON, quote(PERSON), NAME, "4917155500099"):
                assert private not in left.get(name, ""), (name, private)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """An account that has the person."""
    world = World(contacts=6, deals=3, accounts=3, requests_per_second=0)
    world.add_contact(PERSON)
    world.edit_contact(1, firstName=NAME)
    with serve(world) as served:
        yield served


@pytest.fixture
def make_runs(tmp_path: Path, served: Served) -> Iterator[Callable[[str], Runs]]:
    """Create a folder for a key that the account accepts; remove faults after each test."""

    def make(key: str) -> Runs:
        served.world.api_key = key
        return Runs(tmp_path, served.url, key)

    yield make
    served.world.faults.clear()
    served.world.hooks.clear()


@pytest.mark.parametrize(("fault", "program"), CASES)
def test_nothing_shows_the_key_or_a_person(
    make_runs: Callable[[str], Runs], served: Served, program: Path, fault: str
) -> None:
    """No output has the key in any encoding, at the highest log level, under every fault.

    Outputs are stdout, stderr, log, report, results, retries, ledger, rate file, state and
    temporary files, with our log format and a user's. Logs, report and ledger have no address and
    no name.
    """
    runs = make_runs(KEYS[list(FAULTS).index(fault) % 2])
    FAULTS[fault](served.world.faults, runs.key)
    more = {
        "results_path": str(runs.folder / "results.jsonl"),
        "retry_path": str(runs.folder / "retry.jsonl"),
        "ledger_path": str(runs.folder / "ledger.sqlite"),
        "rate_limit_store": str(runs.folder / "rate.json"),
        "allow_raw_requests": "true",
    }
    before = len(served.world.log)
    process = runs.start(program, **(more if program == TARGET else {}))
    out, err = process.communicate(lines_of(ROWS).encode(), timeout=SECONDS)
    assert process.returncode in {0, 1}, err.decode()
    assert len(served.world.log) > before
    assert (runs.folder / "own.log").stat().st_size > 0
    runs.check(out, err)


@pytest.mark.parametrize("program", [TAP, TARGET], ids=lambda path: path.name)
def test_a_stop_during_a_request_shows_no_key(
    make_runs: Callable[[str], Runs], served: Served, program: Path
) -> None:
    """Two interrupts during an answer show no key, and the command line has none meanwhile."""
    runs = make_runs(KEYS[0])
    requested, seen = threading.Event(), []
    served.world.before_request(lambda *_: requested.set())
    served.world.faults.slow(3, times=None)
    with ExitStack() as stack:
        process = stack.enter_context(runs.start(program))
        stack.callback(process.kill)
        assert process.stdin
        process.stdin.write(lines_of(ROWS).encode())
        process.stdin.flush()
        assert requested.wait(SECONDS)
        seen += [Path(f"/proc/{process.pid}/cmdline").read_bytes().decode()]
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        for _ in range(2):
            process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=SECONDS)
    assert process.returncode in {130, -signal.SIGINT}, err.decode()
    assert children == []
    assert KEYS[0] not in "".join(seen)
    runs.check(out, err)


WRONG: dict[str, str] = {
    "user": "https://{key}@acme.api-us1.com",
    "password": "https://me:{key}@acme.api-us1.com",
    "query": "https://acme.api-us1.com/api/3?api_key={key}",
    "fragment": "https://acme.api-us1.com/#{key}",
    "path": "https://acme.api-us1.com/{key}",
    "host": "{key}",
    "port": "https://acme.api-us1.com:{key}",
}


@pytest.mark.parametrize("case", WRONG if LONG else ["user", "query", "host"])
def test_a_url_with_the_key_in_it_is_refused_and_not_shown(
    make_runs: Callable[[str], Runs], case: str
) -> None:
    """A URL that contains the key ends with exit code 2 and one line without it."""
    runs = make_runs(KEYS[0])
    process = runs.start(TARGET, api_url=WRONG[case].format(key=KEYS[0]), requests_per_second=5)
    out, err = process.communicate(lines_of(ROWS).encode(), timeout=SECONDS)
    assert process.returncode == 2
    assert "api_url" in runs.left()["own.log"]
    runs.check(out, err)


def test_a_proxy_that_fails_shows_nothing(make_runs: Callable[[str], Runs]) -> None:
    """A failing proxy shows neither key nor its own password; it gets the host alone."""
    runs = make_runs(KEYS[0])
    with Listener() as proxy:
        runs.environment |= {"https_proxy": f"http://me:pr0xy-pass@127.0.0.1:{proxy.port}"}
        process = runs.start(TARGET, api_url="https://acme.api-us1.com", requests_per_second=5)
        out, err = process.communicate(lines_of(ROWS).encode(), timeout=SECONDS)
    assert process.returncode == 1
    assert "the proxy does not connect" in runs.left()["own.log"]
    assert "pr0xy-pass" not in "".join(runs.left().values())
    assert all(request.startswith(b"CONNECT acme.api-us1.com:443") for request in proxy.received)
    assert not [request for request in proxy.received if KEYS[0].encode() in request]
    runs.check(out, err)
