"""The ledger equals a plain dictionary after any operations and any end of the process.

The same histories run in a file and in PostgreSQL, where another account has entries of the same
names.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tap_activecampaign_unified.storage.database import open_database
from target_activecampaign.ledger.ledger import Confirmed, Ledger
from target_activecampaign.ledger.open_ledger import SCHEMA, SETTING
from tests import length

if TYPE_CHECKING:
    from tests.postgres import Database

ALL = ["a", "\\0 b\0", "c"]
NAMES = st.sampled_from(ALL)
STEPS = st.sampled_from(["create", "link"])
IDS = st.none() | st.integers(1, 9).map(str)
CONTENT = st.dictionaries(
    st.sampled_from(["email", "custom_fields.x", "tags"]),
    st.none() | st.text(max_size=3) | st.integers() | st.lists(st.integers(0, 2), max_size=2),
    max_size=3,
)
MOMENTS = st.floats(0, 2e9)


def opened(place: Path | str, account: str, *, is_dry_run: bool) -> Ledger:
    """Open a ledger without its lock."""
    database = open_database(SETTING, place, program="test", schema=SCHEMA, wait_seconds=5.0)
    return Ledger(database, account, is_dry_run=is_dry_run)


class Notes:
    """The expected content of a ledger, as dictionaries."""

    def __init__(self) -> None:
        """Know nothing."""
        self.confirmed: dict[str, tuple[str | None, dict[str, Any]]] = {}
        self.pending: dict[tuple[str, str], float] = {}
        self.copies: dict[tuple[str, str], str] = {}

    def copy(self) -> Notes:
        """Return a copy, to restore after a rollback."""
        found = Notes()
        found.confirmed = dict(self.confirmed)
        found.pending, found.copies = dict(self.pending), dict(self.copies)
        return found


class LedgerMachine(RuleBasedStateMachine):
    """Entries in any order; between any two the process may end, be killed or start again."""

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__()
        self.notes = Notes()
        self.before: Notes | None = None  # the content before the current transaction
        self.group: Any = None
        self.killed: list[Ledger] = []

    def made(self, *, is_dry_run: bool = False) -> Ledger:
        """Return a ledger on the stored content."""
        raise NotImplementedError

    def lose(self) -> None:
        """Reduce the ledger to what a killed process leaves."""
        raise NotImplementedError

    @initialize()
    def open(self) -> None:
        """Open the stored ledger."""
        self.ledger = self.made()

    # --- entries ----------------------------------------------------------------------------

    @rule(name=NAMES, native_id=IDS, content=CONTENT)
    def confirm(self, name: str, native_id: str | None, content: dict[str, Any]) -> None:
        """Confirmed values are added to earlier values, and a known id stays."""
        self.ledger.confirm(
            self.ledger.hash_key(name), native_id, self.ledger.hash_fields(content.items())
        )
        old_id, old = self.notes.confirmed.get(name, (None, {}))
        self.notes.confirmed[name] = (native_id or old_id, old | content)

    @rule(name=NAMES, native_id=st.integers(1, 9).map(str))
    def note_id(self, name: str, native_id: str) -> None:
        """An id alone changes no value."""
        self.ledger.record_id(self.ledger.hash_key(name), native_id)
        self.notes.confirmed[name] = (native_id, self.notes.confirmed.get(name, (None, {}))[1])

    @rule(name=NAMES)
    def forget(self, name: str) -> None:
        """A deleted row is forgotten."""
        self.ledger.forget(self.ledger.hash_key(name))
        self.notes.confirmed.pop(name, None)

    @rule(names=st.sets(NAMES))
    def expect(self, names: set[str]) -> None:
        """A prefetch of entries changes nothing."""
        self.ledger.prefetch([self.ledger.hash_key(name) for name in names])

    @rule(name=NAMES, step=STEPS, since=MOMENTS)
    def begin(self, name: str, step: str, since: float) -> None:
        """A pending create keeps the time of its first attempt."""
        self.ledger.record_pending(self.ledger.hash_key(name), step, since)
        self.notes.pending.setdefault((name, step), since)

    @rule(name=NAMES, step=STEPS)
    def settle(self, name: str, step: str) -> None:
        """An answered create is no longer pending."""
        self.ledger.resolve_pending(self.ledger.hash_key(name), step)
        self.notes.pending.pop((name, step), None)

    @rule(family=STEPS, source=NAMES, own=st.integers(1, 9).map(str))
    def note_copy(self, family: str, source: str, own: str) -> None:
        """The latest copy wins."""
        self.ledger.record_copy(family, source, own)
        self.notes.copies[family, source] = own

    @rule(family=STEPS, source=NAMES)
    def drop_copy(self, family: str, source: str) -> None:
        """A deleted copy is forgotten."""
        self.ledger.forget_copy(family, source)
        self.notes.copies.pop((family, source), None)

    # --- transactions ------------------------------------------------------------------------

    @rule()
    def join(self) -> None:
        """A transaction writes all or nothing; a nested transaction changes nothing."""
        if self.group is None:
            self.before, self.group = self.notes.copy(), self.ledger.transaction()
            self.group.__enter__()
        else:
            with self.ledger.transaction():
                pass

    @rule(fails=st.booleans())
    def part(self, *, fails: bool) -> None:
        """Commit all entries, or none after an exception."""
        if self.group is None:
            return
        group, self.group = self.group, None
        if fails and self.before is not None:
            group.__exit__(KeyError, KeyError(), None)
            self.notes = self.before
        else:
            group.__exit__(None, None, None)
        self.before = None

    # --- ends of the process ----------------------------------------------------------------

    @rule()
    def reopen(self) -> None:
        """A run ends, and the next run opens the ledger."""
        self.part(fails=False)
        self.ledger.close()
        self.open()

    @rule()
    def kill(self) -> None:
        """A run is killed: the next run finds the committed entries, and no half transaction."""
        self.lose()
        self.killed.append(self.ledger)
        if self.before is not None:
            self.notes, self.before = self.before, None
            self.group = None
        self.open()

    @rule(content=CONTENT)
    def plan(self, content: dict[str, Any]) -> None:
        """A dry run reads the same ledger and writes nothing to it."""
        if self.group is not None:
            return
        dry = self.made(is_dry_run=True)
        dry.confirm(dry.hash_key("a"), "77", dry.hash_fields(content.items()))
        dry.forget(dry.hash_key("c"))
        dry.record_pending(dry.hash_key("c"), "create", 1.0)
        dry.resolve_pending(dry.hash_key("a"), "create")
        dry.record_copy("link", "a", "77")
        dry.forget_copy("create", "b")
        assert dry.find_copy("link", "a") == "77"
        dry.close()

    # --- queries ----------------------------------------------------------------------------

    @invariant()
    def all_is_known(self) -> None:
        """The ledger has exactly the written entries."""
        if not hasattr(self, "ledger"):
            return
        ledger, notes = self.ledger, self.notes
        for name in ALL:
            key = ledger.hash_key(name)
            known = notes.confirmed.get(name)
            expected = known and Confirmed(known[0], ledger.hash_fields(known[1].items()))
            assert ledger.find(key) == expected
            for step in ("create", "link"):
                assert ledger.pending_since(key, step) == notes.pending.get((name, step))
                assert ledger.find_copy(step, name) == notes.copies.get((step, name))

    def teardown(self) -> None:
        """Close the ledger."""
        self.part(fails=False)
        for ledger in (*self.killed, self.ledger):
            ledger.close()


class InFiles(LedgerMachine):
    """A ledger in a file; after a kill another process opens a copy of it."""

    def __init__(self) -> None:
        """Begin with a new file."""
        super().__init__()
        self.folders = [Path(tempfile.mkdtemp(prefix="ledger-"))]

    def made(self, *, is_dry_run: bool = False) -> Ledger:
        """Open the existing file."""
        return opened(self.folders[-1] / "ledger.sqlite", "acme", is_dry_run=is_dry_run)

    def lose(self) -> None:
        """Copy the file as it is on disk."""
        folder = Path(tempfile.mkdtemp(prefix="ledger-"))
        for path in self.folders[-1].iterdir():
            if not path.name.endswith("-shm"):  # shared memory that ends with its processes
                shutil.copy(path, folder / path.name)
        self.folders.append(folder)

    def teardown(self) -> None:
        """Remove the files."""
        super().teardown()
        for folder in self.folders:
            shutil.rmtree(folder)


class InPostgres(LedgerMachine):
    """The ledger of one account among others; a kill cuts its connection."""

    database: Database
    numbers = itertools.count()

    def __init__(self) -> None:
        """Use an account without entries."""
        super().__init__()
        self.account = f"account {next(self.numbers)}"

    def made(self, *, is_dry_run: bool = False) -> Ledger:
        """Connect."""
        return opened(self.database.url(), self.account, is_dry_run=is_dry_run)

    def lose(self) -> None:
        """Cut the connection at the server."""
        connection: Any = self.ledger._database._connection
        pid = connection.connection.driver_connection.info.backend_pid
        self.database.rows("SELECT pg_terminate_backend(%s, 5000)", pid)


LENGTH = {"stateful_step_count": length.of(30, 80), "deadline": None}


def test_any_history_in_a_file() -> None:
    """A ledger in a file has what was written, after any history."""
    run_state_machine_as_test(
        InFiles, settings=settings(max_examples=length.of(25, 2000), **LENGTH)
    )


def test_any_history_in_postgres(postgres_database: Database) -> None:
    """A ledger in PostgreSQL has what was written, in tables shared by many accounts."""
    InPostgres.database = postgres_database
    run_state_machine_as_test(
        InPostgres, settings=settings(max_examples=length.of(10, 500), **LENGTH)
    )
