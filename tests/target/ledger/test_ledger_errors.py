"""A ledger that cannot be opened ends the run in one line, before any request."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from tests.target.runner import stream_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.target.runner import TargetRunner

ROW = {"email": "mila@fjord.example"}


def text(path: Path) -> None:
    """Write a text file."""
    path.write_bytes(b"not a database at all " * 100)


def other_database(path: Path) -> None:
    """Write another program's database."""
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE customers (email TEXT)")


def no_version(path: Path) -> None:
    """Write a ledger whose version is not a number."""
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB)")
        db.execute("INSERT INTO meta VALUES ('version', 'one')")


def newer(path: Path) -> None:
    """Write a ledger of a newer version."""
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB)")
        db.execute("INSERT INTO meta VALUES ('version', ?)", (b"2",))


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (text, "ledger_path is damaged, or not a ledger of this program: restore a copy of it"),
        (other_database, "ledger_path is damaged, or not a ledger of this program"),
        (no_version, "ledger_path is damaged, or not a ledger of this program"),
        (newer, "ledger_path was written by a newer version: update this program"),
    ],
)
def test_a_file_that_is_no_ledger_stays_as_it_is(
    runner: TargetRunner, write: Any, words: str
) -> None:
    """A file that is no ledger is a settings error and stays unchanged.

    A new ledger in its place would create rows a second time.
    """
    path = runner.folder / "ledger.sqlite"
    write(path)
    before = path.read_bytes()
    with pytest.raises(Exception, match=words):
        runner.run(*stream_of("crm_contacts", ROW))
    assert path.read_bytes() == before
    assert runner.world.log == []


def test_a_ledger_that_another_program_has_locked_can_be_used_later(runner: TargetRunner) -> None:
    """A locked ledger ends the run with 1 after max_retry_seconds; the next run writes."""
    row = stream_of("crm_contacts", ROW)
    assert runner.run(*row).actions == ["created"]
    with contextlib.closing(sqlite3.connect(runner.folder / "ledger.sqlite")) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        run = runner.run(*row, max_retry_seconds=0.1)
    assert run.code == 1
    assert run.last_word == (
        "ledger_path cannot be used (another program has locked it): wait until it ends, then run "
        "again"
    )
    assert runner.run(*row).actions == ["unchanged"]


def test_a_ledger_of_another_account_is_refused(runner: TargetRunner) -> None:
    """A ledger of another account is a settings error."""
    runner.run(*stream_of("crm_contacts", ROW))
    with pytest.raises(Exception, match="ledger_path belongs to another account"):
        runner.run(*stream_of("crm_contacts", ROW), api_url="https://birch.api-us1.com")
