"""Deferred rows: stored on disk until a later row may have removed the reason to wait.

A sink defers a row in three cases:

* The row refers to a record that a later row may create.
* Another contact has the row's new address, and a later row may change that contact's address
  (`address_taken` of `sinks/contacts/address_changes.py`).
* An earlier row of the same key is deferred (`RowFinisher.defer_if_behind`).
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from target_activecampaign.records.input_row import InputRow

if TYPE_CHECKING:
    from tap_activecampaign_unified.storage.database import Database

StoredRow = dict[str, Any]


class DeferredRows:
    """Rows that wait for later rows, in a temporary file of this run."""

    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._db: Database | None = None
        self.count = 0
        self.families: set[str] = set()

    def _open(self) -> Database:
        if self._db is None:
            # Imported here, because it loads SQLAlchemy.
            from tap_activecampaign_unified.storage.database import Database  # noqa: PLC0415

            self._folder = tempfile.TemporaryDirectory(prefix="activecampaign-")
            self._db = Database(Path(self._folder.name) / "deferred.sqlite")
            self._db.rows("PRAGMA journal_mode = OFF")
            self._db.rows("PRAGMA synchronous = OFF")
            self._db.rows(
                "CREATE TABLE rows (place INTEGER PRIMARY KEY, number INTEGER, key BLOB, row TEXT)"
            )
            self._db.rows("CREATE INDEX by_number ON rows (number)")
            self._db.rows("CREATE INDEX by_key ON rows (key, number)")
        return self._db

    def add(self, row: InputRow, family: str, key: bytes) -> None:
        """Defer a row; ``key`` is its key in the ledger."""
        text = json.dumps(
            [
                *(row.stream, row.record, row.key, row.source, row.remarks, row.shown_key),
                *(row.unnormalized, row.input_stream),
            ],
            default=str,
        )
        self._open().rows(
            "INSERT INTO rows (number, key, row) VALUES (?, ?, ?)", (row.number, key, text)
        )
        self.count += 1
        self.families.add(family)

    def has_before(self, key: bytes, number: int | None) -> bool:
        """Return whether a deferred row of this key came before row ``number``."""
        if self._db is None or not self.count:
            return False
        found = self._db.rows(
            "SELECT 1 FROM rows WHERE key = ? AND (number IS NULL OR number < ?) LIMIT 1",
            (key, number or 0),
        )
        return bool(found)

    def first(self) -> int | None:
        """Return the lowest number of a deferred input row."""
        if self._db is None or not self.count:
            return None
        number = self._db.rows("SELECT min(number) FROM rows")[0][0]
        return None if number is None else int(number)

    def pop(self, most: int, after: int) -> tuple[list[InputRow], int]:
        """Remove up to ``most`` rows after a place; return them and the place of the last row."""
        if self._db is None:
            return [], after
        stored = self._db.rows(
            "SELECT place, number, row FROM rows WHERE place > ? ORDER BY place LIMIT ?",
            (after, most),
        )
        rows = []
        for place, number, text in stored:
            stream, record, key, source, remarks, shown_key, unnormalized, name = json.loads(text)
            row = InputRow(number, stream, record, key, source, remarks=tuple(remarks))
            row.shown_key, row.unnormalized, row.input_stream = shown_key, unnormalized, name
            rows.append(row)
            after = place
        self._db.rows("DELETE FROM rows WHERE place = ?", [(place,) for place, _, _ in stored])
        self.count -= len(stored)
        return rows, after

    def last_place(self) -> int:
        """Return the place of the last row in the file."""
        if self._db is None:
            return 0
        return int(self._db.rows("SELECT coalesce(max(place), 0) FROM rows")[0][0])

    def close(self) -> None:
        """Remove the file."""
        if self._db is not None and self._folder is not None:
            self._db.close()
            self._folder.cleanup()
            self._db = None
