"""Database errors: one clear line for each cause, no half writes, and no lost lock unnoticed."""

from __future__ import annotations

import contextlib
import errno
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from tap_activecampaign_unified.config.read_settings import SettingsError
from tap_activecampaign_unified.deletes.known_ids import KnownIds
from tap_activecampaign_unified.storage.database import Database, open_database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.postgres import Database as Server

METADATA = sa.MetaData()
NAMES = sa.Table("names", METADATA, sa.Column("name", sa.Text, primary_key=True))
ALL = sa.select(NAMES.c.name)
ADA, BO = {"name": "ada@shop.example"}, {"name": "bo@shop.example"}
RAISE = "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{}', MESSAGE = 'ada@shop.example'; END $$"


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Database]:
    """A SQLite file with a table of names."""
    database = Database(tmp_path / "names.sqlite", wait_seconds=0)
    database.create_tables(METADATA)
    yield database
    database.close()


def connected(server: Server) -> Database:
    """Connect to a schema of the server."""
    return open_database("place", server.url(), program="test", schema="names", wait_seconds=0)


@pytest.fixture
def shared(postgres_database: Server) -> Iterator[Database]:
    """A PostgreSQL schema with a table of names."""
    database = connected(postgres_database)
    database.create_tables(METADATA)
    yield database
    database.close()


@pytest.fixture(params=["file", "shared"])
def database(request: pytest.FixtureRequest) -> Any:
    """Each of the two databases."""
    return request.getfixturevalue(request.param)


def test_a_transaction_writes_all_or_nothing(database: Database) -> None:
    """An exception rolls back what the block wrote, nested blocks included."""
    add = sa.insert(NAMES)
    with contextlib.suppress(KeyError), database.transaction("add"):
        with database.transaction():
            database.rows(add, [ADA, BO])
        raise KeyError
    assert database.rows(ALL) == []
    with database.transaction():
        database.rows(add, [ADA])
    assert database.rows(ALL) == [(ADA["name"],)]


def full(database: Database) -> None:
    """Fill the disk."""
    database.rows("PRAGMA max_page_count = 1")
    database.rows(sa.insert(NAMES), [{"name": "x" * 10_000}])


def read_only(database: Database) -> None:
    """Allow no writes."""
    database.rows("PRAGMA query_only = ON")
    database.rows(sa.insert(NAMES), [ADA])


def locked(database: Database) -> None:
    """Let another program lock the file."""
    with contextlib.closing(sqlite3.connect(database._name)) as other:
        other.execute("BEGIN EXCLUSIVE")
        database.rows(sa.insert(NAMES), [ADA])


def no_table(database: Database) -> None:
    """Drop the table."""
    database.rows("DROP TABLE names")
    database.rows(ALL)


@pytest.mark.parametrize(
    ("act", "code", "words"),
    [
        (full, errno.ENOSPC, "No space left on device"),
        (read_only, errno.EROFS, "Read-only file system"),
        (locked, errno.EAGAIN, "another program has locked it"),
        (no_table, errno.EILSEQ, "it is damaged, or not a file of this program"),
    ],
)
def test_a_file_that_fails_is_named_with_the_cause(
    file: Database, act: Any, code: int, words: str
) -> None:
    """The error is an OSError with the file's name and the system's cause, and repeats no value."""
    with pytest.raises(OSError, match=words) as caught:
        act(file)
    assert (caught.value.errno, caught.value.filename) == (code, file._name)
    assert "example" not in str(caught.value)


@pytest.mark.parametrize("content", [b"no database at all, but long enough " * 100, None])
def test_a_file_of_another_program_is_refused_and_stays_as_it_is(
    tmp_path: Path, content: bytes | None
) -> None:
    """A text file and another program's database are refused and get no table."""
    path = tmp_path / "other"
    if content is None:
        with contextlib.closing(sqlite3.connect(path)) as other, other:
            other.execute("CREATE TABLE customers (email TEXT)")
    else:
        path.write_bytes(content)
    before = path.read_bytes()
    with pytest.raises(OSError, match="not a file of this program"):
        Database(path).create_tables(METADATA)
    with pytest.raises(SettingsError, match="known_ids_path cannot be used"):
        KnownIds(path, "acme")
    assert path.read_bytes() == before


def test_a_lock_ends_with_its_connection(database: Database, request: Any) -> None:
    """Another connection gets the lock only after the first connection closed."""
    if database.is_file:
        other = Database(request.getfixturevalue("tmp_path") / "names.sqlite")
    else:
        other = connected(request.getfixturevalue("postgres_database"))
    assert database.try_lock("run")
    assert database.try_lock("run")
    assert not other.try_lock("run")
    database.close()
    assert any(other.try_lock("run") for _ in range(10_000))
    other.close()


def test_a_lost_connection_stays_lost(shared: Database, postgres_database: Server) -> None:
    """After a lost connection every call fails alike: a new connection would not have the lock."""
    assert shared.try_lock("run")
    postgres_database.rows(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
        "WHERE application_name = 'test' AND datname = current_database()"
    )
    for _ in range(3):
        with pytest.raises(OSError, match="the connection to its PostgreSQL server was lost"):
            shared.rows(ALL)
    with (
        pytest.raises(OSError, match="the connection to its PostgreSQL server was lost"),
        shared.transaction(),
    ):
        pass
    shared.close()


@pytest.mark.parametrize(
    ("state", "code", "words"),
    [
        ("53100", errno.ENOSPC, "No space left on device"),
        ("25006", errno.EROFS, "its server is read-only"),
        ("42501", errno.EACCES, "lacks a privilege"),
        ("55P03", errno.EAGAIN, "another program has locked it"),
        ("40001", errno.EAGAIN, "another program changed the same rows"),
        ("42P01", errno.EILSEQ, "its tables are damaged, or not those of this program"),
        ("XX000", errno.EIO, "its PostgreSQL server reports InternalError"),
    ],
)
def test_a_server_that_refuses_a_statement_is_named_with_the_cause(
    shared: Database, state: str, code: int, words: str
) -> None:
    """The error names the setting in place of the address, and repeats no word of the server."""
    with pytest.raises(OSError, match=words) as caught:
        shared.rows(RAISE.format(state))
    assert (caught.value.errno, caught.value.filename) == (code, "place")
    assert "example" not in str(caught.value)
    assert shared.rows(ALL) == []
