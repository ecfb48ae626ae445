"""A ledger for several machines: locks, lost connections, secrets and permissions."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from tap_activecampaign_unified.storage.database import Database as Connection
from tap_activecampaign_unified.storage.database import is_postgres_address, open_database
from target_activecampaign.ledger.ledger import Ledger
from target_activecampaign.ledger.open_ledger import SCHEMA, SETTING
from tests.postgres.server import PASSWORD
from tests.sandbox import World, serve
from tests.target.processing.test_kills import PEOPLE, rows
from tests.target.runner import Run, TargetRunner, schema_of, state_of, stream_of
from tests.target.test_singer import config_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.postgres import Database

TABLES = ("accounts", "meta", "confirmed", "pending", "copies")
BACKENDS = (
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
    "WHERE application_name = 'target-activecampaign' AND datname = current_database()"
)
NOTE = {"content": "Called back", "contact": {"id": "3"}}


@pytest.fixture
def shared(
    make_runner: Callable[..., TargetRunner], postgres_database: Database
) -> Callable[..., Run]:
    """A runner whose runs keep their ledger in PostgreSQL, as runs on several machines do."""
    runner = make_runner()

    def run(*messages: Any, **settings: Any) -> Run:
        return runner.run(*messages, **({"ledger_path": postgres_database.url()} | settings))

    run.runner = runner  # type: ignore[attr-defined]
    return run


def connected(database: Database) -> Connection:
    """Connect as the target does."""
    return open_database(SETTING, database.url(), program="test", schema=SCHEMA, wait_seconds=5.0)


def dumped(database: Database) -> str:
    """Return the content of the ledger's tables as text."""
    found = [database.rows("SELECT * FROM activecampaign_ledger." + name) for name in TABLES]  # noqa: S608
    return repr(found)


def test_a_second_machine_does_not_send_confirmed_rows(
    shared: Any, postgres_database: Database
) -> None:
    """A run on another machine, with the database alone, knows every row; `forget` removes all.

    No address and no name is in the database.
    """
    people = [{"email": f"ada{n}@shop.example", "first_name": "Augusta"} for n in range(60)]
    messages = [*stream_of("crm_contacts", *people), *stream_of("crm_notes", NOTE), state_of(1)]
    first = shared(*messages)
    assert Counter(first.actions) == {"created": 61}
    again = shared(*messages)
    assert Counter(again.actions) == {"unchanged": 61}
    assert again.requests == []
    text = dumped(postgres_database)
    assert "acme" in text
    assert not [word for word in ("shop.example", "Augusta", "Called") if word in text]
    postgres_database.rows("DELETE FROM activecampaign_ledger.accounts WHERE name = 'acme'")
    assert "acme" not in dumped(postgres_database)
    assert not postgres_database.rows("SELECT FROM activecampaign_ledger.confirmed")


def test_a_batch_costs_a_handful_of_statements(shared: Any, postgres_database: Database) -> None:
    """1,000 unchanged rows, or 1,000 imported rows, need at most 40 statements."""
    people = [{"email": f"p{n}@shop.example", "first_name": "A"} for n in range(1000)]
    messages = [*stream_of("crm_contacts", *people), state_of(1)]
    counted = (
        "SELECT xact_commit + xact_rollback FROM pg_stat_database "
        "WHERE datname = current_database()"
    )
    for _ in range(2):
        before = postgres_database.rows(f"SELECT pg_stat_clear_snapshot(), ({counted})")[0][1]
        assert shared(*messages).code == 0
        after = postgres_database.rows(f"SELECT pg_stat_clear_snapshot(), ({counted})")[0][1]
        assert after - before < 40


@pytest.mark.long
def test_two_machines_on_one_account_take_turns(
    tmp_path: Path, postgres_database: Database
) -> None:
    """Two programs on different machines with the same rows write each row once.

    Their output has neither key nor password.
    """
    world = World(contacts=0, deals=0, accounts=0, requests_per_second=0)
    folders = [tmp_path / "one", tmp_path / "other"]
    ledger = {"ledger_path": postgres_database.url()}
    with serve(world) as served:
        processes = []
        for folder in folders:
            folder.mkdir()
            command = config_of(served.url, folder, **ledger)
            pipes: dict[str, Any] = dict.fromkeys(("stdin", "stderr"), subprocess.PIPE)
            home = os.environ | {"XDG_STATE_HOME": str(folder / "state")}
            out = (folder / "out").open("w")
            process = subprocess.Popen(command, stdout=out, text=True, env=home, **pipes)
            processes.append(process)
            out.close()
            process.stdin.write(rows())
            process.stdin.flush()
            while not postgres_database.rows(
                "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted"
            ):
                assert processes[0].poll() is None
        logs = ["", ""]
        # The first program holds the ledger while its input is open.
        while "waiting until it ends" not in logs[1]:
            logs[1] += processes[1].stderr.readline()
            assert processes[1].poll() is None, logs[1]
        for process in processes:
            process.stdin.close()
        for place, process in enumerate(processes):
            logs[place] += process.stderr.read()
            process.stderr.close()
        codes = [process.wait() for process in processes]
    assert codes == [0, 0], logs
    assert "waiting until it ends" not in logs[0]
    written = [path.read_text(errors="replace") for path in tmp_path.glob("*/[!c]*.jsonl")]
    for text in (*logs, *written, *((folder / "out").read_text() for folder in folders)):
        assert "sandbox-key" not in text
        assert not any(secret in text for secret in (PASSWORD, quote(PASSWORD, safe="")))
    assert len(world.tables["notes"]) == len(world.tables["deals"]) == len(PEOPLE)


def test_accounts_do_not_wait_for_one_another(
    postgres_database: Database, make_runner: Callable[..., TargetRunner]
) -> None:
    """Accounts that share the tables wait for no lock of another account and share no row."""
    held, other, again = (connected(postgres_database) for _ in range(3))
    assert held.try_lock("ledger", "acme")
    assert other.try_lock("ledger", "other")
    assert not again.try_lock("ledger", "acme")
    first, two = Ledger(held, "acme"), Ledger(other, "other")
    assert first.hash_key("row") != two.hash_key("row")
    first.record_copy("tag", "1", "77")
    assert two.find_copy("tag", "1") is None
    first.close()
    assert any(
        again.try_lock("ledger", "acme") or time.sleep(0.02) for _ in range(500)
    )  # the server sees it
    for store in (other, again):
        store.close()


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_server_that_goes_away_ends_the_run_and_no_create_is_sent_twice(
    shared: Any, postgres_database: Database, moment: str
) -> None:
    """A lost server ends the run with one line and no early state; the next run completes it.

    The connection is cut before a note is created, or after it and before the ledger recorded it.
    """
    runner: TargetRunner = shared.runner
    world = runner.world

    def cut(_world: World, method: str, path: str, *_: Any) -> None:
        if method == "POST" and path.endswith("/notes"):
            postgres_database.rows(BACKENDS)

    notes = [{"content": f"Call {n}", "contact": {"id": "3"}} for n in range(3)]
    messages = [
        *stream_of("crm_accounts", {"name": "Fjord"}),
        state_of(1),
        *stream_of("crm_notes", *notes),
        state_of(2),
    ]
    before = len(world.tables["notes"])
    if moment == "after":
        world.before_request(cut)
    else:
        world.before_request(lambda *_: postgres_database.rows(BACKENDS) and None)
    run = shared(*messages)
    assert run.code == 1
    assert run.last_word == (
        "ledger_path cannot be used (the connection to its PostgreSQL server was lost): fix that "
        "and run again"
    )
    assert len(run.results) <= 4
    assert run.states in ([], [{"bookmarks": {"at": 1}}])
    assert (run.states == []) is (moment == "before")
    world.hooks.clear()
    again = shared(*messages)
    assert again.code == 0, again.last_word
    assert Counter(note.note for note in list(world.tables["notes"])[before:]) == {
        "Call 0": 1,
        "Call 1": 1,
        "Call 2": 1,
    }
    assert Counter(company.name for company in world.tables["accounts"])["Fjord"] == 1


def test_a_program_whose_database_is_lost_ends_in_one_line(
    tmp_path: Path, postgres_database: Database
) -> None:
    """A lost database ends the program with 1, without traceback, key or password.

    The next run creates the rest, once.
    """
    world = World(contacts=0, deals=0, accounts=0, requests_per_second=0)

    def cut(_world: World, method: str, path: str, *_: Any) -> None:
        if method == "POST" and path.endswith("/deals") and len(world.tables["deals"]) == 1:
            postgres_database.rows(BACKENDS)

    world.before_request(cut)
    ended = []
    with serve(world) as served:
        command = config_of(served.url, tmp_path, ledger_path=postgres_database.url())
        for _ in range(2):
            ended.append(
                subprocess.run(command, input=rows(), capture_output=True, text=True, check=False)
            )
            world.hooks.clear()
    assert [done.returncode for done in ended] == [1, 0], ended[-1].stderr
    log = ended[0].stderr
    assert len([line for line in log.splitlines() if "| ERROR" in line]) == 1
    assert log.count("the connection to its PostgreSQL server was lost") == 1
    assert not any(word in log for word in ("Traceback", "sandbox-key", quote(PASSWORD, safe="")))
    assert ended[0].stdout == ""
    assert Counter(deal.title for deal in world.tables["deals"]) == Counter(
        f"Deal {n}" for n in range(len(PEOPLE))
    )
    assert len(world.tables["notes"]) == len(PEOPLE)


def test_a_run_that_has_the_turn_keeps_others_from_it_until_they_give_up(
    shared: Any, postgres_database: Database
) -> None:
    """A run that waits longer than max_retry_seconds for the lock ends with 1 and sends nothing."""
    held = connected(postgres_database)
    assert held.try_lock("ledger", "acme")
    run = shared(*stream_of("crm_notes", NOTE), state_of(1), max_retry_seconds=5)
    held.close()
    assert (run.code, run.requests, run.states) == (1, [], [])
    assert run.last_word.startswith("another run of target-activecampaign uses the same ledger")


SECRET = "a secret of sixteen characters or more"  # noqa: S105


def test_the_database_alone_does_not_identify_a_row(
    shared: Any, postgres_database: Database
) -> None:
    """With ledger_secret the key of the hashes is not in the database.

    A run with another secret, or none, is refused before it sends anything.
    """
    messages = [*stream_of("crm_notes", NOTE), state_of(1)]
    assert shared(*messages, ledger_secret=SECRET).actions == ["created"]
    assert shared(*messages, ledger_secret=SECRET).actions == ["unchanged"]
    for wrong in (None, SECRET + "!"):
        with pytest.raises(Exception, match="ledger_secret is not what this ledger was made with"):
            shared(*messages, ledger_secret=wrong)
    assert SECRET not in dumped(postgres_database)


ADDRESS = "postgresql://acme:pass%2Fword-nobody-sees@{}/x?connect_timeout=2"


@pytest.mark.parametrize(
    ("address", "code", "message"),
    [
        (ADDRESS.format("127.0.0.1:1"), 1, "no connection to its PostgreSQL server could be made"),
        (
            ADDRESS.format("host") + "&sslmode=pass-word-nobody-sees&%zz",
            2,
            "is not the address of a",
        ),
        ("mysql://acme:pass-word-nobody-sees@host/x", 2, "must be a file of this machine, or an"),
        (None, 2, "rejects this user"),
        ("", 2, "has no such database"),
    ],
)
def test_an_address_that_leads_nowhere_is_one_line_without_its_password(
    tmp_path: Path, postgres_database: Database, address: str | None, code: int, message: str
) -> None:
    """A wrong address is one line; neither it nor log and report repeat the address.

    Nothing is sent.
    """
    good = postgres_database.url()
    if address is None:
        address = good.replace("%25@", "%25word-nobody-sees@")
    elif not address:
        address = good + "_word-nobody-sees"
    world = World(contacts=0, requests_per_second=0)
    with serve(world) as served:
        done = subprocess.run(
            config_of(
                served.url,
                tmp_path,
                ledger_path=address,
                run_report_path=str(tmp_path / "report.json"),
            ),
            input="\n".join(
                json.dumps(message)
                for message in (schema_of("crm_notes"), *stream_of("crm_notes", NOTE))
            ),
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == code, done.stderr
    errors = [line for line in done.stderr.splitlines() if "| ERROR" in line]
    assert len(errors) == 1
    assert "ledger_path" in errors[0]
    assert message in errors[0]
    text = done.stderr + done.stdout + (tmp_path / "report.json").read_text()
    assert "word-nobody-sees" not in text
    assert "Traceback" not in text
    assert world.count() == 0


def test_a_user_without_the_right_to_create_tables_can_use_existing_ones(
    shared: Any, postgres_database: Database
) -> None:
    """A user without the right to create tables gets one line, and can use existing tables."""
    postgres = postgres_database
    name = f"writer_{postgres.name}"
    postgres.rows(f"CREATE ROLE {name} LOGIN PASSWORD 'w'")
    address = f"postgresql://{name}:w@{postgres.host}:{postgres.port}/{postgres.name}"
    messages = [*stream_of("crm_notes", NOTE), state_of(1)]
    with pytest.raises(Exception, match="may not create the schema activecampaign_ledger"):
        shared(*messages, ledger_path=address)
    assert shared(state_of(1)).code == 0
    postgres.rows(f"GRANT USAGE ON SCHEMA activecampaign_ledger TO {name}")
    postgres.rows(
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA activecampaign_ledger "
        f"TO {name}"
    )
    assert shared(*messages, ledger_path=address).actions == ["created"]
    assert shared(*messages).actions == ["unchanged"]


@pytest.mark.parametrize(
    ("place", "is_database"),
    [
        ("postgresql://h/d", True),
        ("postgres://h/d", True),
        ("postgresql+psycopg://h/d", True),
        ("postgresql.sqlite", False),
        ("/data/postgresql://odd", False),
    ],
)
def test_addresses_differ_from_files(place: str, *, is_database: bool) -> None:
    """An address of SQLAlchemy or libpq is not taken for a file."""
    assert is_postgres_address(place) is is_database
