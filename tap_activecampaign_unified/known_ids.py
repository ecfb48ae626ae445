"""Which rows and pairs an account had when it was last looked at, and which have gone since.

A SQLite file of ids, readable by this user alone. What has gone stays noted for a year, so that
every pipeline that reads the account is told, each as far as its own state says that it was not.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from .database import Database
from .settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

#: What a row hangs on ("" for nothing) and its own id.
Key = tuple[str, str]

VERSION = 1
KEPT = dt.timedelta(days=366)
SECONDS_FOR_OTHERS = 60.0
_FOREVER = """
CREATE TABLE IF NOT EXISTS known (
    kind TEXT, parent TEXT, id TEXT, who TEXT, checked TEXT,
    PRIMARY KEY (kind, parent, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS gone (
    kind TEXT, parent TEXT, id TEXT, at TEXT, PRIMARY KEY (kind, parent, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS swept (kind TEXT PRIMARY KEY, at TEXT) WITHOUT ROWID;
"""
_FOR_THIS_RUN = """
CREATE TEMP TABLE seen (
    kind TEXT, parent TEXT, id TEXT, PRIMARY KEY (kind, parent, id)) WITHOUT ROWID;
CREATE TEMP TABLE read (kind TEXT, parent TEXT, PRIMARY KEY (kind, parent)) WITHOUT ROWID;
"""


class KnownIds:
    """The file, and what this run has seen so far: nothing is known by it before `conclude`."""

    def __init__(self, path: Path) -> None:
        """Open or create the file; raise `SettingsError` where it cannot be used."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._db = Database(path, seconds_for_others=SECONDS_FOR_OTHERS)
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version > VERSION:
                raise SettingsError(
                    ["known_ids_path was written by a newer version: update, or name another file"]
                )
            self._db.executescript(_FOREVER)
            self._db.execute(f"PRAGMA user_version = {VERSION}")
            self._db.execute("PRAGMA temp_store = FILE")
            self._db.executescript(_FOR_THIS_RUN)
        except OSError as problem:
            raise _unusable(problem.strerror or type(problem).__name__) from None

    def close(self) -> None:
        """Forget what this run has seen."""
        self._db.close()

    # --- what this run sees -----------------------------------------------------------------

    def note(self, kind: str, keys: Iterable[Key]) -> None:
        """Note rows or pairs that are there."""
        self._insert("INSERT OR IGNORE INTO seen VALUES (?, ?, ?)", ((kind, *key) for key in keys))

    def note_read(self, kind: str, parents: Iterable[str]) -> None:
        """Note rows all of whose pairs of a kind were read."""
        self._insert("INSERT OR IGNORE INTO read VALUES (?, ?)", ((kind, one) for one in parents))

    def _insert(self, statement: str, rows: Iterable[tuple[str, ...]]) -> None:
        self._db.execute("BEGIN")
        self._db.executemany(statement, rows)
        self._db.execute("COMMIT")

    # --- what is missing --------------------------------------------------------------------

    def count(self, kind: str) -> int:
        """Return how many rows or pairs of a kind were known before this run."""
        found = self._db.execute("SELECT count(*) FROM known WHERE kind = ?", (kind,))
        return int(found.fetchone()[0])

    def missing(self, kind: str, who: str) -> int:
        """Return how many rows are missing that ``who`` saw before."""
        found = self._db.execute(f"SELECT count(*) FROM ({_MISSING})", (kind, who))  # noqa: S608
        return int(found.fetchone()[0])

    def missing_rows(self, kind: str, who: str, checked_before: str) -> list[str]:
        """Return the ids of rows that ``who`` saw before and does not see now.

        Those are left out that were found to be there nevertheless, and not long ago.
        """
        found = self._db.execute(
            f"{_MISSING} AND coalesce(checked, '') < ? ORDER BY length(id), id",
            (kind, who, checked_before),
        )
        return [one for (one,) in found]

    def missing_pairs(self, kind: str, who: str) -> list[Key]:
        """Return the pairs that rows read in this run had before, as ``who`` saw it, and lost."""
        return self._db.execute(
            _MISSING_PAIRS  # noqa: S608 - no value is in it
            + " AND parent IN (SELECT parent FROM read WHERE kind = known.kind)",
            (kind, who),
        ).fetchall()

    def pairs_of_gone(self, kind: str, parents: str) -> list[Key]:
        """Return the known pairs of rows of the kind ``parents`` that have gone."""
        return self._db.execute(
            "SELECT parent, id FROM known WHERE kind = ? "
            "AND parent IN (SELECT id FROM gone WHERE kind = ?)",
            (kind, parents),
        ).fetchall()

    def returned(self, kind: str, ids: Iterable[str]) -> set[str]:
        """Return which of these rows were told to be gone, and are there again."""
        asked = list(ids)
        places = ", ".join("?" * len(asked))
        found = self._db.execute(
            f"SELECT id FROM gone WHERE kind = ? AND parent = '' AND id IN ({places})",  # noqa: S608
            (kind, *asked),
        )
        return {one for (one,) in found}

    def has_gone(self, kind: str) -> bool:
        """Say whether any row of a kind is noted as gone."""
        found = self._db.execute("SELECT 1 FROM gone WHERE kind = ? LIMIT 1", (kind,))
        return found.fetchone() is not None

    # --- the end of a sweep -----------------------------------------------------------------

    def conclude(
        self, kind: str, who: str, now: dt.datetime, gone: Iterable[Key], there: Iterable[str]
    ) -> None:
        """Make what was seen known; ``gone`` has gone, ``there`` was asked for and not seen."""
        at = self._moment(kind, now)
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute(
                "DELETE FROM gone WHERE kind = ?1 AND (at < ?2 OR (parent, id) IN "
                "(SELECT parent, id FROM seen WHERE kind = ?1))",
                (kind, (now - KEPT).isoformat()),
            )
            self._db.execute(
                "INSERT OR REPLACE INTO known "
                "SELECT kind, parent, id, ?, NULL FROM seen WHERE kind = ?",
                (who, kind),
            )
            keys = [(kind, *key) for key in gone]
            self._db.executemany("DELETE FROM known WHERE (kind, parent, id) = (?, ?, ?)", keys)
            self._db.executemany(
                "INSERT OR REPLACE INTO gone VALUES (?, ?, ?, ?)", ((*key, at) for key in keys)
            )
            self._db.executemany(
                "UPDATE known SET checked = ? WHERE kind = ? AND parent = '' AND id = ?",
                ((at, kind, one) for one in there),
            )
            self._db.execute("INSERT OR REPLACE INTO swept VALUES (?, ?)", (kind, at))
            self._db.execute("COMMIT")
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def _moment(self, kind: str, now: dt.datetime) -> str:
        """Return when a sweep ends: always after the one before, whatever the clock does."""
        before = self.swept_at(kind)
        if before is not None:
            now = max(now, dt.datetime.fromisoformat(before) + dt.timedelta(milliseconds=1))
        return now.isoformat(timespec="microseconds")

    def swept_at(self, kind: str) -> str | None:
        """Return when the last sweep of a kind ended, None before the first."""
        found = self._db.execute("SELECT at FROM swept WHERE kind = ?", (kind,)).fetchone()
        return found and str(found[0])

    def gone_since(self, kind: str, told: str) -> list[tuple[Key, str]]:
        """Return what has gone after ``told``, and when that was found."""
        found = self._db.execute(
            "SELECT parent, id, at FROM gone WHERE kind = ? AND at > ? "
            "ORDER BY at, length(parent), parent, length(id), id",
            (kind, told),
        )
        return [((parent, one), at) for parent, one, at in found]


_MISSING_PAIRS = (
    "SELECT parent, id FROM known WHERE kind = ? AND who = ? AND NOT EXISTS (SELECT 1 FROM seen "
    "WHERE seen.kind = known.kind AND seen.parent = known.parent AND seen.id = known.id)"
)
_MISSING = _MISSING_PAIRS.replace("SELECT parent, id", "SELECT id", 1)


def _unusable(why: str) -> SettingsError:
    return SettingsError([f"known_ids_path cannot be used ({why}): name another file"])
