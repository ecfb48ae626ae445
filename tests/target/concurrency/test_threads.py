"""Real threads: over HTTP with latency, with signals, and with a silent source."""

from __future__ import annotations

import contextlib
import io
import json
import signal
import subprocess
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from target_activecampaign.target import TargetActiveCampaign
from tests.sandbox import SandboxAdapter, World, serve, session_of
from tests.target.processing.test_faults import check, messages
from tests.target.runner import state_of, stream_of
from tests.target.test_singer import config_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import requests

SECONDS = 30


def results_of(folder: Path) -> list[dict[str, Any]]:
    """Return the results of a run."""
    return [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]


def people(count: int) -> list[dict[str, Any]]:
    """Return enough rows for the importer."""
    return stream_of("crm_contacts", *({"email": f"t{n}@shop.example"} for n in range(count)))


class Program:
    """The target as a program whose input stays open."""

    def __init__(self, url: str, folder: Path, **settings: Any) -> None:
        """Start it."""
        self.process = subprocess.Popen(
            config_of(url, folder, **settings),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def say(self, *lines: Any) -> None:
        """Write messages to its input."""
        assert self.process.stdin
        self.process.stdin.write(text_of(*lines))
        self.process.stdin.flush()

    def end(self) -> tuple[int, str, str]:
        """Wait until it ends, its input still open; return exit code, stdout and stderr."""
        code = self.process.wait(SECONDS)
        assert self.process.stdout
        assert self.process.stderr
        assert self.process.stdin
        outputs = self.process.stdout.read(), self.process.stderr.read()
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.close()
        self.process.stderr.close()
        assert "Traceback" not in outputs[1]
        return code, *outputs

    def state(self) -> Any:
        """Wait for a state."""
        assert self.process.stdout
        return json.loads(self.process.stdout.readline())


@pytest.fixture
def quick() -> Iterator[Any]:
    """An account over HTTP whose imports take two seconds."""
    world = World(is_empty=True, requests_per_second=0, import_seconds=2)
    with serve(world) as served:
        yield served


def test_four_writes_are_under_way_at_once(tmp_path: Path) -> None:
    """Four writes are under way at once: each request waits until three others have arrived."""
    world = World(contacts=5, deals=16, requests_per_second=0)
    together = threading.Barrier(4, timeout=SECONDS)
    stages = {d.id: d.stage for d in world.tables["deals"]}

    class Door(SandboxAdapter):
        def send(self, request: Any, *args: Any, **kwargs: Any) -> requests.Response:
            if request.method == "PUT":
                together.wait()
            return super().send(request, *args, **kwargs)

    class InProcess(TargetActiveCampaign):
        @staticmethod
        def make_session() -> requests.Session:
            return session_of(Door(world), "http://")

    moves = [
        {
            "id": str(deal.id),
            "stage": {
                "id": str(
                    next(
                        s.id
                        for s in world.tables["dealStages"].by("group", deal.group)
                        if s.id != deal.stage
                    )
                )
            },
        }
        for deal in world.tables["deals"]
    ]
    target = InProcess(
        config={
            "api_url": "http://127.0.0.1:9",
            "api_key": "sandbox-key",
            "requests_per_second": 0,
            "ledger_path": str(tmp_path / "ledger.sqlite"),
            "results_path": str(tmp_path / "results.jsonl"),
            "max_concurrent_requests": 10,
        }
    )
    with contextlib.redirect_stdout(io.StringIO()):
        lines = [
            json.dumps(message)
            for message in [*stream_of("crm_opportunities", *moves), state_of(1)]
        ]
        assert target.run(io.StringIO("\n".join(lines))) == 0
    assert {result["action"] for result in results_of(tmp_path)} == {"updated"}
    assert all(deal.stage != stages[deal.id] for deal in world.tables["deals"])


@pytest.mark.long
def test_over_http_with_latency_the_account_equals_the_rows(tmp_path: Path) -> None:
    """Contacts, accounts, tags, deals and notes from many threads are written once each."""
    world = World(is_empty=True, requests_per_second=0, import_seconds=2)
    pipeline = world.add_pipeline("Orders", autoassign=1)
    for name in ("Open", "Packed", "Sent"):
        world.add_stage(name, pipeline.id)
    world.add_list("Readers")
    world.add_custom_field("deal", "Our key", "text")
    with serve(world, latency_ms=30) as served:
        done = subprocess.run(
            config_of(served.url, tmp_path, opportunity_external_id_field="Our key"),
            input=text_of(*messages(9, keyed=True, pieces=2)),
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {"bookmarks": {"at": 1}}
    check(world, 18)
    assert Counter(result["row"] for result in results_of(tmp_path)) == dict.fromkeys(
        range(1, 55), 1
    )


def test_a_state_goes_out_when_its_batch_ends_though_nothing_more_is_read(
    quick: Any, tmp_path: Path
) -> None:
    """The target emits a state when its batch ends, also if the source sends nothing more."""
    program = Program(quick.url, tmp_path)
    program.say(*people(12), state_of(12))
    assert program.state() == {"bookmarks": {"at": 12}}
    assert {result["action"] for result in results_of(tmp_path)} == {"created"}
    program.process.send_signal(signal.SIGTERM)
    assert program.end()[0] == 143


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_a_batch_is_under_way_ends_within_the_grace(
    quick: Any, tmp_path: Path, signum: int
) -> None:
    """After a signal, rows under way and rows only read have one result each.

    No state covers them.
    """
    quick.world.switches.import_seconds = 1000
    queued = threading.Event()
    quick.world.before_request(
        lambda _w, method, path, _q: queued.set() if path.endswith("bulk_import") else None
    )
    program = Program(quick.url, tmp_path)
    program.say(*people(12), state_of(12), *people(3))
    assert queued.wait(SECONDS)
    time.sleep(0.3)  # the program does not report that it has read a line
    program.process.send_signal(signum)
    code, out, err = program.end()
    assert (code, out) == (128 + signum, "")
    assert "stopped by" in err
    assert Counter(result["row"] for result in results_of(tmp_path)) == dict.fromkeys(
        range(1, 16), 1
    )
    assert {result["action"] for result in results_of(tmp_path)} == {"failed"}


@pytest.mark.long
def test_a_batch_that_fails_under_way_ends_the_run_though_nothing_more_is_read(
    quick: Any, tmp_path: Path
) -> None:
    """If the account lapses during an import, the run ends at once with 1 and the reason."""

    def lapse(world: World, method: str, path: str, _query: Any) -> None:
        world.faults.is_lapsed = method == "GET" and "/import/" in path

    quick.world.before_request(lapse)
    program = Program(quick.url, tmp_path)
    program.say(*people(12), state_of(12), *people(3))
    code, out, err = program.end()
    assert (code, out) == (1, "")
    assert "402" in [line for line in err.splitlines() if "| ERROR" in line][-1]
    assert Counter(result["row"] for result in results_of(tmp_path)) == dict.fromkeys(
        range(1, 16), 1
    )


def test_a_second_signal_ends_writes_at_once(quick: Any, tmp_path: Path) -> None:
    """After a second signal the target waits for no answer, and every row has its result."""
    quick.world.faults.slow(60, "/contact/sync", times=None)
    hanging = threading.Semaphore(0)
    quick.world.before_request(
        lambda _w, _m, path, _q: hanging.release() if path.endswith("/contact/sync") else None
    )
    program = Program(quick.url, tmp_path)
    program.say(*people(6), state_of(6))
    for _ in range(2):
        assert hanging.acquire(timeout=SECONDS)
    program.process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        program.process.wait(0.5)
    program.process.send_signal(signal.SIGINT)
    began = time.monotonic()
    assert program.end()[0] == 130
    assert time.monotonic() - began < 5
    assert [result["action"] for result in results_of(tmp_path)] == ["failed"] * 6
