"""kill -9 during a write: the next run completes it, and nothing is written twice."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from target_activecampaign.client.late_reads import MAX_DELAY_SECONDS
from tests import forked
from tests.sandbox import World, serve
from tests.sandbox.clock import AdvancedClock
from tests.target.combinations import combinations, settings_of
from tests.target.runner import state_of, stream_of
from tests.target.test_singer import config_of, text_of

if TYPE_CHECKING:
    from pathlib import Path

PEOPLE = [f"p{n}@shop.example" for n in range(5)]


def rows() -> str:
    """Return contacts, accounts, deals and notes; each create appears several times."""
    deals = [
        {"name": f"Deal {n}", "contact": {"email": email}, "amount": 10 + n, "currency": "EUR"}
        for n, email in enumerate(PEOPLE)
    ]
    where = {"stage": {"name": "To Contact"}, "pipeline": {"name": "Sales"}}
    deals = [{**deal, **where} for deal in deals]
    notes = [
        {"content": f"Note {n}", "contact": {"email": email}} for n, email in enumerate(PEOPLE)
    ]
    return text_of(
        *stream_of("crm_contacts", *({"email": email, "tags": ["fresh"]} for email in PEOPLE)),
        *stream_of("crm_accounts", {"name": "Fjord"}, {"name": "Alder"}),
        *stream_of("crm_opportunities", *deals),
        *stream_of("crm_notes", *notes),
        state_of(1),
    )


def run(url: str, folder: Path, names: tuple[str, ...], pids: list[int] | None = None) -> int:
    """Run the target as a program; ``pids`` gets its id."""
    settings = {"match_opportunities_on": ["id", "external_id", "name+contact"]}
    command = config_of(url, folder, **settings, **settings_of(names, folder))
    stdin = folder / "rows.jsonl"
    stdin.write_text(rows())
    process = forked.start(
        "target-activecampaign",
        command[command.index("--config") :],
        folder,
        dict(os.environ),
        stdin=stdin,
        err=folder / "log.txt",
    )
    if pids is not None:
        pids.append(process.pid or 0)
    return forked.ended(process)


#: The kinds of writes of a run, and how many of each there are.
WRITES = {
    "contact/sync": 5,
    "tags": 1,
    "contactTags": 5,
    "accounts": 2,
    "deals": 5,
    "notes": 5,
}


@pytest.mark.parametrize(
    ("names", "write", "number"),
    [
        pytest.param(
            names,
            write,
            1 + turn % WRITES[write],
            # Each day each kind of write has a kill, and every other combination.
            marks=[] if turn % 2 == 0 and turn // 2 % len(WRITES) == kind else pytest.mark.long,
            id=f"{'+'.join(names) or 'defaults'}-{write}",
        )
        for turn, names in enumerate(combinations())
        for kind, write in enumerate(WRITES)
    ],
)
def test_killed_while_a_write_is_under_way(
    tmp_path: Path, names: tuple[str, ...], write: str, number: int
) -> None:
    """Each write that is under way at a kill is done exactly once, whatever other settings are."""
    clock = AdvancedClock()
    world = World(contacts=0, deals=0, accounts=0, requests_per_second=0, clock=clock)
    seen: list[str] = []
    pids: list[int] = []

    def kill(_world: World, method: str, path: str, _query: Any) -> None:
        if method != "GET" and path.endswith(f"/{write}"):
            seen.append(path)
            if len(seen) == number:
                os.kill(pids[0], signal.SIGKILL)

    with serve(world) as served:
        world.before_request(kill)
        assert run(served.url, tmp_path, names, pids) == -signal.SIGKILL
        world.hooks.clear()
        clock.advance(MAX_DELAY_SECONDS)  # the next run waits until reads show what was sent
        assert run(served.url, tmp_path, names) == 0
    assert Counter(contact.email for contact in world.tables["contacts"]) == Counter(PEOPLE)
    assert Counter(company.name for company in world.tables["accounts"]) == {"Fjord": 1, "Alder": 1}
    assert Counter(deal.title for deal in world.tables["deals"]) == Counter(
        f"Deal {n}" for n in range(len(PEOPLE))
    )
    assert Counter(note.note for note in world.tables["notes"]) == Counter(
        f"Note {n}" for n in range(len(PEOPLE))
    )
    results = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert len(results) == 17
    assert {result["action"] for result in results} <= {"created", "updated", "unchanged"}


def test_two_runs_of_one_account_take_turns(tmp_path: Path) -> None:
    """Of two programs with the same rows the second waits, and nothing is written twice."""
    world = World(contacts=0, deals=0, accounts=0, requests_per_second=0)
    with serve(world, latency_ms=20) as served:
        processes = [
            subprocess.Popen(
                config_of(served.url, tmp_path, results_path=str(tmp_path / f"{n}.jsonl")),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            for n in range(2)
        ]
        for process in processes:
            assert process.stdin
            process.stdin.write(rows())
            process.stdin.close()
        logs = [process.stderr.read() for process in processes if process.stderr]
        codes = [process.wait() for process in processes]
        for process in processes:
            if process.stderr:
                process.stderr.close()
    assert codes == [0, 0]
    assert sum("waiting until it ends" in text for text in logs) == 1
    assert len(world.tables["notes"]) == len(world.tables["deals"]) == len(PEOPLE)


@pytest.mark.long
def test_a_ledger_that_stays_in_use_ends_the_run(tmp_path: Path) -> None:
    """A run that waits longer than max_retry_seconds for the ledger ends with 1 and one line."""
    world = World(contacts=0, requests_per_second=0)
    (tmp_path / "ledger.sqlite.lock").touch()
    with (tmp_path / "ledger.sqlite.lock").open() as held, serve(world) as served:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = subprocess.run(
            config_of(served.url, tmp_path, max_retry_seconds=0.2),
            input=rows(),
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    errors = [line for line in done.stderr.splitlines() if "| ERROR" in line]
    assert len(errors) == 1
    assert "another run" in errors[0]
    assert world.count() == 0
