"""Runs that are stopped or whose output is closed, and the output on a terminal."""

from __future__ import annotations

import signal
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox import Served, World, serve

from .program import KEY, SECONDS, Ended, Workspace, checked, messages

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTACTS = 1500
KEYS = {
    "marketing_contact_tags": ("contact_id", "tag_id"),
    "marketing_segment_memberships": ("contact_id", "segment_id"),
    "crm_fields": ("entity", "id"),
}


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """An account of a few pages."""
    world = World(contacts=CONTACTS, deals=120, accounts=110, api_key=KEY, requests_per_second=0)
    with serve(world) as served:
        yield served


@pytest.fixture(scope="module")
def whole(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """A run without interruption."""
    ended = Workspace(tmp_path_factory.mktemp("whole"), served.url).run()
    assert ended.code == 0
    assert len(set(ended.ids("crm_contacts"))) == CONTACTS
    return ended


@pytest.fixture(autouse=True)
def _remove_hooks(served: Served) -> Iterator[None]:
    """Remove the test's hooks from the account."""
    yield
    served.world.hooks.clear()


def table(*runs: Ended) -> dict[tuple[str, ...], dict[str, Any]]:
    """Return the last record of each key, as a loader merges them."""
    return {
        (
            message["stream"],
            *(message["record"][key] for key in KEYS.get(message["stream"], ("id",))),
        ): message["record"]
        for run in runs
        for message in run.messages
        if message["type"] == "RECORD"
    }


class Running:
    """A tap that runs beside the test and gets a signal at a chosen request."""

    def __init__(
        self, workspace: Workspace, *option: str, state: Any = None, **streams: Any
    ) -> None:
        """Start it."""
        self.process = subprocess.Popen(
            workspace.arguments(*option, state=state),
            cwd=workspace.folder,
            env=workspace.environment,
            stdin=subprocess.DEVNULL,
            **({"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams),
        )

    def end(self) -> Ended:
        """Wait for its end."""
        try:
            out, err = self.process.communicate(timeout=SECONDS)
        finally:
            self.process.kill()
        return checked(self.process.returncode, out or b"", err or b"")


def stopped_at(
    workspace: Workspace, served: Served, number: int, signum: int, state: Any = None
) -> Ended:
    """Run the tap and send it a signal while the account answers its n-th request."""
    seen: list[str] = []
    started = threading.Event()
    running: list[Running] = []

    def hook(_world: World, _method: str, path: str, _query: Any) -> None:
        seen.append(path)
        if len(seen) == number:
            started.wait(SECONDS)
            running[0].process.send_signal(signum)

    served.world.before_request(hook)
    running.append(Running(workspace, state=state))
    started.set()
    ended = running[0].end()
    served.world.hooks.clear()
    ended.messages = messages(ended.out)
    return ended


@pytest.mark.parametrize(
    ("request_number", "signum"),
    [
        pytest.param(1, signal.SIGTERM, marks=pytest.mark.long),
        pytest.param(9, signal.SIGINT, marks=pytest.mark.long),
        pytest.param(18, signal.SIGTERM, marks=pytest.mark.long),
        pytest.param(25, signal.SIGINT, marks=pytest.mark.long),
        (33, signal.SIGTERM),
    ],
)
def test_a_stopped_run_is_completed_by_the_next(
    workspace: Workspace, served: Served, whole: Ended, request_number: int, signum: signal.Signals
) -> None:
    """A stopped run ends with 130 or 143 and one line; a run from its STATE emits the rest."""
    first = stopped_at(workspace, served, request_number, signum)
    assert first.code == 128 + signum, first.err
    assert first.line == f"stopped by {signum.name}"
    assert len(table(first)) < len(table(whole))
    state = first.states[-1] if first.states else {}
    second = workspace.run(state=state)
    assert second.code == 0
    assert table(first, second) == table(whole)


@pytest.mark.long
def test_a_load_can_be_stopped_again_and_again(
    workspace: Workspace, served: Served, whole: Ended
) -> None:
    """A load that is stopped in every run emits all rows in the end, and no contact twice."""
    runs = [stopped_at(workspace, served, 20, signal.SIGTERM)]
    while runs[-1].code == 128 + signal.SIGTERM:
        assert len(runs) < 9, "it does not get anywhere"
        number = 20 + 10 * len(runs)
        runs.append(stopped_at(workspace, served, number, signal.SIGTERM, runs[-1].states[-1]))
    assert runs[-1].code == 0
    assert len(runs) > 2
    assert table(*runs) == table(whole)
    contacts = [contact_id for run in runs for contact_id in run.ids("crm_contacts")]
    assert len(contacts) == CONTACTS


def test_a_second_signal_ends_it_at_once(workspace: Workspace, served: Served) -> None:
    """A second signal ends the run without waiting for the answer."""
    served.world.faults.slow(30, "/accounts", times=None)
    came = threading.Event()
    served.world.before_request(
        lambda _world, _method, path, _query: came.set() if path.endswith("/accounts") else None
    )
    workspace.settings["max_concurrent_requests"] = 1  # so that it waits for this answer
    running = Running(workspace)
    assert came.wait(SECONDS)
    running.process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        running.process.wait(0.5)
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(5) == 130
    assert running.end().line == "stopped by SIGINT"


# --- where the output goes -----------------------------------------------------------------------


@pytest.mark.parametrize("option", [[], ["--discover"]])
def test_a_reader_that_goes_away_ends_the_run(workspace: Workspace, option: list[str]) -> None:
    """A closed output, as by ``| head -1``, ends the run with 1 and one line."""
    running = Running(workspace, *option)
    stdout = running.process.stdout
    assert stdout is not None
    assert stdout.readline().startswith(b"{")
    stdout.close()
    running.process.stdout = None
    ended = running.end()
    assert ended.code == 1, ended.err
    assert "program that reads the output has ended" in ended.line


@pytest.mark.parametrize("option", [[], ["--discover"], ["--test"], ["--about"], ["--version"]])
def test_a_full_disk_ends_the_run(workspace: Workspace, option: list[str]) -> None:
    """Output that cannot be written ends the run with 1 and one line with the cause."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            workspace.arguments(*option),
            cwd=workspace.folder,
            env=workspace.environment,
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=SECONDS,
            check=False,
        )
    ended = checked(done.returncode, b"", done.stderr)
    assert ended.code == 1, ended.err
    assert "No space left on device" in ended.line


# --- the terminal --------------------------------------------------------------------------------


def test_without_a_terminal_nothing_is_drawn(whole: Ended) -> None:
    """A log in a file has lines of text, without a view, control characters or rows."""
    assert not [letter for letter in whole.err if letter < " " and letter != "\n"]
    assert f"of {CONTACTS:,}" not in whole.err
    assert all(" | " in line for line in whole.err.splitlines())
