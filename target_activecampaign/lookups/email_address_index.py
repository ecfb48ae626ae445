"""An index of all contacts by address, filled by a walk over the contacts."""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
from typing import TYPE_CHECKING, Any

from tap_activecampaign_unified.resources.input_values.column_names import fold

if TYPE_CHECKING:
    from collections.abc import Iterable


class EmailAddressIndex:
    """Contacts by the hash of their address, in memory, for one run.

    All contacts up to the id ``last`` are in the index. Contacts that are created later have higher
    ids, so a walk from there completes the index.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(16)
        self._database = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        self._database.execute(
            "CREATE TABLE contacts (address BLOB PRIMARY KEY, id TEXT) WITHOUT ROWID"
        )
        self.last = 0

    def add(self, rows: Iterable[dict[str, Any]]) -> None:
        """Add contacts."""
        entries = [(self._hash(str(row.get("email") or "")), str(row.get("id"))) for row in rows]
        self._database.executemany("INSERT OR REPLACE INTO contacts VALUES (?, ?)", entries)

    def note_walk(self, after: int, position: int) -> None:
        """Note that all contacts above the id ``after``, up to ``position``, were added."""
        if after <= self.last:
            self.last = max(self.last, position)

    def put(self, address: str, native_id: str) -> None:
        """Note that a contact in the index has this address now."""
        self._database.execute(
            "INSERT OR REPLACE INTO contacts VALUES (?, ?)", (self._hash(address), native_id)
        )

    def find(self, address: str) -> str | None:
        """Return the id of an address's contact, None if the address has no contact."""
        row = self._database.execute(
            "SELECT id FROM contacts WHERE address = ?", (self._hash(address),)
        ).fetchone()
        return None if row is None else str(row[0])

    def forget(self, address: str) -> None:
        """Remove an address whose contact was deleted or has another address now."""
        self._database.execute("DELETE FROM contacts WHERE address = ?", (self._hash(address),))

    def _hash(self, address: str) -> bytes:
        return hashlib.blake2b(fold(address).encode(), key=self._key, digest_size=16).digest()
