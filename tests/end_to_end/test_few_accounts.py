"""A few accounts without an orchestrator: one make command runs them all concurrently."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.demo.account import API_KEY, ROOT
from tests.demo.pipeline import MELTANO, install
from tests.sandbox import World, serve

if TYPE_CHECKING:
    from pathlib import Path

    from tests.postgres import Database

LINE = ["make", "-f", "orchestrate/accounts.mk", "-k"]


def make(folder: Path, *more: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command over the accounts of a folder."""
    variables = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "XDG_STATE_HOME": str(folder / "state"),
        "LANG": "C.UTF-8",
        "NO_COLOR": "1",
        "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
        "TAP_ACTIVECAMPAIGN_UNIFIED_REQUESTS_PER_SECOND": "0",
    }
    return subprocess.run(
        [*LINE, f"ACCOUNTS={folder / 'accounts'}", *more],
        cwd=ROOT,
        env=variables | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def account(folder: Path, label: str, *lines: str, mode: int = 0o600) -> None:
    """Add an account: a file."""
    path = folder / "accounts" / f"{label}.env"
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    path.chmod(mode)


@pytest.mark.meltano
@pytest.mark.slow
def test_three_accounts_at_once_one_of_them_with_a_wrong_key(
    tmp_path: Path, postgres_database: Database
) -> None:
    """Two accounts are loaded into one table; the third is named and decides the exit code.

    The first account creates the tables alone. Each has its own state, log and report and continues
    from its own state. No key is in another account's files.
    """
    install("tap-activecampaign-unified", "target-postgres")
    sizes = {"acme": 12, "birch": 20}
    worlds = {
        label: World(contacts=size, api_key=API_KEY, requests_per_second=0)
        for label, size in sizes.items()
    }
    with serve(worlds["acme"]) as acme, serve(worlds["birch"]) as birch:
        for label, url, key in (
            ("acme", acme.url, API_KEY),
            ("birch", birch.url, API_KEY),
            ("cedar", birch.url, "a-key-that-lapsed"),
        ):
            account(
                tmp_path,
                label,
                f"ACTIVECAMPAIGN_API_URL='{url}'",
                f"ACTIVECAMPAIGN_API_KEY='{key}'",
            )
        # Alone, because two loaders cannot create the same table at once.
        for argument in ("acme", "-j3"):
            done = make(
                tmp_path,
                argument,
                "RUN=run --no-install load-postgres",
                f"MELTANO={MELTANO}",
                POSTGRES_URL=postgres_database.url("postgresql+psycopg"),
            )
    runs = tmp_path / "accounts" / "runs"
    logs = {label: (runs / label / "log").read_text() for label in ("acme", "birch", "cedar")}
    assert done.returncode == 2, (done.stderr, logs)
    assert f"cedar: failed (1): see {runs / 'cedar' / 'log'}" in done.stderr
    assert "acme: failed" not in done.stderr, logs["acme"][-2000:]
    assert "birch: failed" not in done.stderr, logs["birch"][-2000:]
    counted = postgres_database.rows(
        "SELECT account_label, count(*) FROM activecampaign.crm_contacts GROUP BY 1 ORDER BY 1"
    )
    expected = {label: len(world.tables["contacts"].ids()) for label, world in worlds.items()}
    assert counted == sorted(expected.items())
    reports = {label: json.loads((runs / label / "load.json").read_text()) for label in logs}
    assert {label: report["exit_code"] for label, report in reports.items()} == {
        "acme": 0,
        "birch": 0,
        "cedar": 1,
    }
    assert "does not accept the key" in logs["cedar"]
    assert "No state was found" in logs["birch"]
    assert "No state was found" not in logs["acme"]
    assert all((runs / label / "meltano" / "run").is_dir() for label in worlds)
    texts = [path.read_bytes() for path in runs.rglob("*") if path.is_file()]
    assert not any(b"a-key-that-lapsed" in text or API_KEY.encode() in text for text in texts)
    assert not [p for p in runs.rglob("*") if not p.is_symlink() and p.stat().st_mode & 0o077]


def test_an_account_that_is_still_under_way_is_not_begun_again(tmp_path: Path) -> None:
    """An account whose run is under way is named and not started again; the others run.

    Without accounts nothing runs.
    """
    ran = tmp_path / "ran"
    for label in ("acme", "birch"):
        account(tmp_path, label, "X=1")
    lock = tmp_path / "accounts" / "runs" / "acme" / "lock"
    lock.parent.mkdir(parents=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = make(tmp_path, "MELTANO=sh -c", f'RUN="echo $$X > {ran}"')
    assert done.returncode == 2
    assert "acme: another run of this account is active" in done.stderr
    assert "birch" not in done.stderr
    assert ran.read_text() == "1\n"
    (tmp_path / "none").mkdir()
    empty = make(tmp_path / "none")
    assert empty.returncode == 2
    assert "no account: create a file" in empty.stderr


def test_a_key_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    """An account's file must have mode 0600."""
    account(tmp_path, "acme", "X=1", mode=0o644)
    done = make(tmp_path, "MELTANO=touch", f"RUN={tmp_path / 'ran'}")
    assert done.returncode == 2
    assert "chmod 600" in done.stderr
    assert not (tmp_path / "ran").exists()


def test_states_in_one_database_differ(tmp_path: Path) -> None:
    """State ids of accounts in one database differ, with the account in the job's name."""
    for label in ("acme", "birch"):
        account(tmp_path, label, "MELTANO_DATABASE_URI=postgresql://db.example/meltano")
    run = "RUN=$$MELTANO_DATABASE_URI run --state-id-suffix=$@ load"
    assert make(tmp_path, "MELTANO=echo", run).returncode == 0
    for label in ("acme", "birch"):
        log = (tmp_path / "accounts" / "runs" / label / "log").read_text()
        assert log == f"postgresql://db.example/meltano run --state-id-suffix={label} load\n"
