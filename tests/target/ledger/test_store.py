"""The ledger's tables: the number of statements, and what is kept in memory."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from tap_activecampaign_unified.storage.database import Database
from target_activecampaign.ledger import store as ledger_store
from target_activecampaign.ledger.ledger import Ledger
from target_activecampaign.target import TargetActiveCampaign
from tests.tap.client.clients import ManualClock, world_of
from tests.target.runner import TargetRunner, schema_of, state_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FIELDS = {b"12345678": b"87654321"}
BATCH = 12


class CountingDatabase:
    """Passes everything on to a database and counts the statements."""

    def __init__(self, database: Database) -> None:
        self._database, self.statements = database, 0
        self.settings: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    def rows(self, *args: Any) -> list[Any]:
        """Run a statement."""
        self.statements += 1
        self.settings += [text for text in args if isinstance(text, str) and "PRAGMA" in text]
        return self._database.rows(*args)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[CountingDatabase]:
    """A new ledger's file."""
    found = CountingDatabase(Database(tmp_path / "ledger.sqlite", 5.0))
    yield found
    found.close()


def keys_of(batch: int, rows: int) -> list[bytes]:
    """Return the keys of the rows of a batch."""
    return [f"{batch}/{number}".encode() for number in range(rows)]


def test_a_power_cut_loses_no_create_that_was_sent(database: CountingDatabase) -> None:
    """Each entry of the ledger is on the disk before the target goes on."""
    Ledger(database, "a")
    assert "PRAGMA synchronous = FULL" in database.settings


def test_rows_of_all_batches_that_run_are_read_once(database: CountingDatabase) -> None:
    """The rows of four batches in the background are in memory while a fifth batch is read."""
    ledger = Ledger(database, "a")
    rows = TargetActiveCampaign.batch_rows
    ledger.confirm(keys_of(1, 1)[0], "7", FIELDS)
    batches = [keys_of(number, rows) for number in range(5)]
    for batch in batches:
        ledger.prefetch(batch)
    before = database.statements
    found = [ledger.find(key) for batch in batches for key in batch]
    assert database.statements == before
    assert [confirmed.id for confirmed in found if confirmed is not None] == ["7"]


def test_the_oldest_rows_leave_the_memory_first(
    database: CountingDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory has a bound, and a row that left it is read again."""
    monkeypatch.setattr(ledger_store, "MAX_CACHED_ROWS", 20)
    ledger = Ledger(database, "a")
    ledger.confirm(keys_of(0, 1)[0], "7", FIELDS)
    for number in range(4):
        ledger.prefetch(keys_of(number, 10))
    before = database.statements
    assert [ledger.find(key) for key in keys_of(3, 10)] == [None] * 10
    assert database.statements == before
    assert ledger.find(keys_of(0, 1)[0]) == ("7", FIELDS)
    assert database.statements == before + 1


def test_rows_of_a_finished_batch_leave_the_memory(database: CountingDatabase) -> None:
    """`release` removes the rows of one batch from memory; `find` reads them again."""
    ledger = Ledger(database, "a")
    first, second = keys_of(0, 10), keys_of(1, 10)
    ledger.confirm(first[0], "7", FIELDS)
    ledger.prefetch(first)
    ledger.prefetch(second)
    ledger.release(first)
    before = database.statements
    assert [ledger.find(key) for key in second] == [None] * 10
    assert database.statements == before
    assert ledger.find(first[0]) == ("7", FIELDS)
    assert database.statements == before + 1


def test_a_run_keeps_no_row_of_its_batches(tmp_path: Path) -> None:
    """After each batch its rows leave the memory, so that a run of many batches needs no more."""
    clock = ManualClock()
    runner = TargetRunner(world_of(clock, is_empty=True), clock, tmp_path)
    runner.batch_rows = BATCH
    emails = [f"p{number}@shop.example" for number in range(5 * BATCH)]
    rows = [
        {"type": "RECORD", "stream": "crm_contacts", "record": {"email": email}} for email in emails
    ]
    target = runner.target()
    lines = [schema_of("crm_contacts", ["email"]), *rows, state_of(len(rows))]
    assert target.run(io.StringIO("".join(json.dumps(line) + "\n" for line in lines))) == 0
    kept = [table for table, _ in target.begin_writing().context.ledger._store._cache]
    assert kept.count("confirmed") == 0
