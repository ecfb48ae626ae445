"""Stores a collection's rows on disk by parent row, to keep memory use constant."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tap_activecampaign_unified.resources.resource import Row


class RowSpool:
    """A temporary file with one collection's rows. `close` deletes it."""

    def __init__(self) -> None:
        # Imported here because it imports SQLAlchemy, which most runs do not need.
        from tap_activecampaign_unified.storage.database import Database  # noqa: PLC0415

        self._folder = tempfile.TemporaryDirectory(prefix="activecampaign-")
        self._db = Database(Path(self._folder.name) / "spool.sqlite")
        self._db.rows("PRAGMA journal_mode = OFF")
        self._db.rows("PRAGMA synchronous = OFF")
        self._db.rows("CREATE TABLE rows (parent TEXT, row TEXT)")

    def add(self, rows: Iterable[tuple[str, Row]]) -> None:
        """Store rows, each with the id of its parent."""
        with self._db.transaction():
            self._db.rows(
                "INSERT INTO rows VALUES (?, ?)",
                [(parent, json.dumps(row)) for parent, row in rows],
            )

    def seal(self) -> None:
        """Create the index, after the last `add`."""
        self._db.rows("CREATE INDEX by_parent ON rows (parent)")

    def get(self, parent: str) -> list[Row]:
        """Return the rows of one parent."""
        rows = self._db.rows("SELECT row FROM rows WHERE parent = ?", (parent,))
        return [json.loads(text) for (text,) in rows]

    def close(self) -> None:
        """Delete the file."""
        self._db.close()
        self._folder.cleanup()
