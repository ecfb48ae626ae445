"""Which rows and pairs an account had when it was last looked at, and which have gone since.

Ids alone, in a file of this user's or, for several machines, in PostgreSQL. What has gone stays
noted for a year, so that every pipeline that reads the account is told, each as far as its own
state says that it was not.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from tap_activecampaign_unified.config.settings import SettingsError
from tap_activecampaign_unified.storage.postgres import Postgres, check_place, is_address
from tap_activecampaign_unified.storage.sqlite import Database

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

#: What a row hangs on ("" for nothing) and its own id.
Key = tuple[str, str]

SETTING = "known_ids_path"
VERSION = 1
KEPT = dt.timedelta(days=366)
SECONDS_FOR_OTHERS = 60.0
SCHEMA = "activecampaign_known_ids"
_KEY = "kind {0}, parent {0}, id {0}{1}, PRIMARY KEY (kind, parent, id)"
_FOREVER = {
    "known": _KEY.format("{0}", ", who {0}, checked {0}"),
    "gone": _KEY.format("{0}", ", at {0}"),
    "swept": "kind {0} PRIMARY KEY, at {0}",
}
_FOR_THIS_RUN = {
    "seen": _KEY.format("{0}", ""),
    "read": "kind {0}, parent {0}, PRIMARY KEY (kind, parent)",
}


class _Store(Protocol):
    """Where the tables are; values stand for the question marks of a statement."""

    #: What the kinds of this account begin with.
    prefix: str

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        """Return a statement's rows."""

    def many(self, statement: str, values: Iterable[Sequence[Any]]) -> None:
        """Run a statement for each of many."""

    def together(self) -> contextlib.AbstractContextManager[None]:
        """Do all of a block or nothing, while nobody else writes."""

    def close(self) -> None:
        """Close it."""


class _File:
    """A SQLite file of one account."""

    prefix = ""

    def __init__(self, path: Path, account: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._db = Database(path, seconds_for_others=SECONDS_FOR_OTHERS)
        try:
            self._begin(account)
        except BaseException:
            self._db.close()
            raise

    def _begin(self, account: str) -> None:
        if self._db.execute("PRAGMA user_version").fetchone()[0] > VERSION:
            raise SettingsError(
                [f"{SETTING} was written by a newer version: update, or name another file"]
            )
        tables = {f"TABLE IF NOT EXISTS {name}": one for name, one in _FOREVER.items()}
        tables |= {f"TEMP TABLE {name}": one for name, one in _FOR_THIS_RUN.items()}
        self._db.execute("PRAGMA temp_store = FILE")
        for name, columns in tables.items():
            self._db.execute(f"CREATE {name} ({columns.format('TEXT')}) WITHOUT ROWID")
        self._db.execute("CREATE TABLE IF NOT EXISTS whose (account TEXT PRIMARY KEY)")
        self._db.execute(f"PRAGMA user_version = {VERSION}")
        self._db.execute(
            "INSERT INTO whose SELECT ? WHERE NOT EXISTS (SELECT 1 FROM whose)", (account,)
        )
        if self.rows("SELECT account FROM whose") != [(account,)]:
            # All its rows would be missing, and told to be deleted.
            raise SettingsError([f"{SETTING} belongs to another account: name another file"])

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        return list(self._db.execute(statement, tuple(values)).fetchall())

    def many(self, statement: str, values: Iterable[Sequence[Any]]) -> None:
        is_alone = not self._db.in_transaction
        if is_alone:
            self._db.execute("BEGIN")
        self._db.executemany(statement, values)
        if is_alone:
            self._db.execute("COMMIT")

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def close(self) -> None:
        self._db.close()


class _Shared:
    """A PostgreSQL database of many accounts."""

    def __init__(self, address: str, account: str, program: str) -> None:
        self.prefix = f"{account}/"
        self._db = Postgres(SETTING, address, program)
        try:
            self._begin()
        except BaseException:
            self._db.close()
            raise

    def _begin(self) -> None:
        # Moments are compared as text: digit by digit, in no language.
        text = 'TEXT COLLATE "C"'
        self._db.make(SCHEMA, {name: one.format(text) for name, one in _FOREVER.items()})
        self._db.rows(f"SET search_path TO {SCHEMA}")
        for name, columns in _FOR_THIS_RUN.items():
            self._db.rows(f"CREATE TEMP TABLE {name} ({columns.format(text)})")

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        return self._db.rows(statement.replace("?", "%s"), values)

    def many(self, statement: str, values: Iterable[Sequence[Any]]) -> None:
        self._db.many(statement.replace("?", "%s"), list(values))

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        with self._db.transaction():
            self._db.lock_for_transaction(SCHEMA, self.prefix)
            yield

    def close(self) -> None:
        self._db.close()


class KnownIds:
    """What is known, and what this run has seen: nothing is known by it before `conclude`.

    Raises `OSError` where the store fails.
    """

    def __init__(self, place: Path | str, account: str, program: str = "") -> None:
        """Open a file, or the database at an address; raise `SettingsError` where that fails."""
        self._db: _Store
        check_place(SETTING, str(place))
        try:
            if is_address(str(place)):
                self._db = _Shared(str(place), account, program)
            else:
                self._db = _File(Path(place).expanduser(), account)
        except OSError as problem:
            raise _unusable(problem.strerror or type(problem).__name__) from None

    def close(self) -> None:
        """Forget what this run has seen."""
        self._db.close()

    def _kind(self, kind: str) -> str:
        """Return what a kind of this account is called in the tables."""
        return self._db.prefix + kind

    # --- what this run sees -----------------------------------------------------------------

    def note(self, kind: str, keys: Iterable[Key]) -> None:
        """Note rows or pairs that are there."""
        kind = self._kind(kind)
        rows = ((kind, *key) for key in keys)
        self._insert("INSERT INTO seen VALUES (?, ?, ?) ON CONFLICT DO NOTHING", rows)

    def note_read(self, kind: str, parents: Iterable[str]) -> None:
        """Note rows all of whose pairs of a kind were read."""
        kind = self._kind(kind)
        rows = ((kind, one) for one in parents)
        self._insert("INSERT INTO read VALUES (?, ?) ON CONFLICT DO NOTHING", rows)

    def _insert(self, statement: str, rows: Iterable[tuple[str, ...]]) -> None:
        self._db.many(statement, rows)

    # --- what is missing --------------------------------------------------------------------

    def count(self, kind: str) -> int:
        """Return how many rows or pairs of a kind were known before this run."""
        found = self._db.rows("SELECT count(*) FROM known WHERE kind = ?", [self._kind(kind)])
        return int(found[0][0])

    def missing(self, kind: str, who: str) -> int:
        """Return how many rows are missing that ``who`` saw before."""
        counted = f"SELECT count(*) FROM ({_MISSING}) AS missing"  # noqa: S608
        return int(self._db.rows(counted, [self._kind(kind), who])[0][0])

    def missing_rows(self, kind: str, who: str, checked_before: str) -> list[str]:
        """Return the ids of rows that ``who`` saw before and does not see now.

        Those are left out that were found to be there nevertheless, and not long ago.
        """
        found = self._db.rows(
            f"{_MISSING} AND coalesce(checked, '') < ? ORDER BY length(id), id",
            [self._kind(kind), who, checked_before],
        )
        return [one for (one,) in found]

    def missing_pairs(self, kind: str, who: str) -> list[Key]:
        """Return the pairs that rows read in this run had before, as ``who`` saw it, and lost."""
        return self._db.rows(
            _MISSING_PAIRS  # noqa: S608 - no value is in it
            + " AND parent IN (SELECT parent FROM read WHERE kind = known.kind)",
            [self._kind(kind), who],
        )

    def pairs_of_gone(self, kind: str, parents: str) -> list[Key]:
        """Return the known pairs of rows of the kind ``parents`` that have gone."""
        return self._db.rows(
            "SELECT parent, id FROM known WHERE kind = ? "
            "AND parent IN (SELECT id FROM gone WHERE kind = ?)",
            [self._kind(kind), self._kind(parents)],
        )

    def returned(self, kind: str, ids: Iterable[str]) -> set[str]:
        """Return which of these rows were told to be gone, and are there again."""
        asked = list(ids)
        if not asked:
            return set()
        places = ", ".join("?" * len(asked))
        found = self._db.rows(
            f"SELECT id FROM gone WHERE kind = ? AND parent = '' AND id IN ({places})",  # noqa: S608
            [self._kind(kind), *asked],
        )
        return {one for (one,) in found}

    def has_gone(self, kind: str) -> bool:
        """Say whether any row of a kind is noted as gone."""
        return bool(self._db.rows("SELECT 1 FROM gone WHERE kind = ? LIMIT 1", [self._kind(kind)]))

    # --- the end of a sweep -----------------------------------------------------------------

    def conclude(
        self, kind: str, who: str, now: dt.datetime, gone: Iterable[Key], there: Iterable[str]
    ) -> None:
        """Make what was seen known; ``gone`` has gone, ``there`` was asked for and not seen."""
        at, told = self._moment(kind, now), self._kind(kind)
        keys = [(told, *key) for key in gone]
        with self._db.together():
            self._db.rows(
                "DELETE FROM gone WHERE kind = ? AND (at < ? OR (parent, id) IN "
                "(SELECT parent, id FROM seen WHERE kind = ?))",
                [told, (now - KEPT).isoformat(), told],
            )
            self._db.rows(
                "INSERT INTO known "
                "SELECT kind, parent, id, CAST(? AS TEXT), NULL FROM seen WHERE kind = ? "
                "ON CONFLICT (kind, parent, id) DO UPDATE SET who = excluded.who, checked = NULL",
                [who, told],
            )
            self._db.many("DELETE FROM known WHERE (kind, parent, id) = (?, ?, ?)", keys)
            self._db.many(
                "INSERT INTO gone VALUES (?, ?, ?, ?) "
                "ON CONFLICT (kind, parent, id) DO UPDATE SET at = excluded.at",
                ((*key, at) for key in keys),
            )
            self._db.many(
                "UPDATE known SET checked = ? WHERE kind = ? AND parent = '' AND id = ?",
                ((at, told, one) for one in there),
            )
            self._db.rows(
                "INSERT INTO swept VALUES (?, ?) ON CONFLICT (kind) DO UPDATE SET at = excluded.at",
                [told, at],
            )

    def _moment(self, kind: str, now: dt.datetime) -> str:
        """Return when a sweep ends: always after the one before, whatever the clock does."""
        before = self.swept_at(kind)
        if before is not None:
            now = max(now, dt.datetime.fromisoformat(before) + dt.timedelta(milliseconds=1))
        return now.isoformat(timespec="microseconds")

    def swept_at(self, kind: str) -> str | None:
        """Return when the last sweep of a kind ended, None before the first."""
        found = self._db.rows("SELECT at FROM swept WHERE kind = ?", [self._kind(kind)])
        return str(found[0][0]) if found else None

    def gone_since(self, kind: str, told: str) -> list[tuple[Key, str]]:
        """Return what has gone after ``told``, and when that was found."""
        found = self._db.rows(
            "SELECT parent, id, at FROM gone WHERE kind = ? AND at > ? "
            "ORDER BY at, length(parent), parent, length(id), id",
            [self._kind(kind), told],
        )
        return [((parent, one), at) for parent, one, at in found]


_MISSING_PAIRS = (
    "SELECT parent, id FROM known WHERE kind = ? AND who = ? AND NOT EXISTS (SELECT 1 FROM seen "
    "WHERE seen.kind = known.kind AND seen.parent = known.parent AND seen.id = known.id)"
)
_MISSING = _MISSING_PAIRS.replace("SELECT parent, id", "SELECT id", 1)


def _unusable(why: str) -> SettingsError:
    return SettingsError([f"{SETTING} cannot be used ({why}): name another"])
