"""Where a ledger is kept: a file of this machine, or a PostgreSQL database for several.

Both keep the same tables and know nothing of what is in them. Whoever writes has the turn, so that
two machines on one account wait for each other.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from tap_activecampaign_unified.storage.files import open_private
from tap_activecampaign_unified.storage.postgres import Postgres
from tap_activecampaign_unified.storage.sqlite import Database, DatabaseTrouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

try:
    import fcntl
except ImportError:  # Windows has no flock: there, do not run two at once
    fcntl = None  # type: ignore[assignment]

SCHEMA = "activecampaign_ledger"
MOST_NEAR = 50_000
Values = tuple[Any, ...]


@dataclass(frozen=True)
class Table:
    """A table: the columns of its key and its other columns, each ``text``, ``bytes``, ``number``.

    Rows are found by their whole key and by nothing else.
    """

    name: str
    key: tuple[tuple[str, str], ...]
    value: tuple[tuple[str, str], ...]

    @cached_property
    def keys(self) -> list[str]:
        """The names of the key's columns."""
        return [name for name, _ in self.key]

    @cached_property
    def values(self) -> list[str]:
        """The names of the other columns."""
        return [name for name, _ in self.value]

    @cached_property
    def select(self) -> str:
        """The statement that finds a row in a file."""
        return f"SELECT {', '.join(self.values)} FROM {self.name} WHERE {self.matches('?')}"  # noqa: S608

    @cached_property
    def insert(self) -> str:
        """What follows on ``INSERT OR …`` in a file."""
        return f"INTO {self.name} VALUES ({', '.join('?' * len((*self.key, *self.value)))})"

    def matches(self, place: str) -> str:
        """Return the condition on the whole key, ``place`` for each value."""
        return " AND ".join(f"{name} = {place}" for name in self.keys)


class Store(Protocol):
    """Where tables are kept. Everything here raises `OSError` where the store fails."""

    def try_turn(self) -> bool:
        """Keep others from writing until `close`; False while one of them does."""

    def open(self, tables: Sequence[Table], meta: Table, check: Callable[[Any], None]) -> None:
        """Make the tables, once ``check`` took the version that ``meta`` names (None: new)."""

    def get(self, table: Table, *key: Any) -> Values | None:
        """Return a row's values."""

    def expect(self, table: Table, keys: Iterable[Any]) -> None:
        """Fetch rows that will be asked for, by keys of one column: a hint."""

    def put(self, table: Table, key: Values, values: Values) -> None:
        """Write a row, in place of what was there."""

    def keep(self, table: Table, key: Values, values: Values) -> None:
        """Write a row unless one is there."""

    def drop(self, table: Table, *key: Any) -> None:
        """Remove a row, if it is there."""

    def together(self) -> contextlib.AbstractContextManager[None]:
        """Write all of a block or nothing."""

    def close(self) -> None:
        """Close it and let others write."""


_FILE_TYPES = {"text": "TEXT", "bytes": "BLOB", "number": "REAL"}
_POSTGRES_TYPES = {"text": "TEXT", "bytes": "BYTEA", "number": "DOUBLE PRECISION"}


class FileStore:
    """A SQLite file of one account; what is written is on disk when the call returns."""

    def __init__(self, path: Path, patience: float = 60.0) -> None:
        """Open nothing yet; ``patience`` is how long another program may have it, in seconds."""
        self._path, self._patience = path, patience
        self._open = contextlib.ExitStack()
        self._turn: int | None = None
        self._db: Database

    def try_turn(self) -> bool:
        """Lock a file beside it; the lock goes with the process (nothing where there is none)."""
        if fcntl is None:
            return True
        if self._turn is None:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._turn = open_private(Path(f"{self._path}.lock"), os.O_RDWR)
            self._open.callback(os.close, self._turn)
        try:
            fcntl.flock(self._turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def open(self, tables: Sequence[Table], meta: Table, check: Callable[[Any], None]) -> None:
        """Open or make the file; one that is not ours is left as it is."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._db = Database(self._path, seconds_for_others=self._patience)
        self._open.callback(self._db.close)
        there = {name for (name,) in self._db.execute("SELECT name FROM sqlite_master")}
        if there and meta.name not in there:
            raise DatabaseTrouble(errno.EILSEQ, "it is no ledger", str(self._path))
        found = self.get(meta, "version") if there else None
        check(found and found[0])
        # A killed process loses nothing that was handed to the system.
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        for table in tables:
            columns = [f"{name} {_FILE_TYPES[kind]}" for name, kind in (*table.key, *table.value)]
            self._db.execute(
                f"CREATE TABLE IF NOT EXISTS {table.name} ({', '.join(columns)}, "
                f"PRIMARY KEY ({', '.join(table.keys)})) WITHOUT ROWID"
            )

    def get(self, table: Table, *key: Any) -> Values | None:
        """Return a row's values."""
        found: Values | None = self._db.execute(table.select, key).fetchone()
        return found

    def expect(self, table: Table, keys: Iterable[Any]) -> None:
        """Do nothing: a file answers at once."""

    def put(self, table: Table, key: Values, values: Values) -> None:
        """Write a row, in place of what was there."""
        self._db.execute(f"INSERT OR REPLACE {table.insert}", (*key, *values))

    def keep(self, table: Table, key: Values, values: Values) -> None:
        """Write a row unless one is there."""
        self._db.execute(f"INSERT OR IGNORE {table.insert}", (*key, *values))

    def drop(self, table: Table, *key: Any) -> None:
        """Remove a row, if it is there."""
        self._db.execute(f"DELETE FROM {table.name} WHERE {table.matches('?')}", key)  # noqa: S608

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Write all of a block or nothing; within another block it is a part of that."""
        if self._db.in_transaction:
            yield
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def close(self) -> None:
        """Close the file, and let another run have it."""
        self._open.close()


class PostgresStore:
    """The rows of one account in tables that all accounts share.

    The server is asked as seldom as can be: `expect` fetches a batch's rows at once, and what is
    written `together` goes there when the block ends, a statement per table.
    """

    def __init__(self, setting: str, address: str, account: str, program: str) -> None:
        """Connect; raises `SettingsError` for what the user can mend."""
        self._name = account
        self._db = Postgres(setting, address, program)
        self._account: int | None = None
        #: Rows as they are there, None for those that are not.
        self._near: dict[tuple[str, Values], Values | None] = {}
        #: What the block under way writes, None outside of one.
        self._block: dict[tuple[str, Values], Values | None] | None = None
        self._tables: dict[str, Table] = {}

    def try_turn(self) -> bool:
        """Take the account's lock, which goes with the connection."""
        return self._db.try_lock("ledger", self._name)

    def open(self, tables: Sequence[Table], meta: Table, check: Callable[[Any], None]) -> None:
        """Make the tables that are not there, and the account in them."""
        self._tables = {one.name: one for one in tables}
        made = {"accounts": _ACCOUNTS} | {one.name: _columns(one) for one in tables}
        self._db.make(SCHEMA, made)
        of_name = f"SELECT account FROM {SCHEMA}.accounts WHERE name = %s"  # noqa: S608
        if not self._db.rows(of_name, [self._name]):
            self._db.rows(
                f"INSERT INTO {SCHEMA}.accounts (name) VALUES (%s) ON CONFLICT DO NOTHING",  # noqa: S608
                [self._name],
            )
        self._account = self._db.rows(of_name, [self._name])[0][0]
        found = self.get(meta, "version")
        check(found and found[0])

    def get(self, table: Table, *key: Any) -> Values | None:
        """Return a row's values."""
        if self._block is not None and (table.name, key) in self._block:
            return self._block[table.name, key]
        if (table.name, key) in self._near:
            return self._near[table.name, key]
        found = self._db.rows(
            f"SELECT {', '.join(table.values)} FROM {SCHEMA}.{table.name} "  # noqa: S608
            f"WHERE account = %s AND {table.matches('%s')}",
            [self._account, *_written(key)],
        )
        return _read(found[0]) if found else None

    def expect(self, table: Table, keys: Iterable[Any]) -> None:
        """Fetch rows that will be asked for."""
        asked = list(keys)
        if not asked:
            return
        if len(self._near) + len(asked) > MOST_NEAR:
            self._near.clear()
        names = ", ".join((*table.keys, *table.values))
        found = self._db.rows(
            f"SELECT {names} FROM {SCHEMA}.{table.name} "  # noqa: S608
            f"WHERE account = %s AND {table.keys[0]} = ANY(%s)",
            [self._account, asked],
        )
        self._near |= {(table.name, (key,)): None for key in asked}
        self._near |= {(table.name, (key,)): _read(values) for key, *values in found}

    def put(self, table: Table, key: Values, values: Values) -> None:
        """Write a row, in place of what was there."""
        if self._block is not None:
            self._block[table.name, key] = values
            return
        self._put_all(table, [(key, values)])
        self._note(table.name, key, values)

    def keep(self, table: Table, key: Values, values: Values) -> None:
        """Write a row unless one is there."""
        if self.get(table, *key) is None:
            self.put(table, key, values)

    def drop(self, table: Table, *key: Any) -> None:
        """Remove a row, if it is there."""
        if self._block is not None:
            self._block[table.name, key] = None
            return
        self._drop_all(table, [key])
        self._note(table.name, key, None)

    def _note(self, name: str, key: Values, values: Values | None) -> None:
        if (name, key) in self._near:
            self._near[name, key] = values

    def _put_all(self, table: Table, rows: list[tuple[Values, Values]]) -> None:
        columns = (*table.key, *table.value)
        names = ", ".join(name for name, _ in columns)
        arrays = ", ".join(f"%s::{_POSTGRES_TYPES[kind]}[]" for _, kind in columns)
        anew = ", ".join(f"{name} = excluded.{name}" for name in table.values)
        self._db.rows(
            f"INSERT INTO {SCHEMA}.{table.name} (account, {names}) "  # noqa: S608
            f"SELECT %s, * FROM unnest({arrays}) "
            f"ON CONFLICT (account, {', '.join(table.keys)}) DO UPDATE SET {anew}",
            [self._account, *_transposed([(*key, *values) for key, values in rows])],
        )

    def _drop_all(self, table: Table, keys: list[Values]) -> None:
        arrays = ", ".join(f"%s::{_POSTGRES_TYPES[kind]}[]" for _, kind in table.key)
        self._db.rows(
            f"DELETE FROM {SCHEMA}.{table.name} "  # noqa: S608
            f"WHERE account = %s AND ({', '.join(table.keys)}) IN (SELECT * FROM unnest({arrays}))",
            [self._account, *_transposed(keys)],
        )

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Write all of a block or nothing; within another block it is a part of that."""
        if self._block is not None:
            yield
            return
        self._block = {}
        try:
            yield
            block = self._block
        finally:
            self._block = None
        if not block:
            return
        with self._db.transaction():
            for table in self._tables.values():
                mine = {key: values for (name, key), values in block.items() if name == table.name}
                put = [(key, values) for key, values in mine.items() if values is not None]
                dropped = [key for key, values in mine.items() if values is None]
                if put:
                    self._put_all(table, put)
                if dropped:
                    self._drop_all(table, dropped)
        for (name, key), values in block.items():
            self._note(name, key, values)

    def close(self) -> None:
        """Close the connection, and let another run have the account."""
        self._db.close()


_ACCOUNTS = """
    account INTEGER GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name TEXT NOT NULL UNIQUE
"""


def _columns(table: Table) -> str:
    columns = [f"{name} {_POSTGRES_TYPES[kind]}" for name, kind in (*table.key, *table.value)]
    of_account = f"account INTEGER NOT NULL REFERENCES {SCHEMA}.accounts ON DELETE CASCADE"
    return f"{of_account}, {', '.join(columns)}, PRIMARY KEY (account, {', '.join(table.keys)})"


# PostgreSQL's text has no NUL, which a source's id may hold.
_ESCAPED = re.compile(r"\\([\\0])")


def _written(values: Iterable[Any]) -> list[Any]:
    return [
        value.replace("\\", "\\\\").replace("\0", "\\0") if isinstance(value, str) else value
        for value in values
    ]


def _read(values: Sequence[Any]) -> Values:
    return tuple(
        _ESCAPED.sub(_meant, value) if isinstance(value, str) and "\\" in value else value
        for value in values
    )


def _meant(found: re.Match[str]) -> str:
    return "\0" if found[1] == "0" else "\\"


def _transposed(rows: Sequence[Values]) -> list[list[Any]]:
    return [list(column) for column in zip(*map(_written, rows), strict=True)]
